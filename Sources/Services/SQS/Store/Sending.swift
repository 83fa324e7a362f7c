// SPDX-License-Identifier: Apache-2.0
import Crypto
import MartletCore
import Storage

/// What came of a send.
struct SentMessage: Sendable, Equatable {
    let id: String
    /// Of FIFO queues.
    let sequence: Int?
    let visibleAt: Instant
    /// An earlier twin is what was acknowledged; nothing new is in the queue.
    let isDuplicate: Bool
}

private struct Twin: RowDecodable {
    let id: String
    let sequence: Int

    init(row: inout Row) throws {
        id = try row.text()
        sequence = try row.integer()
    }
}

extension QueueChanges {
    /// Stores the message, unless its queue remembers a twin of it. Throws AWS's errors for what the queue does not take.
    func send(_ message: NewMessage, to queue: Queue, at now: Instant) throws -> SentMessage {
        try message.check(for: queue.settings)
        let delay = Duration.seconds(Int64(message.delaySeconds ?? queue.settings.delaySeconds))
        guard queue.isFIFO else {
            _ = try insert(message, into: queue, lane: nil, visibleAt: now + delay, at: now)
            return SentMessage(id: message.id, sequence: nil, visibleAt: now + delay, isDuplicate: false)
        }
        var message = message
        let deduplicationID = message.deduplicationID ?? Self.contentID(of: message.body)
        message.deduplicationID = deduplicationID
        let lane = message.groupID ?? ""
        let scope = queue.settings.deduplicatesByGroup ? lane : ""
        if let twin = try twin(deduplicationID, scope, in: queue, at: now) {
            return SentMessage(id: twin.id, sequence: twin.sequence, visibleAt: now, isDuplicate: true)
        }
        // A FIFO queue's messages have its delay, not one of their own.
        let visibleAt = now + .seconds(Int64(queue.settings.delaySeconds))
        let sequence = try insert(message, into: queue, lane: lane, visibleAt: visibleAt, at: now)
        try addToGroup(lane, of: queue.pileID, head: sequence, availableAt: visibleAt)
        try remember(message, deduplicationID, scope, sequence, in: queue, at: now)
        return SentMessage(id: message.id, sequence: sequence, visibleAt: visibleAt, isDuplicate: false)
    }

    /// Stores a message that the queue has no say in: visible at once, and no twin of any other.
    func put(_ message: NewMessage, into queue: Queue, at now: Instant) throws {
        let lane = queue.isFIFO ? message.groupID ?? message.id : nil
        let sequence = try insert(message, into: queue, lane: lane, visibleAt: now, at: now)
        if let lane { try addToGroup(lane, of: queue.pileID, head: sequence, availableAt: now) }
    }

    /// What stands for an id where a queue deduplicates by content: SHA-256 of the body alone.
    private static func contentID(of body: String) -> String {
        String(Hex.encode(SHA256.hash(data: Array(body.utf8))))
    }

    private func insert(
        _ message: NewMessage,
        into queue: Queue,
        lane: String?,
        visibleAt: Instant,
        at now: Instant
    ) throws -> Int {
        let sequence = try tx.first(
            Int.self,
            """
            INSERT INTO sqs_message (pile_id, visible_at, receives, earlier_receives, sent_at, lane, message_id, sender,
                group_id, deduplication_id, trace_header, attributes, body)
            VALUES (\(queue.pileID), \(visibleAt), 0, 0, \(now), \(lane), \(message.id), \(message.sender),
                \(message.groupID), \(message.deduplicationID), \(message.keptTraceHeader), \(message.attributes.stored),
                \(message.body))
            RETURNING sequence
            """
        )
        guard let sequence else { throw MartletError("storage.row", "a new message has no number") }
        return sequence
    }

    /// What this queue acknowledged under the same id during the last five minutes, received and deleted or not.
    private func twin(_ id: String, _ scope: String, in queue: Queue, at now: Instant) throws -> Twin? {
        try tx.first(
            Twin.self,
            """
            SELECT message_id, sequence FROM sqs_deduplication
            WHERE queue_id = \(queue.id) AND scope = \(scope) AND deduplication_id = \(id) AND expires_at > \(now)
            """
        )
    }

    private func remember(
        _ message: NewMessage,
        _ id: String,
        _ scope: String,
        _ sequence: Int,
        in queue: Queue,
        at now: Instant
    ) throws {
        try tx.execute(
            """
            INSERT INTO sqs_deduplication (queue_id, scope, deduplication_id, message_id, sequence, expires_at)
            VALUES (\(queue.id), \(scope), \(id), \(message.id), \(sequence), \(now + SQSLimits.deduplicationWindow))
            ON CONFLICT (queue_id, scope, deduplication_id) DO UPDATE
            SET message_id = excluded.message_id, sequence = excluded.sequence, expires_at = excluded.expires_at
            """
        )
    }
}
