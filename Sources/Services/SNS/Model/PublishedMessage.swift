// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// A message as it was accepted: what its deliveries are made from.
struct PublishedMessage: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case notification
        /// Sent to an endpoint that has to say yes; the token is in it.
        case subscriptionConfirmation(token: String)
        case unsubscribeConfirmation(token: String)
    }

    var kind = Kind.notification
    var body: String
    var subject: String?
    /// Of the message structure `json`: bodies for some protocols.
    var bodies: [String: String] = [:]
    var attributes: [String: MessageAttribute] = [:]
    var groupID: String?
    var deduplicationID: String?
    var traceHeader: String?
    /// Of the topic, when the message was published.
    var signatureVersion = 1
    var displayName: String?

    init(body: String) { self.body = body }

    func body(for wire: SubscriptionProtocol) -> String { bodies[wire.rawValue] ?? body }

    /// Body and attributes, as the topic's limit counts them.
    var byteCount: Int {
        attributes.reduce(body.utf8.count) { $0 + $1.key.utf8.count + $1.value.byteCount }
    }
}

// MARK: In a column

extension PublishedMessage {
    var text: String {
        var members: [(String, JSONValue)] = [("body", .string(body)), ("version", .integer(signatureVersion))]
        func add(_ name: String, _ text: String?) {
            if let text { members.append((name, .string(text))) }
        }
        switch kind {
        case .notification: break
        case .subscriptionConfirmation(let token): add("subscribe", token)
        case .unsubscribeConfirmation(let token): add("unsubscribe", token)
        }
        add("subject", subject)
        add("group", groupID)
        add("deduplication", deduplicationID)
        add("trace", traceHeader)
        add("display", displayName)
        if !bodies.isEmpty {
            members.append(
                ("bodies", .object(bodies.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) }))
            )
        }
        if !attributes.isEmpty {
            members.append(
                ("attributes", .object(attributes.sorted { $0.key < $1.key }.map { .init($0.key, $0.value.json) }))
            )
        }
        return JSONValue.text(members)
    }

    /// Throws `MartletError` for what was not written by `text`.
    init(parsing text: String) throws {
        let json = try JSONValue(parsing: text)
        guard let body = json["body"]?.stringValue else {
            throw MartletError("sns.row", "a stored message has no body")
        }
        self.body = body
        if let token = json["subscribe"]?.stringValue { kind = .subscriptionConfirmation(token: token) }
        if let token = json["unsubscribe"]?.stringValue { kind = .unsubscribeConfirmation(token: token) }
        subject = json["subject"]?.stringValue
        groupID = json["group"]?.stringValue
        deduplicationID = json["deduplication"]?.stringValue
        traceHeader = json["trace"]?.stringValue
        displayName = json["display"]?.stringValue
        signatureVersion = json["version"]?.wholeNumber ?? 1
        for member in json["bodies"]?.members ?? [] { bodies[member.name] = member.value.stringValue }
        for member in json["attributes"]?.members ?? [] {
            attributes[member.name] = MessageAttribute(json: member.value)
        }
    }
}

extension MessageAttribute {
    fileprivate var json: JSONValue {
        switch value {
        case .text(let text): .object([.init("t", .string(dataType)), .init("s", .string(text))])
        case .binary(let bytes): .object([.init("t", .string(dataType)), .init("b", .string(Base64.encode(bytes)))])
        }
    }

    fileprivate init?(json: JSONValue) {
        guard let type = json["t"]?.stringValue else { return nil }
        dataType = type
        if let text = json["s"]?.stringValue {
            value = .text(text)
        } else if let bytes = json["b"]?.stringValue.flatMap({ Base64.decode($0) }) {
            value = .binary(bytes)
        } else {
            return nil
        }
    }
}

/// The numbers of a FIFO topic, as AWS writes them: twenty digits that only grow.
enum SequenceNumber {
    static func text(_ number: Int) -> String {
        let digits = String(number.multipliedReportingOverflow(by: 1_000).partialValue.magnitude)
        return "1" + String(repeating: "0", count: max(0, 19 - digits.count)) + digits
    }
}
