// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import MartletCore
import NIOCore

/// An event on its way to a target, as it is stored: the payload by itself, all else as JSON text.
package struct StoredEvent: Sendable {
    package var target: ARN
    package var event: EventDelivery
    /// The sender's own words, for its report.
    package var context: String
    /// A target's refusals so far, in the form of `Backoff`'s tries.
    package var tries = 0

    package init(_ event: EventDelivery, to target: ARN, context: String = "") {
        (self.event, self.target, self.context) = (event, target, context)
    }

    /// To be accepted by the engine, for the `TargetQueue` of that name.
    package func delivery(
        _ queue: String,
        id: String,
        scope: Scope,
        at now: Instant,
        dueAt: Instant? = nil
    ) -> NewDelivery {
        NewDelivery(
            queue: queue,
            target: target.description,
            id: id,
            scope: scope,
            payload: event.payload,
            detail: detail,
            acceptedAt: now,
            dueAt: dueAt
        )
    }

    var detail: String {
        var members: [JSONValue.Member] = [
            .init("target", .string(target.description)), .init("tries", .integer(tries)),
            .init("principal", .string(event.source.servicePrincipal)),
            .init("account", .string(event.source.account.text)),
        ]
        let texts = [
            ("context", context.isEmpty ? nil : context), ("source", event.source.arn?.description),
            ("role", event.source.role?.description), ("subject", event.subject), ("group", event.messageGroupID),
            ("deduplication", event.deduplicationID), ("trace", event.traceHeader),
        ]
        members += texts.compactMap { name, text in text.map { .init(name, .string($0)) } }
        switch event.remainder {
        case .payload(let payload)?: members.append(.init("remainder", .string(String(buffer: payload))))
        case .withoutAttributes?: members.append(.init("remainder", .null))
        case nil: break
        }
        let attributes = event.attributes.sorted { $0.key < $1.key }
        members.append(.init("attributes", .object(attributes.map { .init($0.key, $0.value.json) })))
        return JSONValue.object(members).compactText
    }

    /// Throws for what is damaged in the store.
    init(_ delivery: Delivery) throws {
        let json = try JSONValue(parsing: delivery.detail)
        guard let target = json["target"]?.stringValue.flatMap({ ARN($0) }),
            let principal = json["principal"]?.stringValue,
            let account = json["account"]?.stringValue.flatMap({ AccountID($0) })
        else { throw MartletError("delivery.row", "a stored event is damaged") }
        let source = EventSource(
            servicePrincipal: principal,
            arn: json["source"]?.stringValue.flatMap { ARN($0) },
            account: account,
            role: json["role"]?.stringValue.flatMap { ARN($0) }
        )
        var event = EventDelivery(delivery.payload, from: source)
        event.subject = json["subject"]?.stringValue
        event.messageGroupID = json["group"]?.stringValue
        event.deduplicationID = json["deduplication"]?.stringValue
        event.traceHeader = json["trace"]?.stringValue
        switch json["remainder"] {
        case .string(let text)?: event.remainder = .payload(ByteBuffer(string: text))
        case .null?: event.remainder = .withoutAttributes
        default: break
        }
        if case .object(let members)? = json["attributes"] {
            for member in members { event.attributes[member.name] = EventAttribute(json: member.value) }
        }
        self.init(event, to: target, context: json["context"]?.stringValue ?? "")
        if case .integer(let tries)? = json["tries"] { self.tries = tries }
    }
}

extension EventAttribute {
    fileprivate var json: JSONValue {
        switch value {
        case .text(let text): .object([.init("type", .string(dataType)), .init("text", .string(text))])
        case .binary(let bytes):
            .object([.init("type", .string(dataType)), .init("bytes", .string(Base64.encode(bytes)))])
        }
    }

    fileprivate init?(json: JSONValue) {
        guard let type = json["type"]?.stringValue else { return nil }
        if let text = json["text"]?.stringValue {
            self.init(dataType: type, value: .text(text))
        } else if let bytes = json["bytes"]?.stringValue.flatMap({ Base64.decode($0) }) {
            self.init(dataType: type, value: .binary(bytes))
        } else {
            return nil
        }
    }
}
