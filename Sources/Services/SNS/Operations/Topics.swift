// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SNSService {
    /// Making a topic that is there already answers its ARN, when nothing that the caller gives differs. AWS: CreateTopic
    func createTopic(_ input: CreateTopicInput, _ context: RequestContext) async throws -> CreateTopicOutput {
        guard TopicName.isWellFormed(input.name) else { throw InvalidParameterException.of("Topic Name") }
        let reference = TopicReference(scope: context.scope, name: input.name)
        let attributes = try Self.attributes(of: input, reference)
        let tags = try Self.tags(input.tags ?? [])
        if let policy = input.dataProtectionPolicy { try Self.checkDataProtection(policy) }
        let now = clock.now
        try await store.write { sns in
            if let existing = try sns.rows.topic(reference) {
                return try Self.check(existing, agreesWith: input, attributes)
            }
            let limit = reference.isFIFO ? SNSLimits.fifoTopicsPerAccount : SNSLimits.standardTopicsPerAccount
            guard try sns.rows.topicCount(in: reference.scope, fifo: reference.isFIFO) < limit else {
                throw TopicLimitExceededException("Topic limit has been exceeded.")
            }
            try sns.insert(
                reference,
                attributes,
                tags: tags,
                dataProtectionPolicy: input.dataProtectionPolicy,
                at: now
            )
        }
        var output = CreateTopicOutput()
        output.topicArn = reference.arn.description
        return output
    }

    private static func attributes(of input: CreateTopicInput, _ topic: TopicReference) throws -> TopicAttributes {
        var given = input.attributes ?? [:]
        let fifo = given.removeValue(forKey: TopicAttributes.Name.fifoTopic.rawValue)
        guard fifo == nil || fifo == "true" || fifo == "false" else { throw InvalidParameterException.of("FifoTopic") }
        // The name and the attribute have to say the same.
        guard (fifo == "true") == topic.isFIFO else { throw InvalidParameterException.of("Topic Name") }
        var attributes = TopicAttributes()
        for (name, value) in given.sorted(by: { $0.key < $1.key }) {
            try attributes.set(name, to: value, isFIFO: topic.isFIFO)
        }
        return attributes
    }

    private static func check(
        _ topic: StoredTopic,
        agreesWith input: CreateTopicInput,
        _ attributes: TopicAttributes
    ) throws {
        let shown = topic.settings
        for (name, value) in attributes.values where (shown[name] ?? "") != value {
            throw InvalidParameterException.of("Attributes Reason: Topic already exists with different attributes")
        }
        if let tags = input.tags, try Self.tags(tags) != topic.tags {
            throw InvalidParameterException.of("Tags Reason: Topic already exists with different tags")
        }
    }

    /// A topic that is not there is no error. AWS: DeleteTopic
    func deleteTopic(_ input: DeleteTopicInput, _ context: RequestContext) async throws -> DeleteTopicOutput {
        let reference = try TopicReference(input.topicArn, for: context)
        try await store.write { sns in
            guard let topic = try sns.rows.topic(reference) else { return }
            try sns.delete(topic)
        }
        return DeleteTopicOutput()
    }

    /// AWS: ListTopics
    func listTopics(_ input: ListTopicsInput, _ context: RequestContext) async throws -> ListTopicsOutput {
        let scope = context.scope
        let last = try Self.cursor(input.nextToken)
        let names = try await store.read { sns in
            try sns.topicNames(in: scope, beyond: last, limit: SNSLimits.itemsPerPage + 1)
        }
        let page = Page(names, limit: SNSLimits.itemsPerPage, key: { $0 })
        var output = ListTopicsOutput()
        output.topics = page.items.map { name in
            var topic = Topic()
            topic.topicArn = TopicReference(scope: scope, name: name).arn.description
            return topic
        }
        output.nextToken = page.nextToken
        return output
    }

    /// AWS: GetTopicAttributes
    func getTopicAttributes(
        _ input: GetTopicAttributesInput,
        _ context: RequestContext
    ) async throws -> GetTopicAttributesOutput {
        let reference = try TopicReference(input.topicArn, for: context)
        let now = clock.now
        let (topic, confirmed, pending) = try await store.read { sns in
            let topic = try sns.requireTopic(reference)
            return (
                topic, try sns.subscriptionCount(ofTopic: topic.id, pending: false),
                try sns.subscriptionCount(ofTopic: topic.id, pending: true)
            )
        }
        var attributes = topic.settings
        attributes["TopicArn"] = topic.reference.arn.description
        attributes["Owner"] = topic.reference.scope.account.text
        attributes["SubscriptionsConfirmed"] = String(confirmed)
        attributes["SubscriptionsPending"] = String(pending)
        attributes["SubscriptionsDeleted"] = String(topic.deletedSubscriptions)
        attributes["EffectiveDeliveryPolicy"] = try topic.attributes.deliveryPolicy().effectiveTextOfTopic
        if let beginning = topic.beginningOfArchive(at: now) {
            attributes["BeginningArchiveTime"] = beginning.iso8601Milliseconds
        }
        var output = GetTopicAttributesOutput()
        output.attributes = attributes
        return output
    }

    /// AWS: SetTopicAttributes
    func setTopicAttributes(
        _ input: SetTopicAttributesInput,
        _ context: RequestContext
    ) async throws -> SetTopicAttributesOutput {
        let reference = try TopicReference(input.topicArn, for: context)
        let now = clock.now
        try await store.write { sns in
            var topic = try sns.rows.requireTopic(reference)
            try topic.attributes.set(input.attributeName, to: input.attributeValue, isFIFO: topic.isFIFO)
            if topic.attributes.maximumMessageBytes > SNSLimits.messageBytes {
                try Self.checkTakesLargeMessages(try sns.rows.confirmedSubscriptions(ofTopic: topic.id))
            }
            let isArchived = topic.attributes.archiveDays != nil
            topic.archiveBeganAt = isArchived ? topic.archiveBeganAt ?? now : nil
            try sns.update(topic)
            if !isArchived { try sns.endArchive(ofTopic: topic.id) }
        }
        return SetTopicAttributesOutput()
    }

    private static func checkTakesLargeMessages(_ subscriptions: [StoredSubscription]) throws {
        guard subscriptions.count <= 100, subscriptions.allSatisfy(\.wire.takesLargeMessages) else {
            throw InvalidParameterException.of(
                """
                MaximumMessageSize Reason: a topic with messages of more than 262144 bytes can have 100 subscriptions at \
                most, each of the protocol sqs, lambda or firehose
                """
            )
        }
    }
}

extension StoredTopic {
    /// What was set, and the defaults that AWS shows.
    var settings: [String: String] {
        var settings = attributes.values
        settings["Policy"] = policy
        settings["DisplayName"] = attributes[.displayName] ?? ""
        if isFIFO {
            settings["FifoTopic"] = "true"
            settings["ContentBasedDeduplication"] = attributes[.contentBasedDeduplication] ?? "false"
            settings["FifoThroughputScope"] = attributes[.fifoThroughputScope] ?? "Topic"
        }
        return settings
    }

    /// The earliest instant that a replay can begin at; nil when nothing is archived.
    func beginningOfArchive(at now: Instant) -> Instant? {
        guard let days = attributes.archiveDays, let began = archiveBeganAt else { return nil }
        return max(began, now - .seconds(days * 86_400))
    }
}

/// One page of a listing, from one item more than fits.
struct Page<Item> {
    let items: [Item]
    let nextToken: String?

    init(_ found: [Item], limit: Int, key: (Item) -> String) {
        items = Array(found.prefix(limit))
        nextToken = found.count > limit ? items.last.map { PageToken.encode([key($0)]) } : nil
    }
}

extension SNSService {
    /// What a page begins behind. Throws `InvalidParameterException`.
    static func cursor(_ token: String?) throws -> String {
        guard let token, !token.isEmpty else { return "" }
        guard let keys = PageToken.decode(token, count: 1) else { throw InvalidParameterException.of("NextToken") }
        return keys[0]
    }
}
