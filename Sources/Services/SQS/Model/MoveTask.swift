// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// Messages on their way from a dead-letter queue back to where they came from.
struct MoveTask: Sendable, RowDecodable {
    /// `RUNNING` goes to one of the others and stays there.
    enum Status: String, Sendable {
        case running = "RUNNING"
        case completed = "COMPLETED"
        case cancelled = "CANCELLED"
        case failed = "FAILED"
    }

    static let columns: SQL = """
        id, handle, source_arn, destination_arn, rate, status, to_move, moved, until_sequence, failure, started_at
        """

    let id: Int
    let handle: String
    let sourceARN: String
    /// Nil: each message goes to the queue that it came from.
    let destinationARN: String?
    /// Messages per second; nil for as fast as it goes.
    let rate: Int?
    let status: Status
    let toMove: Int
    let moved: Int
    /// Younger messages stay, so that what comes back at once is not moved for ever.
    let untilSequence: Int
    let failure: String?
    let startedAt: Instant

    init(row: inout Row) throws {
        id = try row.integer()
        handle = try row.text()
        sourceARN = try row.text()
        destinationARN = try row.optionalText()
        rate = try row.optionalInteger()
        status = Status(rawValue: try row.text()) ?? .failed
        toMove = try row.integer()
        moved = try row.integer()
        untilSequence = try row.integer()
        failure = try row.optionalText()
        startedAt = try row.instant()
    }

    /// As ListMessageMoveTasks shows it: only what can still be cancelled has a handle.
    var shown: ListMessageMoveTasksResultEntry {
        var entry = ListMessageMoveTasksResultEntry()
        entry.taskHandle = status == .running ? handle : nil
        entry.status = status.rawValue
        entry.sourceArn = sourceARN
        entry.destinationArn = destinationARN
        entry.maxNumberOfMessagesPerSecond = rate
        entry.approximateNumberOfMessagesMoved = moved
        entry.approximateNumberOfMessagesToMove = toMove
        entry.failureReason = failure
        entry.startedTimestamp = Int(startedAt.milliseconds)
        return entry
    }
}

/// Names a task and, for IAM, its queue.
struct MoveTaskHandle: Sendable, Equatable {
    let id: String
    let source: QueueAddress

    init(id: String, source: QueueAddress) {
        self.id = id
        self.source = source
    }

    /// Nil for text that `text` has not made.
    init?(parsing text: String) {
        guard text.utf8.count <= 2_048, let bytes = Base64.decode(text), let json = try? JSONValue(parsing: bytes),
            let id = json["taskId"]?.stringValue,
            let source = json["sourceArn"]?.stringValue.flatMap({ ARN($0) }).flatMap({ QueueAddress($0) })
        else { return nil }
        self.init(id: id, source: source)
    }

    var text: String {
        let members: [JSONValue.Member] = [
            .init("taskId", .string(id)), .init("sourceArn", .string(source.arn.description)),
        ]
        return Base64.encode(JSONValue.object(members).compactText.utf8)
    }
}
