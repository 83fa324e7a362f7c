// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A subscription that was ended and can be taken up again by the token of its last message.
struct EndedSubscription: Sendable, RowDecodable {
    static let columns: SQL = "id, topic_id, owner, protocol, endpoint, principal, attributes, server"

    let id: String
    let topicID: Int
    let owner: AccountID
    let wire: SubscriptionProtocol
    let endpoint: String
    let principal: String
    let attributes: SubscriptionAttributes
    let server: String

    init(row: inout Row) throws {
        id = try row.text()
        topicID = try row.integer()
        guard let owner = AccountID(try row.text()), let wire = SubscriptionProtocol(rawValue: try row.text()) else {
            throw MartletError("sns.row", "the ended subscription \(id) names no account or no protocol")
        }
        self.owner = owner
        self.wire = wire
        endpoint = try row.text()
        principal = try row.text()
        attributes = SubscriptionAttributes(values: try StringMap.parse(row.text()))
        server = try row.text()
    }
}

extension SNSChanges {
    func remember(_ subscription: StoredSubscription, token: String, at now: Instant) throws {
        try tx.execute(
            """
            INSERT INTO sns_ended_subscription (token_hash, id, topic_id, account, owner, protocol, endpoint, principal,
                attributes, server, expires_at)
            VALUES (\(SecretHash.of(token)), \(subscription.id), \(subscription.topicID),
                \(subscription.topic.scope.account), \(subscription.owner), \(subscription.wire.rawValue),
                \(subscription.endpoint), \(subscription.principal), \(StringMap.text(subscription.attributes.values)),
                \(subscription.server), \(now + SNSLimits.confirmationLifetime))
            """
        )
    }

    /// Takes up the subscription that the token is of. Nil when there is none, or the endpoint has another one by now.
    func revive(tokenHash: String, of topic: StoredTopic, at now: Instant) throws -> StoredSubscription? {
        let ended = try tx.rows(
            EndedSubscription.self,
            """
            DELETE FROM sns_ended_subscription
            WHERE token_hash = \(tokenHash) AND topic_id = \(topic.id) AND expires_at > \(now)
            RETURNING \(EndedSubscription.columns)
            """
        )
        guard let ended = ended.first, try rows.subscription(toTopic: topic.id, ended.wire, ended.endpoint) == nil
        else { return nil }
        try insert(
            NewSubscription(
                id: ended.id,
                topic: topic,
                owner: ended.owner,
                wire: ended.wire,
                endpoint: ended.endpoint,
                principal: ended.principal,
                attributes: ended.attributes,
                server: ended.server
            ),
            at: now
        )
        return try rows.subscription(ended.id)
    }
}
