// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore

extension SNSService {
    /// The token of a message proves that its endpoint says yes; no signature is needed. AWS: ConfirmSubscription
    func confirmSubscription(
        _ input: ConfirmSubscriptionInput,
        _ context: RequestContext
    ) async throws -> ConfirmSubscriptionOutput {
        let reference = try TopicReference(input.topicArn, for: context)
        let isSigned = context.principal.kind != .anonymous
        let endsSigned = input.authenticateOnUnsubscribe?.lowercased() == "true"
        guard isSigned || !endsSigned else {
            throw AuthorizationErrorException("AuthenticateOnUnsubscribe needs a signed request.")
        }
        let hash = SecretHash.of(input.token)
        let now = clock.now
        let arn = try await store.write { sns in
            let topic = try sns.rows.requireTopic(reference)
            guard var subscription = try sns.rows.subscription(toTopic: topic.id, tokenHash: hash) else {
                guard let revived = try sns.revive(tokenHash: hash, of: topic, at: now) else {
                    throw InvalidParameterException.of("Token")
                }
                return revived.arn
            }
            guard subscription.isPending else { return subscription.arn }
            guard let expiry = subscription.tokenExpiresAt, expiry > now else {
                throw InvalidParameterException.of("Token")
            }
            subscription.isPending = false
            subscription.wasAuthenticated = isSigned
            subscription.unsubscribesSigned = endsSigned
            try sns.update(subscription)
            return subscription.arn
        }
        var output = ConfirmSubscriptionOutput()
        output.subscriptionArn = arn
        return output
    }

    /// Needs no signature, unless the confirmation asked for one. A subscription that is not there is no error. Endpoints on
    /// the web are told, with a token that takes it back. AWS: Unsubscribe
    func unsubscribe(_ input: UnsubscribeInput, _ context: RequestContext) async throws -> UnsubscribeOutput {
        let reference = try SubscriptionReference(input.subscriptionArn, for: context)
        let isSigned = context.principal.kind != .anonymous
        let caller = context.principal.account
        let (token, messageID, now, cipher) = (ids.hex(128), ids.uuid(), clock.now, store.cipher)
        try await store.send { sns, outgoing in
            guard let subscription = try sns.rows.subscription(reference.id), subscription.topic == reference.topic
            else { return }
            guard isSigned || !subscription.unsubscribesSigned else {
                throw AuthorizationErrorException("Unsubscribing this endpoint needs a signed request.")
            }
            try sns.delete(subscription)
            guard !subscription.isPending, subscription.isToldOfItsEnd(isSigned && caller == subscription.owner)
            else { return }
            try sns.remember(subscription, token: token, at: now)
            outgoing.append(try sns.tell(subscription, ofItsEnd: token, messageID, at: now, cipher))
        }
        return UnsubscribeOutput()
    }
}

extension StoredSubscription {
    /// People are not told what they have done themselves; web servers always.
    fileprivate func isToldOfItsEnd(_ byItsOwner: Bool) -> Bool {
        switch wire {
        case .http, .https: true
        case .email, .emailJSON: !byItsOwner
        default: false
        }
    }
}

extension SNSChanges {
    /// Stores what it is told and returns its delivery.
    fileprivate func tell(
        _ subscription: StoredSubscription,
        ofItsEnd token: String,
        _ messageID: String,
        at now: Instant,
        _ cipher: any Cipher
    ) throws -> NewDelivery {
        let topic = try rows.topic(id: subscription.topicID)
        var content = PublishedMessage(
            body: """
                You have chosen to deactivate subscription \(subscription.arn).
                To cancel this operation and restore the subscription, visit the SubscribeURL included in this message.
                """
        )
        content.kind = .unsubscribeConfirmation(token: token)
        content.signatureVersion = topic?.attributes.signatureVersion ?? 1
        var message = try NewMessage(
            content,
            id: messageID,
            topic: topic,
            scope: subscription.topic.scope,
            at: now,
            cipher: cipher
        )
        message.archivedUntil = nil
        try insert(message, deliveries: 1)
        let target = DeliveryTarget(
            wire: subscription.wire,
            endpoint: subscription.endpoint,
            subscriptionARN: subscription.arn,
            server: subscription.server
        )
        return NotificationDelivery(messageID: messageID, recipient: .target(target))
            .new(NotificationQueue(target.wire), in: message.scope, at: now)
    }
}
