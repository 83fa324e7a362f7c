// SPDX-License-Identifier: Apache-2.0
package import AWSWire
package import MartletCore
import Storage

extension SQSService {
    /// The oldest messages of a queue as they lie there, and how many there are: nothing is received, hidden or counted. For
    /// people who look after the server; SQS has no such operation. Throws `QueueDoesNotExist`.
    package func peek(at name: String, in scope: Scope, limit: Int) async throws -> JSONValue {
        let address = QueueAddress(scope: scope, name: name)
        let now = clock.now
        let (messages, total) = try await store.read { rows in
            let queue = try rows.requireQueue(address)
            return (
                try rows.oldest(limit, of: queue, keptAt: now),
                try rows.tx.count("SELECT COUNT(*) FROM sqs_message WHERE pile_id = \(queue.pileID)")
            )
        }
        return .object([
            .init("queue", .string(address.arn.description)), .init("total", .integer(total)),
            .init("messages", .array(try messages.map { try $0.peeked(at: now) })),
        ])
    }
}

extension QueueRows {
    /// In the order of their arrival; those whose time is over are left out.
    fileprivate func oldest(_ limit: Int, of queue: Queue, keptAt now: Instant) throws -> [StoredMessage] {
        try tx.rows(
            StoredMessage.self,
            """
            SELECT \(StoredMessage.columns) FROM sqs_message
            WHERE pile_id = \(queue.pileID) AND sent_at > \(now - queue.settings.retention)
            ORDER BY sent_at, sequence LIMIT \(limit)
            """
        )
    }
}

extension StoredMessage {
    fileprivate func peeked(at now: Instant) throws -> JSONValue {
        let attributes = try MessageAttributes(stored: attributes).values.sorted { $0.key < $1.key }
        var members: [JSONValue.Member] = [
            .init("messageId", .string(id)), .init("body", .string(body)),
            .init(
                "attributes",
                .object(systemAttributes.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })
            ),
            .init("messageAttributes", .object(attributes.map { .init($0.key, $0.value.peeked) })),
            .init("state", .string(visibleAt <= now ? "visible" : receives > 0 ? "in flight" : "delayed")),
        ]
        if visibleAt > now { members.append(.init("visibleAt", .string(visibleAt.iso8601Milliseconds))) }
        return .object(members)
    }
}

extension EventAttribute {
    fileprivate var peeked: JSONValue {
        let text =
            switch value {
            case .text(let text): text
            case .binary(let bytes): Base64.encode(bytes)
            }
        return .object([.init("dataType", .string(dataType)), .init("value", .string(text))])
    }
}
