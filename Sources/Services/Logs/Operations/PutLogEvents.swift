// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import MartletCore

extension LogsService {
    /// Stores a batch in one transaction. Sequence tokens and entities are taken and not looked at, as AWS does with tokens.
    /// Throws `InvalidParameterException`, `ResourceNotFoundException`. AWS: PutLogEvents
    ///
    /// Differs from AWS: `entity` is not kept.
    func putLogEvents(_ input: PutLogEventsInput, _ context: RequestContext) async throws -> PutLogEventsOutput {
        let outcome = try await ingest(
            IngestionRequest(
                group: input.logGroupName,
                stream: input.logStreamName,
                scope: context.scope,
                now: clock.now,
                events: .given(input.logEvents)
            )
        )
        var output = PutLogEventsOutput()
        output.nextSequenceToken = SequenceToken.text(stream: outcome.key.streamID, lastIngestionAt: outcome.now)
        output.rejectedLogEventsInfo = outcome.rejected
        return output
    }
}

extension LogsService: LogSink {
    /// The path of functions' lines: one transaction for each batch of AWS's size, committed together with those of others.
    /// Longer messages are cut into pieces, empty ones are left out, and times outside of what AWS can show are moved into it.
    package func append(_ records: [LogRecord], toGroup group: String, stream: String, in scope: Scope) async throws {
        let now = clock.now
        for batch in SinkBatches.cut(records) {
            let request = IngestionRequest(group: group, stream: stream, scope: scope, now: now, events: .ready(batch))
            _ = try await ingest(request)
        }
    }
}

extension LogChanges {
    /// Creates what is missing of the two.
    func makeStream(_ stream: String, inGroup group: String, at now: Instant) throws -> StreamKey {
        let lengths = 1...LogLimits.nameLength
        guard lengths.contains(group.utf8.count), lengths.contains(stream.utf8.count) else {
            throw InvalidParameterException(
                "The names of log groups and streams have from 1 to \(LogLimits.nameLength) characters."
            )
        }
        if try rows.group(group) == nil { try createGroup(group, at: now) }
        try createStream(stream, in: rows.requireGroup(group), at: now)
        guard let key = try rows.key(ofStream: stream, inGroup: group) else {
            throw MartletError("logs.store", "the log stream \(stream) of \(group) is not there after it was created")
        }
        return key
    }
}

/// Makes batches of AWS's size out of any number of records of any length.
enum SinkBatches {
    private static let messageBytes = LogLimits.batchBytes - LogLimits.bytesPerEvent

    static func cut(_ records: [LogRecord]) -> [[NewEvent]] {
        var batches: [[NewEvent]] = []
        var (batch, bytes): ([NewEvent], Int) = ([], 0)
        for event in records.lazy.flatMap(events) {
            if !batch.isEmpty, bytes + event.bytes > LogLimits.batchBytes || batch.count == LogLimits.eventsPerBatch {
                batches.append(batch)
                (batch, bytes) = ([], 0)
            }
            batch.append(event)
            bytes += event.bytes
        }
        return batch.isEmpty ? batches : batches + [batch]
    }

    private static func events(of record: LogRecord) -> [NewEvent] {
        let timestamp = min(max(Int(record.timestamp.milliseconds), 0), EventPosition.latestTimestamp)
        return pieces(of: record.message).map { NewEvent(timestamp: timestamp, message: $0) }
    }

    private static func pieces(of message: String) -> [String] {
        guard message.utf8.count > messageBytes else { return message.isEmpty ? [] : [message] }
        var pieces: [String] = []
        var rest = message.utf8[...]
        while !rest.isEmpty {
            var end = rest.index(rest.startIndex, offsetBy: messageBytes, limitedBy: rest.endIndex) ?? rest.endIndex
            // Not inside a character of several bytes.
            while end < rest.endIndex, rest[end] & 0xc0 == 0x80 { rest.formIndex(before: &end) }
            pieces.append(String(decoding: rest[..<end], as: UTF8.self))
            rest = rest[end...]
        }
        return pieces
    }
}
