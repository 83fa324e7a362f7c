// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

struct StoredSubscription: Sendable, RowDecodable {
    static let columns: SQL = """
        id, topic_id, account, region, topic_name, owner, protocol, endpoint, principal, attributes, is_pending,
        was_authenticated, unsubscribes_signed, token_expires_at, server, replay_status
        """

    let id: String
    let topicID: Int
    let topic: TopicReference
    /// The account that subscribed.
    let owner: AccountID
    let wire: SubscriptionProtocol
    let endpoint: String
    /// The ARN of who subscribed.
    let principal: String
    var attributes: SubscriptionAttributes
    var isPending: Bool
    var wasAuthenticated: Bool
    /// Whether only its owner may end it: the link in the messages does not.
    var unsubscribesSigned: Bool
    var tokenExpiresAt: Instant?
    /// This server, as the subscriber reached it: for the links in messages.
    let server: String
    var replayStatus: String?

    var arn: String { "\(topic.arn):\(id)" }

    init(row: inout Row) throws {
        id = try row.text()
        topicID = try row.integer()
        topic = TopicReference(scope: try row.scope(), name: try row.text())
        guard let owner = AccountID(try row.text()), let wire = SubscriptionProtocol(rawValue: try row.text()) else {
            throw MartletError("sns.row", "the subscription \(id) names no account or no protocol")
        }
        self.owner = owner
        self.wire = wire
        endpoint = try row.text()
        principal = try row.text()
        attributes = SubscriptionAttributes(values: try StringMap.parse(row.text()))
        isPending = try row.bool()
        wasAuthenticated = try row.bool()
        unsubscribesSigned = try row.bool()
        tokenExpiresAt = try row.optionalInstant()
        server = try row.text()
        replayStatus = try row.optionalText()
    }
}

/// A subscription that is about to be stored.
struct NewSubscription: Sendable {
    var id: String
    var topic: StoredTopic
    var owner: AccountID
    var wire: SubscriptionProtocol
    var endpoint: String
    var principal: String
    var attributes: SubscriptionAttributes
    /// What confirms it; nil when nothing has to.
    var token: String?
    var server: String
}

extension SNSRows {
    func subscription(_ id: String) throws -> StoredSubscription? {
        try tx.first(
            StoredSubscription.self,
            "SELECT \(StoredSubscription.columns) FROM sns_subscription WHERE id = \(id)"
        )
    }

    /// Throws `NotFoundException`.
    func requireSubscription(_ reference: SubscriptionReference) throws -> StoredSubscription {
        guard let found = try subscription(reference.id), found.topic == reference.topic else {
            throw NotFoundException("Subscription does not exist")
        }
        return found
    }

    func subscription(
        toTopic id: Int,
        _ wire: SubscriptionProtocol,
        _ endpoint: String
    ) throws -> StoredSubscription? {
        try tx.first(
            StoredSubscription.self,
            """
            SELECT \(StoredSubscription.columns) FROM sns_subscription
            WHERE topic_id = \(id) AND protocol = \(wire.rawValue) AND endpoint = \(endpoint)
            """
        )
    }

    func subscription(toTopic id: Int, tokenHash: String) throws -> StoredSubscription? {
        try tx.first(
            StoredSubscription.self,
            """
            SELECT \(StoredSubscription.columns) FROM sns_subscription WHERE topic_id = \(id) AND token_hash = \(tokenHash)
            """
        )
    }

    /// Those who get what is published.
    func confirmedSubscriptions(ofTopic id: Int) throws -> [StoredSubscription] {
        try tx.rows(
            StoredSubscription.self,
            """
            SELECT \(StoredSubscription.columns) FROM sns_subscription WHERE topic_id = \(id) AND is_pending = 0 ORDER BY id
            """
        )
    }

    func subscriptions(ofTopic id: Int, beyond last: String, limit: Int) throws -> [StoredSubscription] {
        try tx.rows(
            StoredSubscription.self,
            """
            SELECT \(StoredSubscription.columns) FROM sns_subscription WHERE topic_id = \(id) AND id > \(last)
            ORDER BY id LIMIT \(limit)
            """
        )
    }

    func subscriptions(ownedBy scope: Scope, beyond last: String, limit: Int) throws -> [StoredSubscription] {
        try tx.rows(
            StoredSubscription.self,
            """
            SELECT \(StoredSubscription.columns) FROM sns_subscription
            WHERE owner = \(scope.account) AND region = \(scope.region) AND id > \(last) ORDER BY id LIMIT \(limit)
            """
        )
    }

    func filterPolicyCount(ofTopic id: Int) throws -> Int {
        try tx.count(
            """
            SELECT COUNT(*) FROM sns_subscription WHERE topic_id = \(id) AND attributes LIKE \("%\"FilterPolicy\":%")
            """
        )
    }
}

extension SNSChanges {
    func insert(_ new: NewSubscription, at now: Instant) throws {
        let reference = new.topic.reference
        let expiry = new.token == nil ? nil : now + SNSLimits.confirmationLifetime
        try tx.execute(
            """
            INSERT INTO sns_subscription (id, topic_id, account, region, topic_name, owner, protocol, endpoint, principal,
                attributes, is_pending, was_authenticated, unsubscribes_signed, token_hash, token_expires_at, server,
                created_at)
            VALUES (\(new.id), \(new.topic.id), \(reference.scope.account), \(reference.scope.region), \(reference.name),
                \(new.owner), \(new.wire.rawValue), \(new.endpoint), \(new.principal),
                \(StringMap.text(new.attributes.values)), \(new.token != nil), \(new.token == nil), \(false),
                \(new.token.map(SecretHash.of)), \(expiry), \(new.server), \(now))
            """
        )
    }

    /// A pending one gets a new token; the one before is worthless then.
    func renewToken(of subscription: String, to token: String, at now: Instant) throws {
        try tx.execute(
            """
            UPDATE sns_subscription SET token_hash = \(SecretHash.of(token)),
                token_expires_at = \(now + SNSLimits.confirmationLifetime) WHERE id = \(subscription) AND is_pending = 1
            """
        )
    }

    func update(_ subscription: StoredSubscription) throws {
        try tx.execute(
            """
            UPDATE sns_subscription SET attributes = \(StringMap.text(subscription.attributes.values)),
                is_pending = \(subscription.isPending), was_authenticated = \(subscription.wasAuthenticated),
                unsubscribes_signed = \(subscription.unsubscribesSigned), replay_status = \(subscription.replayStatus)
            WHERE id = \(subscription.id)
            """
        )
    }

    func delete(_ subscription: StoredSubscription) throws {
        try tx.execute("DELETE FROM sns_subscription WHERE id = \(subscription.id)")
        try tx.execute("DELETE FROM sns_replay WHERE subscription_id = \(subscription.id)")
        try tx.execute(
            "UPDATE sns_topic SET deleted_subscriptions = deleted_subscriptions + 1 WHERE id = \(subscription.topicID)"
        )
    }
}
