// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore

/// What a subscription sends: some events of one stream, with where they come from.
struct SubscriptionDocument: Sendable {
    enum Kind: String, Sendable {
        case data = "DATA_MESSAGE"
        /// Asks whether a stream can be reached; carries no event of anybody.
        case control = "CONTROL_MESSAGE"
    }

    var kind = Kind.data
    var owner: String
    var group: String
    var stream: String
    var filters: [String]
    var events: [Event]

    struct Event: Sendable {
        var id: String
        var timestamp: Int
        var message: String
    }

    /// What a stream gets before its subscription is made.
    static func control(at now: Instant, of vendor: String) -> SubscriptionDocument {
        let message = "CWL CONTROL MESSAGE: Checking health of destination \(vendor)."
        return SubscriptionDocument(
            kind: .control,
            owner: "CloudwatchLogs",
            group: "",
            stream: "",
            filters: [],
            events: [Event(id: "", timestamp: Int(now.milliseconds), message: message)]
        )
    }

    var json: JSONValue {
        .object([
            .init("messageType", .string(kind.rawValue)), .init("owner", .string(owner)),
            .init("logGroup", .string(group)), .init("logStream", .string(stream)),
            .init("subscriptionFilters", .array(filters.map(JSONValue.string))),
            .init("logEvents", .array(events.map(\.json))),
        ])
    }

    /// The document as gzip, in as many pieces as the limit of their size asks for. One event is never cut.
    func compressed(limit: Int) throws -> [[UInt8]] {
        let whole = try Gzip.compress(Array(json.compactBuffer.readableBytesView))
        guard whole.count > limit, events.count > 1 else { return [whole] }
        var (front, back) = (self, self)
        front.events = Array(events[..<(events.count / 2)])
        back.events = Array(events[(events.count / 2)...])
        return try front.compressed(limit: limit) + back.compressed(limit: limit)
    }

    /// The event that a function gets.
    static func functionEvent(_ compressed: [UInt8]) -> ByteBuffer {
        ByteBuffer(string: "{\"awslogs\":{\"data\":\"\(Base64.encode(compressed))\"}}")
    }
}

extension SubscriptionDocument.Event {
    fileprivate var json: JSONValue {
        .object([
            .init("id", .string(id)), .init("timestamp", .integer(timestamp)), .init("message", .string(message)),
        ])
    }
}
