// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A message of a group, as far as its turn goes.
private struct Turn: RowDecodable {
    let sequence: Int
    let visibleAt: Instant
    let receives: Int

    init(row: inout Row) throws {
        sequence = try row.integer()
        visibleAt = try row.instant()
        receives = try row.integer()
    }
}

// Groups of FIFO queues. A group is available when its first message is visible and none is in flight. Messages in flight
// are always among the group's first ten, because a receive takes ten at most and only from an available group.
extension QueueChanges {
    /// Only a new group needs a row: another one has its first message already.
    func addToGroup(_ lane: String, of pile: Int, head: Int, availableAt: Instant) throws {
        try tx.execute(
            """
            INSERT INTO sqs_group (pile_id, lane, available_at, head) VALUES (\(pile), \(lane), \(availableAt), \(head))
            ON CONFLICT (pile_id, lane) DO NOTHING
            """
        )
    }

    /// Says anew when the group is available, after one of its messages has changed or gone.
    func refreshGroup(_ lane: String, of pile: Int) throws {
        let first = try turns(of: lane, in: pile, limit: SQSLimits.messagesPerReceive)
        guard let head = first.first else {
            try tx.execute("DELETE FROM sqs_group WHERE pile_id = \(pile) AND lane = \(lane)")
            return
        }
        let availableAt = first.reduce(head.visibleAt) { $1.receives > 0 ? max($0, $1.visibleAt) : $0 }
        try tx.execute(
            """
            UPDATE sqs_group SET available_at = \(availableAt), head = \(head.sequence)
            WHERE pile_id = \(pile) AND lane = \(lane)
            """
        )
    }

    private func turns(of lane: String, in pile: Int, limit: Int) throws -> [Turn] {
        try tx.rows(
            Turn.self,
            """
            SELECT sequence, visible_at, receives FROM sqs_message WHERE pile_id = \(pile) AND lane = \(lane)
            ORDER BY sequence LIMIT \(limit)
            """
        )
    }

    /// As many of one group as possible, then of the next: those that have been available for longest come first.
    func takeFromGroups(_ limit: Int, of queue: Queue, hiddenUntil: Instant, at now: Instant) throws -> [StoredMessage]
    {
        var taken: [StoredMessage] = []
        for lane in try tx.rows(String.self, Self.availableGroups(limit, of: queue.pileID, at: now)) {
            guard taken.count < limit else { break }
            let first = try turns(of: lane, in: queue.pileID, limit: limit - taken.count)
            // Behind a message that is still delayed nothing may be had.
            let ready = first.prefix { $0.visibleAt <= now }.map(\.sequence)
            taken += try take(ready, hiddenUntil: hiddenUntil, at: now)
            try refreshGroup(lane, of: queue.pileID)
        }
        return taken
    }

    static func availableGroups(_ limit: Int, of pile: Int, at now: Instant) -> SQL {
        """
        SELECT lane FROM sqs_group WHERE pile_id = \(pile) AND available_at <= \(now)
        ORDER BY available_at, head LIMIT \(limit)
        """
    }

    private func take(_ sequences: [Int], hiddenUntil: Instant, at now: Instant) throws -> [StoredMessage] {
        try tx.rows(
            StoredMessage.self,
            """
            UPDATE sqs_message SET visible_at = \(hiddenUntil), receives = receives + 1,
                first_received_at = COALESCE(first_received_at, \(now))
            WHERE sequence IN \(list: sequences) RETURNING \(StoredMessage.columns)
            """
        ).sorted { $0.sequence < $1.sequence }
    }
}

// A receive that is tried again under the same id gives the same messages, as long as none of them has been touched.
extension QueueChanges {
    func repeatAttempt(_ id: String, of queue: Queue, hiddenUntil: Instant, at now: Instant) throws -> [StoredMessage]?
    {
        let text = try tx.first(
            String.self,
            """
            SELECT messages FROM sqs_attempt
            WHERE queue_id = \(queue.id) AND attempt_id = \(id) AND expires_at > \(now)
            """
        )
        guard let text, !text.isEmpty else { return nil }
        var messages: [StoredMessage] = []
        for place in text.split(separator: " ") {
            let numbers = place.split(separator: ":").compactMap { Int($0) }
            guard numbers.count == 3,
                let message = try rows.message(numbers[0], of: queue), message.receives == numbers[1],
                message.visibleAt.milliseconds == Int64(numbers[2]), message.visibleAt > now
            else { return nil }
            messages.append(message)
        }
        for message in messages {
            try tx.execute("UPDATE sqs_message SET visible_at = \(hiddenUntil) WHERE sequence = \(message.sequence)")
        }
        for lane in Set(messages.compactMap(\.lane)) { try refreshGroup(lane, of: queue.pileID) }
        let renewed = try messages.compactMap { try rows.message($0.sequence, of: queue) }
        try rememberAttempt(id, renewed, of: queue, at: now)
        return renewed
    }

    func rememberAttempt(_ id: String, _ messages: [StoredMessage], of queue: Queue, at now: Instant) throws {
        let text = messages.map { "\($0.sequence):\($0.receives):\($0.visibleAt.milliseconds)" }.joined(separator: " ")
        try tx.execute(
            """
            INSERT INTO sqs_attempt (queue_id, attempt_id, messages, expires_at)
            VALUES (\(queue.id), \(id), \(text), \(now + SQSLimits.attemptWindow))
            ON CONFLICT (queue_id, attempt_id) DO UPDATE SET messages = excluded.messages, expires_at = excluded.expires_at
            """
        )
    }
}
