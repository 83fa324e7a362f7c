// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// A message that somebody wants to send, good in itself; whether the queue takes it is seen in the transaction.
struct NewMessage: Sendable {
    var id: String
    var body: String
    var attributes: MessageAttributes
    var delaySeconds: Int?
    var groupID: String?
    var deduplicationID: String?
    var traceHeader: String?
    /// Of the call, for a message that has no trace header of its own. AWS: the header X-Amzn-Trace-Id
    var callTraceHeader: String?
    var sender: String

    /// Body and attributes, as AWS counts a message's size.
    var byteCount: Int { body.utf8.count + attributes.byteCount }

    /// What the queue keeps as AWSTraceHeader. A call's is kept only when it has a trace's form, as anybody may send it.
    var keptTraceHeader: String? {
        if let traceHeader { return traceHeader }
        guard let call = callTraceHeader, call.utf8.count <= 512, call.contains("Root=1-"),
            call.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { return nil }
        return call
    }

    var bodyMD5: String { MD5.text(of: body.utf8) }
    var systemAttributesMD5: String? {
        guard let traceHeader else { return nil }
        return MessageAttributes(system: traceHeader).md5
    }
}

extension MessageAttributes {
    init(system traceHeader: String) { self.init(["AWSTraceHeader": .string(traceHeader)]) }
}

extension NewMessage {
    /// What SendMessage and each entry of SendMessageBatch say of a message.
    struct Wish {
        var body: String?
        var delaySeconds: Int?
        var attributes: [String: MessageAttributeValue]?
        var systemAttributes: [String: MessageSystemAttributeValue]?
        var groupID: String?
        var deduplicationID: String?
    }

    /// Throws AWS's errors for what is wrong whatever the queue is.
    init(_ wish: Wish, from sender: String, id: String) throws {
        guard let body = wish.body, !body.isEmpty else {
            throw MissingRequiredParameterException.parameter("MessageBody")
        }
        if let seconds = wish.delaySeconds, !(0...SQSLimits.delaySeconds).contains(seconds) {
            throw InvalidParameterValueException.value(
                seconds,
                of: "DelaySeconds",
                "DelaySeconds must be >= 0 and <= 900."
            )
        }
        try MessageText.check(body)
        try Self.check(wish.groupID, "MessageGroupId")
        try Self.check(wish.deduplicationID, "MessageDeduplicationId")
        self.id = id
        self.body = body
        self.sender = sender
        delaySeconds = wish.delaySeconds
        attributes = try MessageAttributes(wish.attributes)
        groupID = wish.groupID
        deduplicationID = wish.deduplicationID
        traceHeader = try Self.traceHeader(wish.systemAttributes)
    }

    private static func check(_ text: String?, _ parameter: String) throws {
        guard let text else { return }
        guard (1...SQSLimits.identifierLength).contains(text.utf8.count),
            text.utf8.allSatisfy(\.isAlphanumericOrPunctuation)
        else {
            throw InvalidParameterValueException.value(
                text.prefix(512),
                of: parameter,
                "\(parameter) can only include alphanumeric and punctuation characters. 1 to 128 in length."
            )
        }
    }

    private static func traceHeader(_ wire: [String: MessageSystemAttributeValue]?) throws -> String? {
        guard let wire, !wire.isEmpty else { return nil }
        guard wire.count == 1, let value = wire["AWSTraceHeader"] else {
            throw InvalidParameterValueException("Message system attribute names must be AWSTraceHeader.")
        }
        let attribute = try AttributeRules.attribute(
            "AWSTraceHeader",
            value.dataType,
            value.stringValue,
            value.binaryValue,
            hasList: false
        )
        guard case .text(let text) = attribute.value, attribute.dataType == "String", text.utf8.count <= 8_192 else {
            throw InvalidParameterValueException("The message system attribute 'AWSTraceHeader' must be a String.")
        }
        return text
    }

    /// Throws AWS's errors for what this queue does not take.
    func check(for queue: QueueSettings) throws {
        guard byteCount <= queue.maximumBytes else {
            throw InvalidParameterValueException.messageTooLong(limit: queue.maximumBytes)
        }
        guard queue.isFIFO else {
            if let deduplicationID {
                throw InvalidParameterValueException.wrongQueueType(deduplicationID, of: "MessageDeduplicationId")
            }
            return
        }
        guard groupID != nil else { throw MissingRequiredParameterException.parameter("MessageGroupId") }
        guard deduplicationID != nil || queue.deduplicatesByContent else {
            throw InvalidParameterValueException(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
            )
        }
        if let delaySeconds, delaySeconds != 0 {
            throw InvalidParameterValueException.wrongQueueType(delaySeconds, of: "DelaySeconds")
        }
    }
}

extension InvalidParameterValueException {
    private static let tooLong = "One or more parameters are invalid. Reason: Message must be shorter than "

    fileprivate static func messageTooLong(limit bytes: Int) -> Self { .init("\(tooLong)\(bytes) bytes.") }

    /// Of a message that is larger than its queue takes, and of no other.
    var isOfTooLongMessage: Bool { message.hasPrefix(Self.tooLong) }
}
