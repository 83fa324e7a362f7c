// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// How many messages of a queue can be had, are in flight, or are delayed.
struct MessageCounts: Sendable, Equatable {
    var visible = 0
    var inFlight = 0
    var delayed = 0
}

extension QueueRows {
    func message(_ sequence: Int, of queue: Queue) throws -> StoredMessage? {
        try tx.first(
            StoredMessage.self,
            "SELECT \(StoredMessage.columns) FROM sqs_message WHERE sequence = \(sequence) AND pile_id = \(queue.pileID)"
        )
    }

    /// From the index alone. The work grows with the queue, so nothing but GetQueueAttributes asks.
    func counts(of queue: Queue, at now: Instant) throws -> MessageCounts {
        let pile = queue.pileID
        return MessageCounts(
            visible: try tx.count(
                "SELECT COUNT(*) FROM sqs_message WHERE pile_id = \(pile) AND visible_at <= \(now)"
            ),
            inFlight: try inFlight(of: pile, at: now),
            delayed: try tx.count(
                "SELECT COUNT(*) FROM sqs_message WHERE pile_id = \(pile) AND visible_at > \(now) AND receives = 0"
            )
        )
    }

    func inFlight(of pile: Int, at now: Instant) throws -> Int {
        try tx.count(
            "SELECT COUNT(*) FROM sqs_message WHERE pile_id = \(pile) AND visible_at > \(now) AND receives > 0"
        )
    }
}

extension QueueChanges {
    /// The message of a handle, while the handle is good for it. On a FIFO queue a handle ends with its visibility timeout.
    private func held(_ handle: ReceiptHandle, of queue: Queue, at now: Instant) throws -> StoredMessage? {
        guard let message = try rows.message(handle.sequence, of: queue), message.id == handle.messageID else {
            return nil
        }
        guard queue.isFIFO else { return message }
        guard message.receives == handle.receives, message.visibleAt > now else {
            throw InvalidParameterValueException.value(
                handle.text,
                of: "ReceiptHandle",
                "The receipt handle has expired."
            )
        }
        return message
    }

    /// Returns whether there was such a message. One that has gone already is no error.
    @discardableResult
    func delete(_ handle: ReceiptHandle, of queue: Queue, at now: Instant) throws -> Bool {
        guard queue.isFIFO else {
            return try tx.execute(
                """
                DELETE FROM sqs_message
                WHERE sequence = \(handle.sequence) AND pile_id = \(queue.pileID) AND message_id = \(handle.messageID)
                """
            ) > 0
        }
        guard let message = try held(handle, of: queue, at: now) else { return false }
        try delete(message.sequence, lane: message.lane, of: queue)
        return true
    }

    /// Throws `InvalidParameterValue` for a message that has gone, `MessageNotInflight` for one that is visible.
    func changeVisibility(of handle: ReceiptHandle, in queue: Queue, toSeconds seconds: Int, at now: Instant) throws {
        guard let message = try held(handle, of: queue, at: now) else {
            throw InvalidParameterValueException.value(
                handle.text,
                of: "ReceiptHandle",
                "Message does not exist or is not available for visibility timeout change."
            )
        }
        guard message.visibleAt > now, message.receives > 0 else {
            throw MessageNotInflight("The specified message isn't in flight.")
        }
        try tx.execute(
            """
            UPDATE sqs_message SET visible_at = \(now + .seconds(Int64(seconds))) WHERE sequence = \(message.sequence)
            """
        )
        if let lane = message.lane { try refreshGroup(lane, of: queue.pileID) }
    }
}
