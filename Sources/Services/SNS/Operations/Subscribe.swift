// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore

extension SNSService {
    private static let pendingARN = "pending confirmation"

    /// Where the endpoint has to say yes, its confirmation is on its way when this returns. AWS: Subscribe
    ///
    /// Differs from AWS: the protocol `firehose` answers 501.
    func subscribe(_ input: SubscribeInput, _ context: RequestContext) async throws -> SubscribeOutput {
        let reference = try TopicReference(input.topicArn, for: context)
        let wire = try Self.wire(input.protocol)
        guard let endpoint = input.endpoint, !endpoint.isEmpty, endpoint.utf8.count <= WebAddress.maximumBytes else {
            throw InvalidParameterException.of("Endpoint must match the specified protocol")
        }
        try wire.check(endpoint, isFIFO: reference.isFIFO)
        var attributes = SubscriptionAttributes()
        try attributes.set(input.attributes ?? [:], wire, endpoint: endpoint, isFIFO: reference.isFIFO)
        let owner = context.principal.account
        let request = SubscribeRequest(
            reference: reference,
            wire: wire,
            endpoint: endpoint,
            attributes: attributes,
            comparesAttributes: input.attributes?.isEmpty == false,
            owner: owner,
            principal: context.principal.arn.description,
            server: context.endpoint.description,
            id: ids.uuid(),
            token: wire.needsConfirmation(endpoint: endpoint, subscriber: owner) ? ids.hex(128) : nil,
            messageID: ids.uuid(),
            replayID: ids.uuid(),
            now: clock.now
        )
        let cipher = store.cipher
        let subscription = try await store.send { try $0.subscribe(request, cipher, &$1) }
        var output = SubscribeOutput()
        let showsARN = !subscription.isPending || input.returnSubscriptionArn == true
        output.subscriptionArn = showsARN ? subscription.arn : Self.pendingARN
        return output
    }

    private static func wire(_ text: String) throws -> SubscriptionProtocol {
        if text == "firehose" { throw CommonError.notImplemented("subscriptions of the protocol firehose") }
        guard let wire = SubscriptionProtocol(rawValue: text) else {
            throw InvalidParameterException.of("Amazon SNS does not support this protocol string: \(text)")
        }
        return wire
    }
}

/// What the transaction needs to know.
struct SubscribeRequest: Sendable {
    var reference: TopicReference
    var wire: SubscriptionProtocol
    var endpoint: String
    var attributes: SubscriptionAttributes
    var comparesAttributes: Bool
    var owner: AccountID
    var principal: String
    var server: String
    var id: String
    /// Nil when nothing has to be confirmed.
    var token: String?
    var messageID: String
    var replayID: String
    var now: Instant
}

extension SNSChanges {
    /// The subscription of this endpoint: a new one, or the one that is there.
    fileprivate func subscribe(
        _ request: SubscribeRequest,
        _ cipher: any Cipher,
        _ outgoing: inout [NewDelivery]
    ) throws -> StoredSubscription {
        let topic = try rows.requireTopic(request.reference)
        if let existing = try rows.subscription(toTopic: topic.id, request.wire, request.endpoint) {
            guard !request.comparesAttributes || existing.attributes.compared == request.attributes.compared else {
                throw InvalidParameterException.of(
                    "Attributes Reason: Subscription already exists with different attributes"
                )
            }
            if existing.isPending, let token = request.token {
                try renewToken(of: existing.id, to: token, at: request.now)
                outgoing.append(try askToConfirm(existing, topic, request, token, cipher))
            }
            return existing
        }
        try checkRoom(in: topic, for: request)
        try insert(
            NewSubscription(
                id: request.id,
                topic: topic,
                owner: request.owner,
                wire: request.wire,
                endpoint: request.endpoint,
                principal: request.principal,
                attributes: request.attributes,
                token: request.token,
                server: request.server
            ),
            at: request.now
        )
        guard let new = try rows.subscription(request.id) else {
            throw MartletError("sns.row", "a subscription that was just stored is not there")
        }
        if let token = request.token { outgoing.append(try askToConfirm(new, topic, request, token, cipher)) }
        return try replaying(new, topic, request)
    }

    private func checkRoom(in topic: StoredTopic, for request: SubscribeRequest) throws {
        if request.wire == .application, try !rows.hasEndpoint(request.endpoint) {
            throw InvalidParameterException.of(
                "Endpoint Reason: Endpoint does not exist for endpoint \(request.endpoint)"
            )
        }
        let limit = topic.isFIFO ? SNSLimits.subscriptionsPerFIFOTopic : SNSLimits.subscriptionsPerTopic
        let count = try rows.subscriptionCount(ofTopic: topic.id)
        guard count < limit else {
            throw SubscriptionLimitExceededException("Subscription limit for topic has been exceeded.")
        }
        if request.attributes[.filterPolicy] != nil { try rows.checkRoomForFilterPolicy(inTopic: topic.id) }
        if topic.attributes.maximumMessageBytes > SNSLimits.messageBytes {
            guard request.wire.takesLargeMessages, count < 100 else {
                throw InvalidParameterException.of(
                    "Protocol Reason: a topic with messages of more than 262144 bytes has no such subscriptions"
                )
            }
        }
    }

    private func replaying(
        _ new: StoredSubscription,
        _ topic: StoredTopic,
        _ request: SubscribeRequest
    ) throws -> StoredSubscription {
        guard let text = request.attributes[.replayPolicy] else { return new }
        var subscription = new
        try beginReplay(text, of: &subscription, topic, id: request.replayID, at: request.now)
        return subscription
    }

    /// Stores the question and returns its delivery.
    private func askToConfirm(
        _ subscription: StoredSubscription,
        _ topic: StoredTopic,
        _ request: SubscribeRequest,
        _ token: String,
        _ cipher: any Cipher
    ) throws -> NewDelivery {
        var content = PublishedMessage(
            body: """
                You have chosen to subscribe to the topic \(topic.reference.arn).
                To confirm the subscription, visit the SubscribeURL included in this message.
                """
        )
        content.kind = .subscriptionConfirmation(token: token)
        content.signatureVersion = topic.attributes.signatureVersion
        if request.endpoint.hasSuffix(TopicName.fifoSuffix) {
            content.groupID = "confirmation"
            content.deduplicationID = request.messageID
        }
        var message = try NewMessage(
            content,
            id: request.messageID,
            topic: topic,
            scope: topic.reference.scope,
            at: request.now,
            cipher: cipher
        )
        message.archivedUntil = nil
        try insert(message, deliveries: 1)
        return subscription.delivery(of: message, groupID: nil, isFIFO: false, at: request.now)
    }

    /// Throws `InvalidParameterException` when nothing is archived.
    func beginReplay(
        _ text: String,
        of subscription: inout StoredSubscription,
        _ topic: StoredTopic,
        id: String,
        at now: Instant
    ) throws {
        let policy = try ReplayPolicy(text)
        guard topic.beginningOfArchive(at: now) != nil else {
            throw InvalidParameterException.of("ReplayPolicy Reason: the topic has no archive")
        }
        try begin(policy, of: subscription, id: id)
        subscription.replayStatus = ReplayStatus.pending.rawValue
        try update(subscription)
    }
}

extension SNSRows {
    /// Throws `FilterPolicyLimitExceededException`.
    func checkRoomForFilterPolicy(inTopic id: Int) throws {
        guard try filterPolicyCount(ofTopic: id) < SNSLimits.filterPoliciesPerTopic else {
            throw FilterPolicyLimitExceededException("Filter policy limit for topic has been exceeded.")
        }
    }
}

extension StoredSubscription {
    /// Whether its filter policy lets the message through.
    func accepts(_ content: PublishedMessage, _ filters: FilterCache, _ body: FilterBody) throws -> Bool {
        guard let text = attributes[.filterPolicy] else { return true }
        return try filters.policy(text, scope: attributes.filterScope).accepts(content.attributes, body: body)
    }
}
