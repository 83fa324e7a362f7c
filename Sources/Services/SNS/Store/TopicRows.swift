// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

struct StoredTopic: Sendable, RowDecodable {
    static let columns: SQL = """
        id, account, region, name, attributes, tags, data_protection_policy, archive_began_at, deleted_subscriptions
        """

    let id: Int
    let reference: TopicReference
    var attributes: TopicAttributes
    var tags: [String: String]
    var dataProtectionPolicy: String?
    /// Since when messages are archived.
    var archiveBeganAt: Instant?
    let deletedSubscriptions: Int

    var isFIFO: Bool { reference.isFIFO }
    var policy: String { attributes[.policy] ?? TopicPolicy.usual(of: reference) }

    init(row: inout Row) throws {
        id = try row.integer()
        reference = TopicReference(scope: try row.scope(), name: try row.text())
        attributes = TopicAttributes(values: try StringMap.parse(row.text()))
        tags = try StringMap.parse(row.text())
        dataProtectionPolicy = try row.optionalText()
        archiveBeganAt = try row.optionalInstant()
        deletedSubscriptions = try row.integer()
    }
}

extension SNSRows {
    func topic(_ topic: TopicReference) throws -> StoredTopic? {
        try tx.first(
            StoredTopic.self,
            """
            SELECT \(StoredTopic.columns) FROM sns_topic
            WHERE account = \(topic.scope.account) AND region = \(topic.scope.region) AND name = \(topic.name)
            """
        )
    }

    /// Throws `NotFoundException`.
    func requireTopic(_ reference: TopicReference) throws -> StoredTopic {
        guard let topic = try topic(reference) else { throw NotFoundException("Topic does not exist") }
        return topic
    }

    func topic(id: Int) throws -> StoredTopic? {
        try tx.first(StoredTopic.self, "SELECT \(StoredTopic.columns) FROM sns_topic WHERE id = \(id)")
    }

    /// Names in order, beyond `name`.
    func topicNames(in scope: Scope, beyond name: String, limit: Int) throws -> [String] {
        try tx.rows(
            String.self,
            """
            SELECT name FROM sns_topic WHERE account = \(scope.account) AND region = \(scope.region) AND name > \(name)
            ORDER BY name LIMIT \(limit)
            """
        )
    }

    func topicCount(in scope: Scope, fifo: Bool) throws -> Int {
        let isFIFO: SQL = fifo ? "LIKE" : "NOT LIKE"
        return try tx.count(
            """
            SELECT COUNT(*) FROM sns_topic
            WHERE account = \(scope.account) AND region = \(scope.region) AND name \(isFIFO) \("%.fifo")
            """
        )
    }

    func subscriptionCount(ofTopic id: Int, pending: Bool? = nil) throws -> Int {
        let condition: SQL = pending.map { "AND is_pending = \($0)" } ?? ""
        return try tx.count("SELECT COUNT(*) FROM sns_subscription WHERE topic_id = \(id) \(condition)")
    }
}

extension SNSChanges {
    func insert(
        _ topic: TopicReference,
        _ attributes: TopicAttributes,
        tags: [String: String],
        dataProtectionPolicy: String?,
        at now: Instant
    ) throws {
        let archiveBeganAt = attributes.archiveDays == nil ? nil : now
        try tx.execute(
            """
            INSERT INTO sns_topic (account, region, name, attributes, tags, data_protection_policy, created_at,
                archive_began_at)
            VALUES (\(topic.scope.account), \(topic.scope.region), \(topic.name), \(StringMap.text(attributes.values)),
                \(StringMap.text(tags)), \(dataProtectionPolicy), \(now), \(archiveBeganAt))
            """
        )
    }

    func update(_ topic: StoredTopic) throws {
        try tx.execute(
            """
            UPDATE sns_topic SET attributes = \(StringMap.text(topic.attributes.values)),
                tags = \(StringMap.text(topic.tags)), data_protection_policy = \(topic.dataProtectionPolicy),
                archive_began_at = \(topic.archiveBeganAt)
            WHERE id = \(topic.id)
            """
        )
    }

    /// With its subscriptions and its archive. Messages on their way find no subscription any more.
    func delete(_ topic: StoredTopic) throws {
        try tx.execute("DELETE FROM sns_subscription WHERE topic_id = \(topic.id)")
        try tx.execute("DELETE FROM sns_replay WHERE topic_id = \(topic.id)")
        try tx.execute("DELETE FROM sns_deduplication WHERE topic_id = \(topic.id)")
        try tx.execute("UPDATE sns_message SET archived_until = 0 WHERE topic_id = \(topic.id) AND archived_until > 0")
        try tx.execute("DELETE FROM sns_topic WHERE id = \(topic.id)")
    }

    /// The next number of a FIFO topic, from 1 on.
    func nextSequence(ofTopic id: Int) throws -> Int {
        let numbers = try tx.rows(
            Int.self,
            "UPDATE sns_topic SET next_sequence = next_sequence + 1 WHERE id = \(id) RETURNING next_sequence"
        )
        guard let number = numbers.first else { throw NotFoundException("Topic does not exist") }
        return number
    }

    /// What was archived goes, except what still has to be delivered.
    func endArchive(ofTopic id: Int) throws {
        try tx.execute("UPDATE sns_message SET archived_until = 0 WHERE topic_id = \(id) AND archived_until > 0")
    }
}
