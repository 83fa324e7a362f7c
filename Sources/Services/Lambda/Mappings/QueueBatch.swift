// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore

/// Messages on their way to one invocation. Pure: says what still fits.
struct QueueBatch: Sendable {
    private(set) var messages: [QueueMessage] = []
    private var records = ByteBuffer()
    let limit: Int
    /// AWS's limit of a payload, which the event around the records counts towards.
    let byteLimit: Int

    init(limit: Int, byteLimit: Int = LambdaLimits.requestBytes) { (self.limit, self.byteLimit) = (limit, byteLimit) }

    private static let opening: StaticString = #"{"Records":["#
    private static let closing: StaticString = "]}"

    var isEmpty: Bool { messages.isEmpty }
    var room: Int { max(0, limit - messages.count) }

    /// False when it does not fit any more. A first message always fits: a queue's messages are smaller than the limit.
    mutating func add(_ record: QueueRecord) -> Bool {
        guard room > 0 else { return false }
        let json = record.json.compactBuffer
        let around = Self.opening.utf8CodeUnitCount + Self.closing.utf8CodeUnitCount + 1
        guard isEmpty || records.readableBytes + json.readableBytes + around <= byteLimit else { return false }
        if !isEmpty { records.writeStaticString(",") }
        records.writeImmutableBuffer(json)
        messages.append(record.message)
        return true
    }

    /// The function's event.
    var event: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(records.readableBytes + 16)
        buffer.writeStaticString(Self.opening)
        buffer.writeImmutableBuffer(records)
        buffer.writeStaticString(Self.closing)
        return buffer
    }
}

/// Which messages of a batch the function says it could not do. AWS: ReportBatchItemFailures
enum ItemFailures: Equatable {
    case some(Set<String>)
    /// The answer is none that AWS understands: the whole batch has failed.
    case all

    init(_ payload: ByteBuffer, of ids: [String]) {
        guard payload.readableBytes > 0 else {
            self = .some([])
            return
        }
        // What is no JSON is no answer.
        guard let json = try? JSONValue(parsing: payload) else {
            self = .all
            return
        }
        switch json {
        case .null: self = .some([])
        case .object: self = Self.read(json["batchItemFailures"], Set(ids))
        default: self = .all
        }
    }

    private static func read(_ list: JSONValue?, _ ids: Set<String>) -> ItemFailures {
        switch list {
        case nil, .null?: return .some([])
        case .array(let items)?:
            var failed: Set<String> = []
            for item in items {
                guard let id = item["itemIdentifier"]?.stringValue, ids.contains(id) else { return .all }
                failed.insert(id)
            }
            return .some(failed)
        default: return .all
        }
    }
}
