// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SNSService {
    /// AWS: ListSubscriptions
    func listSubscriptions(
        _ input: ListSubscriptionsInput,
        _ context: RequestContext
    ) async throws -> ListSubscriptionsOutput {
        let last = try Self.cursor(input.nextToken)
        let found = try await store.read { sns in
            try sns.subscriptions(ownedBy: context.scope, beyond: last, limit: SNSLimits.itemsPerPage + 1)
        }
        let page = Page(found, limit: SNSLimits.itemsPerPage, key: \.id)
        var output = ListSubscriptionsOutput()
        output.subscriptions = page.items.map(\.listed)
        output.nextToken = page.nextToken
        return output
    }

    /// AWS: ListSubscriptionsByTopic
    func listSubscriptionsByTopic(
        _ input: ListSubscriptionsByTopicInput,
        _ context: RequestContext
    ) async throws -> ListSubscriptionsByTopicOutput {
        let reference = try TopicReference(input.topicArn, for: context)
        let last = try Self.cursor(input.nextToken)
        let found = try await store.read { sns in
            let topic = try sns.requireTopic(reference)
            return try sns.subscriptions(ofTopic: topic.id, beyond: last, limit: SNSLimits.itemsPerPage + 1)
        }
        let page = Page(found, limit: SNSLimits.itemsPerPage, key: \.id)
        var output = ListSubscriptionsByTopicOutput()
        output.subscriptions = page.items.map(\.listed)
        output.nextToken = page.nextToken
        return output
    }

    /// AWS: GetSubscriptionAttributes
    func getSubscriptionAttributes(
        _ input: GetSubscriptionAttributesInput,
        _ context: RequestContext
    ) async throws -> GetSubscriptionAttributesOutput {
        let reference = try SubscriptionReference(input.subscriptionArn, for: context)
        let (subscription, topic) = try await store.read { sns in
            let subscription = try sns.requireSubscription(reference)
            return (subscription, try sns.topic(id: subscription.topicID))
        }
        var output = GetSubscriptionAttributesOutput()
        output.attributes = try subscription.shown(under: topic)
        return output
    }

    /// AWS: SetSubscriptionAttributes
    func setSubscriptionAttributes(
        _ input: SetSubscriptionAttributesInput,
        _ context: RequestContext
    ) async throws -> SetSubscriptionAttributesOutput {
        let reference = try SubscriptionReference(input.subscriptionArn, for: context)
        let (now, replayID) = (clock.now, ids.uuid())
        try await store.write { sns in
            var subscription = try sns.rows.requireSubscription(reference)
            let topic = try sns.rows.requireTopic(reference.topic)
            let hadPolicy = subscription.attributes[.filterPolicy] != nil
            try subscription.attributes.set(
                input.attributeName,
                to: input.attributeValue,
                subscription.wire,
                endpoint: subscription.endpoint,
                isFIFO: topic.isFIFO
            )
            try Self.checkFilter(of: subscription)
            if !hadPolicy, subscription.attributes[.filterPolicy] != nil {
                try sns.rows.checkRoomForFilterPolicy(inTopic: topic.id)
            }
            try sns.update(subscription)
            if input.attributeName == SubscriptionAttributes.Name.replayPolicy.rawValue {
                try sns.changeReplay(of: &subscription, topic, id: replayID, at: now)
            }
        }
        return SetSubscriptionAttributesOutput()
    }

    /// A policy that was right in one scope may be wrong in the other.
    private static func checkFilter(of subscription: StoredSubscription) throws {
        guard let text = subscription.attributes[.filterPolicy] else { return }
        _ = try FilterPolicy(text, scope: subscription.attributes.filterScope)
    }
}

extension SNSChanges {
    fileprivate func changeReplay(
        of subscription: inout StoredSubscription,
        _ topic: StoredTopic,
        id: String,
        at now: Instant
    ) throws {
        if let text = subscription.attributes[.replayPolicy] {
            return try beginReplay(text, of: &subscription, topic, id: id, at: now)
        }
        subscription.replayStatus = nil
        try update(subscription)
        try endReplay(of: subscription)
    }
}

extension StoredSubscription {
    fileprivate var listed: Subscription {
        var listed = Subscription()
        listed.subscriptionArn = isPending ? "PendingConfirmation" : arn
        listed.owner = owner.text
        listed.protocol = wire.rawValue
        listed.endpoint = endpoint
        listed.topicArn = topic.arn.description
        return listed
    }

    fileprivate func shown(under topic: StoredTopic?) throws -> [String: String] {
        var shown = attributes.values
        shown["SubscriptionArn"] = arn
        shown["TopicArn"] = self.topic.arn.description
        shown["Protocol"] = wire.rawValue
        shown["Endpoint"] = endpoint
        shown["Owner"] = owner.text
        shown["SubscriptionPrincipal"] = principal
        shown["PendingConfirmation"] = String(isPending)
        shown["ConfirmationWasAuthenticated"] = String(wasAuthenticated)
        shown["RawMessageDelivery"] = attributes[.rawMessageDelivery] ?? "false"
        if attributes[.filterPolicy] != nil { shown["FilterPolicyScope"] = attributes.filterScope.rawValue }
        if wire.isWeb {
            let policy = DeliveryPolicy.effective(
                topic: try topic?.attributes.deliveryPolicy() ?? DeliveryPolicy(),
                subscription: try attributes.deliveryPolicy()
            )
            shown["EffectiveDeliveryPolicy"] = policy.effectiveTextOfSubscription
        }
        if let replayStatus { shown["ReplayStatus"] = replayStatus }
        return shown
    }
}
