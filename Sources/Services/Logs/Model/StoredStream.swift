// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A log stream as the store keeps it.
struct StoredStream: Sendable, RowDecodable {
    static let columns: SQL = "id, name, created_at, first_event_at, last_event_at, last_ingestion_at"
    /// What `last_event_at` holds while a stream is empty, so that it sorts before all others in both engines.
    static let noEvent = -1

    let id: Int
    let name: String
    let createdAt: Instant
    let firstEventAt: Instant?
    let lastEventAt: Instant?
    let lastIngestionAt: Instant?

    init(row: inout Row) throws {
        id = try row.integer()
        name = try row.text()
        createdAt = try row.instant()
        firstEventAt = try row.optionalInstant()
        let last = try row.instant()
        lastEventAt = last.milliseconds == Self.noEvent ? nil : last
        lastIngestionAt = try row.optionalInstant()
    }

    /// As DescribeLogStreams shows it. AWS has shown no stored bytes of streams since 2019, only of groups.
    func description(of group: String, in scope: Scope) -> LogStream {
        var stream = LogStream()
        stream.logStreamName = name
        stream.creationTime = Int(createdAt.milliseconds)
        stream.firstEventTimestamp = firstEventAt.map { Int($0.milliseconds) }
        stream.lastEventTimestamp = lastEventAt.map { Int($0.milliseconds) }
        stream.lastIngestionTime = lastIngestionAt.map { Int($0.milliseconds) }
        stream.uploadSequenceToken = lastIngestionAt.map { SequenceToken.text(stream: id, lastIngestionAt: $0) }
        stream.arn = StoredGroup.arn(group, in: scope).description + ":log-stream:\(name)"
        stream.storedBytes = 0
        return stream
    }
}

/// The upload sequence token, which AWS still shows and no longer asks for.
enum SequenceToken {
    /// 56 digits beginning with 49, as AWS's have.
    static func text(stream: Int, lastIngestionAt: Instant) -> String {
        "49" + lastIngestionAt.milliseconds.digits(24) + Int64(stream).digits(30)
    }
}

extension Int64 {
    /// At least `width` digits; nothing below zero is expected, and it shows as zero.
    func digits(_ width: Int) -> String {
        let text = String(Swift.max(self, 0))
        return String(repeating: "0", count: Swift.max(width - text.utf8.count, 0)) + text
    }
}
