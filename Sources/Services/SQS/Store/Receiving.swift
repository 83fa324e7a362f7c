// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// What one look at a queue gave.
struct Catch: Sendable {
    var queue: Queue
    var messages: [StoredMessage] = []
    /// When the next message that is hidden now can be had, where none was to be had.
    var nextDueAt: Instant?
    /// What was moved to the dead-letter queue on the way.
    var deadLetters: DeadLetters?
    /// Whether there may be more that is visible now.
    var isCutShort = false
}

/// Messages that were received too often, and where they are now.
struct DeadLetters: Sendable {
    var target: Queue
    var messageIDs: [String] = []
}

/// What a receiver asks for.
struct ReceiveOrder: Sendable {
    var limit: Int
    /// The queue's own timeout when nil.
    var visibilitySeconds: Int?
    /// Of FIFO queues only.
    var attemptID: String?
}

extension QueueChanges {
    /// How often one look passes over messages that have expired or go to the dead-letter queue, before it gives up.
    private static let rounds = 50

    /// Hides up to `limit` visible messages and returns them in their order. No message is given to two callers. On the way,
    /// messages that have expired are removed, and those that were received too often go to the dead-letter queue.
    func receive(_ order: ReceiveOrder, from queue: Queue, at now: Instant) throws -> Catch {
        var found = Catch(queue: queue)
        let hiddenUntil = now + .seconds(Int64(order.visibilitySeconds ?? queue.settings.visibilitySeconds))
        if queue.isFIFO, let id = order.attemptID,
            let again = try repeatAttempt(id, of: queue, hiddenUntil: hiddenUntil, at: now)
        {
            found.messages = again
            return found
        }
        for _ in 0..<Self.rounds where found.messages.count < order.limit {
            let limit = order.limit - found.messages.count
            let taken =
                queue.isFIFO
                ? try takeFromGroups(limit, of: queue, hiddenUntil: hiddenUntil, at: now)
                : try take(limit, of: queue, hiddenUntil: hiddenUntil, at: now)
            found.isCutShort = !taken.isEmpty
            if taken.isEmpty { break }
            let kept = try sortOut(taken, &found, at: now)
            found.messages += kept
            // The usual case: nothing was sorted out, so there is no more or enough.
            if kept.count == taken.count { break }
        }
        if found.messages.isEmpty { found.nextDueAt = try rows.nextDue(of: queue, at: now) }
        if queue.isFIFO, let id = order.attemptID { try rememberAttempt(id, found.messages, of: queue, at: now) }
        return found
    }

    private func take(_ limit: Int, of queue: Queue, hiddenUntil: Instant, at now: Instant) throws -> [StoredMessage] {
        try tx.rows(StoredMessage.self, Self.taking(limit, of: queue.pileID, hiddenUntil, now, tx.dialect))
            .sorted { $0.sequence < $1.sequence }
    }

    /// One statement takes messages of a standard queue: the index gives the next ones.
    static func taking(_ limit: Int, of pile: Int, _ hiddenUntil: Instant, _ now: Instant, _ dialect: Dialect) -> SQL {
        """
        UPDATE sqs_message SET visible_at = \(hiddenUntil), receives = receives + 1,
            first_received_at = COALESCE(first_received_at, \(now))
        WHERE sequence IN (SELECT sequence FROM sqs_message WHERE pile_id = \(pile) AND visible_at <= \(now)
                           ORDER BY visible_at, sequence LIMIT \(limit) \(dialect.skipLockedRows))
        RETURNING \(StoredMessage.columns)
        """
    }

    /// Removes what has expired, moves what was received too often, and returns the rest.
    private func sortOut(_ taken: [StoredMessage], _ found: inout Catch, at now: Instant) throws -> [StoredMessage] {
        let (queue, horizon) = (found.queue, now - found.queue.settings.retention)
        let target = try found.queue.settings.redrive.flatMap { redrive in
            try rows.queue(redrive.target).map { (queue: $0, limit: redrive.maxReceiveCount) }
        }
        var kept: [StoredMessage] = []
        for message in taken {
            if message.sentAt <= horizon {
                try delete(message.sequence, lane: message.lane, of: queue)
            } else if let target, message.receives > target.limit {
                var unreceived = message
                unreceived.receives -= 1
                try move(unreceived, from: queue, to: target.queue, at: now, source: queue.address.arn)
                found.deadLetters = found.deadLetters ?? DeadLetters(target: target.queue)
                found.deadLetters?.messageIDs.append(message.id)
            } else {
                kept.append(message)
            }
        }
        return kept
    }

    /// The row changes its pile and gets a new place there. The id, and in standard queues the age, stay.
    func move(
        _ message: StoredMessage,
        from queue: Queue,
        to target: Queue,
        at now: Instant,
        source: ARN?
    ) throws {
        let visibleAt = now + .seconds(Int64(target.isFIFO ? target.settings.delaySeconds : 0))
        let lane = target.isFIFO ? message.groupID ?? message.id : nil
        let sentAt = target.isFIFO ? now : message.sentAt
        let sequence = try tx.first(
            Int.self,
            """
            INSERT INTO sqs_message (pile_id, visible_at, receives, earlier_receives, sent_at, first_received_at, lane,
                message_id, sender, group_id, deduplication_id, trace_header, dead_letter_source, attributes, body)
            VALUES (\(target.pileID), \(visibleAt), 0, \(message.receives + message.earlierReceives), \(sentAt),
                \(message.firstReceivedAt), \(lane), \(message.id), \(message.sender), \(message.groupID),
                \(message.deduplicationID), \(message.traceHeader), \(source?.description ?? message.deadLetterSource),
                \(message.attributes), \(message.body))
            RETURNING sequence
            """
        )
        guard let sequence else { throw MartletError("storage.row", "a moved message has no number") }
        if let lane { try addToGroup(lane, of: target.pileID, head: sequence, availableAt: visibleAt) }
        try delete(message.sequence, lane: message.lane, of: queue)
    }

    func delete(_ sequence: Int, lane: String?, of queue: Queue) throws {
        try tx.execute("DELETE FROM sqs_message WHERE sequence = \(sequence)")
        if let lane { try refreshGroup(lane, of: queue.pileID) }
    }
}

extension QueueRows {
    /// When the first of those messages that cannot be received now can be.
    func nextDue(of queue: Queue, at now: Instant) throws -> Instant? {
        try tx.first(
            Int.self,
            queue.isFIFO
                ? """
                SELECT available_at FROM sqs_group WHERE pile_id = \(queue.pileID) AND available_at > \(now)
                ORDER BY available_at LIMIT 1
                """
                : """
                SELECT visible_at FROM sqs_message WHERE pile_id = \(queue.pileID) AND visible_at > \(now)
                ORDER BY visible_at LIMIT 1
                """
        ).map { Instant(milliseconds: Int64($0)) }
    }
}
