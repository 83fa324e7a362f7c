// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A message as the store keeps it.
struct StoredMessage: Sendable, RowDecodable {
    static let columns: SQL = """
        sequence, message_id, body, attributes, sender, sent_at, visible_at, receives, earlier_receives, first_received_at, \
        lane, group_id, deduplication_id, trace_header, dead_letter_source
        """

    let sequence: Int
    let id: String
    let body: String
    let attributes: [UInt8]?
    let sender: String
    let sentAt: Instant
    let visibleAt: Instant
    /// From this queue.
    var receives: Int
    /// From the queues before this one.
    let earlierReceives: Int
    let firstReceivedAt: Instant?
    /// The group whose order is kept: of FIFO queues only.
    let lane: String?
    let groupID: String?
    let deduplicationID: String?
    let traceHeader: String?
    let deadLetterSource: String?

    init(row: inout Row) throws {
        sequence = try row.integer()
        id = try row.text()
        body = try row.text()
        attributes = try row.optionalBytes()
        sender = try row.text()
        sentAt = try row.instant()
        visibleAt = try row.instant()
        receives = try row.integer()
        earlierReceives = try row.integer()
        firstReceivedAt = try row.optionalInstant()
        lane = try row.optionalText()
        groupID = try row.optionalText()
        deduplicationID = try row.optionalText()
        traceHeader = try row.optionalText()
        deadLetterSource = try row.optionalText()
    }

    func handle(of queueID: Int) -> String {
        ReceiptHandle(queueID: queueID, sequence: sequence, receives: receives, messageID: id).text
    }

    /// All that SQS knows of the message beside what its sender gave it.
    var systemAttributes: [String: String] {
        var values = [
            "SenderId": sender, "SentTimestamp": "\(sentAt.milliseconds)",
            "ApproximateReceiveCount": "\(receives + earlierReceives)",
        ]
        if let firstReceivedAt {
            values["ApproximateFirstReceiveTimestamp"] = "\(firstReceivedAt.milliseconds)"
        }
        if lane != nil { values["SequenceNumber"] = SequenceNumber.text(sequence) }
        values["MessageGroupId"] = groupID
        values["MessageDeduplicationId"] = deduplicationID
        values["AWSTraceHeader"] = traceHeader
        values["DeadLetterQueueSourceArn"] = deadLetterSource
        return values
    }
}

/// How FIFO queues show a message's place: twenty digits that grow.
enum SequenceNumber {
    static func text(_ sequence: Int) -> String { String(10_000_000_000_000_000_000 + UInt64(clamping: sequence)) }
}
