// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// One message for one subscriber, in the form that the protocol has.
struct Notification: Sendable {
    let message: StoredMessage
    let wire: SubscriptionProtocol
    /// Nil for what has no subscription (yet): confirmations to pending ones carry none in their header.
    let subscriptionARN: String?
    /// This server, as the subscriber reached it.
    let server: String
    var isReplayed = false

    enum Kind: String {
        case notification = "Notification"
        case subscriptionConfirmation = "SubscriptionConfirmation"
        case
            unsubscribeConfirmation = "UnsubscribeConfirmation"
    }

    var kind: Kind {
        switch message.content.kind {
        case .notification: .notification
        case .subscriptionConfirmation: .subscriptionConfirmation
        case .unsubscribeConfirmation: .unsubscribeConfirmation
        }
    }

    var body: String { message.content.body(for: wire) }
    var timestamp: String { message.publishedAt.iso8601Milliseconds }

    private var token: String? {
        switch message.content.kind {
        case .notification: nil
        case .subscriptionConfirmation(let token), .unsubscribeConfirmation(let token): token
        }
    }

    var subscribeURL: String? {
        token.map {
            "\(server)/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn=\(message.topic.arn)&Token=\($0)"
        }
    }

    var unsubscribeURL: String? {
        subscriptionARN.map { "\(server)/?Action=Unsubscribe&Version=2010-03-31&SubscriptionArn=\($0)" }
    }

    /// FIFO topics do not sign.
    var isSigned: Bool { !message.topic.isFIFO }

    /// What the signature is about: names and values in alphabetic order, a line each.
    var signedText: String {
        var lines = ["Message", body, "MessageId", message.id]
        switch kind {
        case .notification: if let subject = message.content.subject { lines += ["Subject", subject] }
        default: lines += ["SubscribeURL", subscribeURL ?? ""]
        }
        lines += ["Timestamp", timestamp]
        if kind != .notification { lines += ["Token", token ?? ""] }
        lines += ["TopicArn", message.topic.arn.description, "Type", kind.rawValue]
        return lines.map { "\($0)\n" }.joined()
    }

    struct Signature: Sendable {
        let text: String
        let version: Int
        let certificateURL: String
    }

    /// As queues, web servers and e-mails get it.
    func json(_ signature: Signature?) -> String {
        var lines: [(String, String)] = []
        func add(_ name: String, _ text: String?) {
            if let text { lines.append((name, JSONValue.string(text).compactText)) }
        }
        add("Type", kind.rawValue)
        add("MessageId", message.id)
        add("SequenceNumber", message.sequenceNumber)
        add("Token", token)
        add("TopicArn", message.topic.arn.description)
        if kind == .notification { add("Subject", message.content.subject) }
        add("Message", body)
        if kind != .notification { add("SubscribeURL", subscribeURL) }
        add("Timestamp", timestamp)
        if let signature {
            add("SignatureVersion", String(signature.version))
            add("Signature", signature.text)
            add("SigningCertURL", signature.certificateURL)
        }
        if kind == .notification {
            add("UnsubscribeURL", unsubscribeURL)
            if !message.content.attributes.isEmpty { lines.append(("MessageAttributes", attributesText)) }
            if isReplayed { lines.append(("Replayed", "true")) }
        }
        return "{\n" + lines.map { "  \"\($0.0)\" : \($0.1)" }.joined(separator: ",\n") + "\n}"
    }

    private var attributesText: String {
        let lines = message.content.attributes.sorted { $0.key < $1.key }.map { name, attribute in
            "    \(JSONValue.string(name).compactText) : \(attribute.notificationJSON.compactText)"
        }
        return "{\n" + lines.joined(separator: ",\n") + "\n  }"
    }

    /// As functions get it.
    func functionEvent(_ signature: Signature?) -> String {
        let content = message.content
        let attributes = content.attributes.sorted { $0.key < $1.key }
            .map { JSONValue.Member($0.key, $0.value.notificationJSON) }
        let sns: [JSONValue.Member] = [
            .init("Type", .string(kind.rawValue)), .init("MessageId", .string(message.id)),
            .init("TopicArn", .string(message.topic.arn.description)),
            .init("Subject", content.subject.map(JSONValue.string) ?? .null), .init("Message", .string(body)),
            .init("Timestamp", .string(timestamp)),
            .init("SignatureVersion", .string(String(signature?.version ?? 1))),
            .init("Signature", .string(signature?.text ?? "")),
            .init("SigningCertUrl", .string(signature?.certificateURL ?? "")),
            .init("UnsubscribeUrl", .string(unsubscribeURL ?? "")), .init("MessageAttributes", .object(attributes)),
        ]
        let record: [JSONValue.Member] = [
            .init("EventSource", .string("aws:sns")), .init("EventVersion", .string("1.0")),
            .init("EventSubscriptionArn", .string(subscriptionARN ?? "")), .init("Sns", .object(sns)),
        ]
        return JSONValue.text([("Records", .array([.object(record)]))])
    }
}

extension MessageAttribute {
    fileprivate var notificationJSON: JSONValue {
        .object([.init("Type", .string(dataType)), .init("Value", .string(text))])
    }
}

/// Writes notifications, signed where their topic signs.
struct NotificationWriter: Sendable {
    let keys: SigningKeys

    func json(_ note: Notification) async throws -> String { note.json(try await signature(of: note)) }

    func functionEvent(_ note: Notification) async throws -> String {
        note.functionEvent(try await signature(of: note))
    }

    private func signature(of note: Notification) async throws -> Notification.Signature? {
        guard note.isSigned else { return nil }
        let version = note.message.content.signatureVersion
        return Notification.Signature(
            text: try await keys.sign(note.signedText, version: version),
            version: version,
            certificateURL: "\(note.server)\(SNSService.certificatePath)\(try await keys.pair().fileName)"
        )
    }
}
