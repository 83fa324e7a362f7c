// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore

extension SNSService {
    /// Durable when it returns: the message and each of its deliveries are stored in one transaction. AWS: Publish
    func publish(_ input: PublishInput, _ context: RequestContext) async throws -> PublishOutput {
        let draft = MessageDraft(input, traceHeader: context.traceHeader)
        let given = [input.topicArn, input.targetArn, input.phoneNumber].compactMap { $0 }.filter { !$0.isEmpty }
        guard given.count == 1 else {
            throw InvalidParameterException.of(
                given.isEmpty
                    ? "TopicArn or TargetArn Reason: no value for required parameter"
                    : "Only one of TopicArn, TargetArn or PhoneNumber may be given"
            )
        }
        if let number = input.phoneNumber, !number.isEmpty { return try await text(number, draft, context) }
        let member = input.topicArn?.isEmpty == false ? "TopicArn" : "TargetArn"
        if member == "TargetArn", let arn = ARN(given[0]), arn.service == "sns", arn.resource.hasPrefix("endpoint/") {
            return try await push(EndpointReference(given[0], for: context), draft, context)
        }
        let reference = try TopicReference(given[0], member: member, for: context)
        let stored = try await publish([draft], to: reference)
        var output = PublishOutput()
        switch stored[0] {
        case .success(let receipt):
            output.messageId = receipt.messageID
            output.sequenceNumber = receipt.sequenceNumber
        case .failure(let error): throw error
        }
        return output
    }

    struct Receipt: Sendable {
        let messageID: String
        let sequenceNumber: String?
    }

    /// All that are right, in one transaction and in order; the others come back with their errors. Throws
    /// `NotFoundException`.
    func publish(_ drafts: [MessageDraft], to reference: TopicReference) async throws -> [Result<Receipt, any Error>] {
        let (topic, subscriptions) = try await store.read { sns in
            let topic = try sns.requireTopic(reference)
            return (topic, try sns.confirmedSubscriptions(ofTopic: topic.id))
        }
        let now = clock.now
        let prepared = drafts.map { draft in
            Result { try prepare(draft, topic, subscriptions, at: now) }
        }
        return try await store.send { sns, outgoing in
            // It may have been deleted, and made again, by now.
            guard try sns.rows.topic(id: topic.id) != nil else { throw NotFoundException("Topic does not exist") }
            return try prepared.map { result -> Result<Receipt, any Error> in
                switch result {
                case .success(let fanOut): .success(try sns.store(fanOut, topic, &outgoing, at: now))
                case .failure(let error): .failure(error)
                }
            }
        }
    }

    private func prepare(
        _ draft: MessageDraft,
        _ topic: StoredTopic,
        _ subscriptions: [StoredSubscription],
        at now: Instant
    ) throws -> FanOut {
        let content = try draft.checked(for: topic)
        let body = FilterBody(content.body)
        let wanted = try subscriptions.filter { try $0.accepts(content, filters, body) }
        let message = try NewMessage(
            content,
            id: ids.uuid(),
            topic: topic,
            scope: topic.reference.scope,
            at: now,
            cipher: store.cipher
        )
        return FanOut(
            message: message,
            deduplication: content.deduplicationID.map { id in
                DeduplicationKey(
                    topicID: topic.id,
                    scope: topic.attributes.deduplicatesPerGroup ? content.groupID ?? "" : "",
                    id: id
                )
            },
            deliveries: wanted.map {
                $0.delivery(of: message, groupID: content.groupID, isFIFO: topic.isFIFO, at: now)
            }
        )
    }
}

/// A message with all of its deliveries, as one transaction stores it.
struct FanOut: Sendable {
    var message: NewMessage
    var deduplication: DeduplicationKey?
    var deliveries: [NewDelivery]
}

extension SNSChanges {
    /// A copy of a message that was published in the last five minutes stores nothing and answers as that one did.
    func store(
        _ fanOut: FanOut,
        _ topic: StoredTopic,
        _ outgoing: inout [NewDelivery],
        at now: Instant
    ) throws -> SNSService.Receipt {
        let message = fanOut.message
        if let key = fanOut.deduplication, let earlier = try rows.duplicate(of: key, at: now) {
            return SNSService.Receipt(
                messageID: earlier.messageID,
                sequenceNumber: SequenceNumber.text(earlier.sequence)
            )
        }
        let sequence = topic.isFIFO ? try nextSequence(ofTopic: topic.id) : 0
        if let key = fanOut.deduplication {
            try remember(
                key,
                messageID: message.id,
                sequence: sequence,
                until: now + SNSLimits.deduplicationInterval
            )
        }
        if !fanOut.deliveries.isEmpty || message.archivedUntil != nil {
            try insert(message, sequence: sequence, deliveries: fanOut.deliveries.count)
        }
        outgoing += fanOut.deliveries
        return SNSService.Receipt(
            messageID: message.id,
            sequenceNumber: topic.isFIFO ? SequenceNumber.text(sequence) : nil
        )
    }
}
