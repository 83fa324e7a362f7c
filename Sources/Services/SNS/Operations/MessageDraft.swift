// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Crypto
import MartletCore
import NIOCore

/// What a caller wants to publish, before it is known whether that may be.
struct MessageDraft: Sendable {
    var message: String
    var subject: String?
    var structure: String?
    var attributes: [String: MessageAttributeValue]
    var deduplicationID: String?
    var groupID: String?
    var traceHeader: String?

    init(_ input: PublishInput, traceHeader: String?) {
        message = input.message
        subject = input.subject
        structure = input.messageStructure
        attributes = input.messageAttributes ?? [:]
        deduplicationID = input.messageDeduplicationId
        groupID = input.messageGroupId
        self.traceHeader = traceHeader
    }

    init(_ entry: PublishBatchRequestEntry, traceHeader: String?) {
        message = entry.message
        subject = entry.subject
        structure = entry.messageStructure
        attributes = entry.messageAttributes ?? [:]
        deduplicationID = entry.messageDeduplicationId
        groupID = entry.messageGroupId
        self.traceHeader = traceHeader
    }

    /// Throws `InvalidParameterException`, `InvalidParameterValueException`.
    func checked() throws -> PublishedMessage {
        guard !message.isEmpty else { throw InvalidParameterException.of("Empty message") }
        var content = PublishedMessage(body: message)
        try readStructure(into: &content)
        if let subject {
            try Self.check(subject: subject)
            content.subject = subject
        }
        for (name, value) in attributes { content.attributes[name] = try MessageAttribute(value, name: name) }
        content.traceHeader = traceHeader
        return content
    }

    /// Throws `InvalidParameterException`.
    func checked(for topic: StoredTopic) throws -> PublishedMessage {
        var content = try checked()
        let size =
            attributes.isEmpty ? message.utf8.count : content.byteCount - content.body.utf8.count + message.utf8.count
        guard size <= topic.attributes.maximumMessageBytes else {
            throw InvalidParameterException.messageTooLong
        }
        if let groupID { try Self.check(groupID, "MessageGroupId") }
        if let deduplicationID { try Self.check(deduplicationID, "MessageDeduplicationId") }
        content.groupID = groupID
        content.signatureVersion = topic.attributes.signatureVersion
        content.displayName = topic.attributes[.displayName]
        guard topic.isFIFO else {
            guard deduplicationID == nil else {
                throw InvalidParameterException.of(
                    """
                    MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for \
                    this topic type
                    """
                )
            }
            return content
        }
        guard groupID != nil else {
            throw InvalidParameterException.of("The MessageGroupId parameter is required for FIFO topics")
        }
        guard deduplicationID != nil || topic.attributes.isContentDeduplicated else {
            throw InvalidParameterException.of(
                """
                The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly
                """
            )
        }
        content.deduplicationID = deduplicationID ?? Hex.encode(SHA256.hash(data: Array(message.utf8)))
        return content
    }

    private func readStructure(into content: inout PublishedMessage) throws {
        guard let structure, !structure.isEmpty else { return }
        guard structure == "json" else { throw InvalidParameterException.of("MessageStructure") }
        guard let members = (try? JSONValue(parsing: message))?.members,
            Set(members.map(\.name)).count == members.count
        else { throw InvalidParameterException.of("Message Structure - JSON message body failed to parse") }
        let texts = Dictionary(members.compactMap { member in member.value.stringValue.map { (member.name, $0) } }) {
            $1
        }
        guard let usual = texts["default"] else {
            throw InvalidParameterException.of("Message Structure - No default entry in JSON message body")
        }
        content.body = usual
        content.bodies = texts.filter {
            SubscriptionProtocol(rawValue: $0.key) != nil || Platform(rawValue: $0.key) != nil
        }
    }

    /// Under 100 characters, no line breaks or control characters.
    private static func check(subject: String) throws {
        guard !subject.isEmpty, subject.count < SNSLimits.subjectCharacters,
            !subject.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) })
        else { throw InvalidParameterException.of("Subject") }
    }

    /// 1–128 visible ASCII characters.
    private static func check(_ id: String, _ member: String) throws {
        guard (1...128).contains(id.utf8.count), id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw InvalidParameterException.of(
                """
                The \(member) parameter can only include alphanumeric and punctuation characters. 1 to 128 in length
                """
            )
        }
    }
}
