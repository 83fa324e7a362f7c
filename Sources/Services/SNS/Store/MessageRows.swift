// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

struct StoredMessage: Sendable {
    let id: String
    let topicID: Int?
    let scope: Scope
    /// Empty for what went to a number or an endpoint without a topic.
    let topicName: String
    let content: PublishedMessage
    /// 0 in standard topics.
    let sequence: Int
    let publishedAt: Instant

    var topic: TopicReference { TopicReference(scope: scope, name: topicName) }
    var sequenceNumber: String? { sequence > 0 ? SequenceNumber.text(sequence) : nil }
}

/// A message's row before it is opened.
struct MessageRow: Sendable, RowDecodable {
    static let columns: SQL = "id, topic_id, account, region, topic_name, content, is_sealed, sequence, published_at"

    let id: String
    let topicID: Int?
    let scope: Scope
    let topicName: String
    let content: [UInt8]
    let isSealed: Bool
    let sequence: Int
    let publishedAt: Instant

    init(row: inout Row) throws {
        id = try row.text()
        topicID = try row.optionalInteger()
        scope = try row.scope()
        topicName = try row.text()
        content = try row.bytes()
        isSealed = try row.bool()
        sequence = try row.integer()
        publishedAt = try row.instant()
    }

    func opened(by cipher: any Cipher) throws -> StoredMessage {
        let bytes = isSealed ? try cipher.open(content, context: Self.context(of: id)) : content
        return StoredMessage(
            id: id,
            topicID: topicID,
            scope: scope,
            topicName: topicName,
            content: try PublishedMessage(parsing: String(decoding: bytes, as: UTF8.self)),
            sequence: sequence,
            publishedAt: publishedAt
        )
    }

    static func context(of id: String) -> String { "sns/message/\(id)" }
}

/// A message that is about to be stored, with its bytes as they will lie there.
struct NewMessage: Sendable {
    let id: String
    let topicID: Int?
    let scope: Scope
    let topicName: String
    let bytes: [UInt8]
    let isSealed: Bool
    let publishedAt: Instant
    var archivedUntil: Instant?

    /// Sealed when the topic asks for it.
    init(
        _ content: PublishedMessage,
        id: String,
        topic: StoredTopic?,
        scope: Scope,
        at now: Instant,
        cipher: any Cipher
    ) throws {
        self.id = id
        topicID = topic?.id
        self.scope = topic?.reference.scope ?? scope
        topicName = topic?.reference.name ?? ""
        isSealed = topic?.attributes.isEncrypted ?? false
        let plain = Array(content.text.utf8)
        bytes = isSealed ? try cipher.seal(plain, context: MessageRow.context(of: id)) : plain
        publishedAt = now
        archivedUntil = topic?.attributes.archiveDays.map { now + .seconds($0 * 86_400) }
    }
}

struct Duplicate: Sendable, RowDecodable {
    let messageID: String
    let sequence: Int

    init(row: inout Row) throws {
        messageID = try row.text()
        sequence = try row.integer()
    }
}

extension SNSRows {
    func duplicate(of key: DeduplicationKey, at now: Instant) throws -> Duplicate? {
        try tx.first(
            Duplicate.self,
            """
            SELECT message_id, sequence FROM sns_deduplication WHERE topic_id = \(key.topicID) AND scope = \(key.scope)
                AND deduplication_id = \(key.id) AND expires_at > \(now)
            """
        )
    }

    func message(_ id: String) throws -> MessageRow? {
        try tx.first(MessageRow.self, "SELECT \(MessageRow.columns) FROM sns_message WHERE id = \(id)")
    }

    /// The archive, in the order of publishing.
    func archived(inTopic id: Int, from sequence: Int, limit: Int) throws -> [MessageRow] {
        try tx.rows(
            MessageRow.self,
            """
            SELECT \(MessageRow.columns) FROM sns_message
            WHERE topic_id = \(id) AND sequence >= \(sequence) AND archived_until IS NOT NULL AND archived_until > 0
            ORDER BY sequence LIMIT \(limit)
            """
        )
    }
}

/// Within which messages of the same id count as one.
struct DeduplicationKey: Sendable {
    let topicID: Int
    /// The group, where each group counts for itself.
    let scope: String
    let id: String
}

extension SNSChanges {
    /// - Parameter deliveries: how many are stored with it; the last one takes it along.
    func insert(_ message: NewMessage, sequence: Int = 0, deliveries: Int) throws {
        try tx.execute(
            """
            INSERT INTO sns_message (id, topic_id, account, region, topic_name, content, is_sealed, sequence, published_at,
                archived_until, deliveries)
            VALUES (\(message.id), \(message.topicID), \(message.scope.account), \(message.scope.region),
                \(message.topicName), \(message.bytes), \(message.isSealed), \(sequence), \(message.publishedAt),
                \(message.archivedUntil), \(deliveries))
            """
        )
    }

    func remember(_ key: DeduplicationKey, messageID: String, sequence: Int, until expiry: Instant) throws {
        try tx.execute(
            """
            INSERT INTO sns_deduplication (topic_id, scope, deduplication_id, message_id, sequence, expires_at)
            VALUES (\(key.topicID), \(key.scope), \(key.id), \(messageID), \(sequence), \(expiry))
            ON CONFLICT (topic_id, scope, deduplication_id) DO UPDATE SET message_id = excluded.message_id,
                sequence = excluded.sequence, expires_at = excluded.expires_at
            """
        )
    }

    /// A replay delivers it once more.
    func addDelivery(ofMessage id: String) throws {
        try tx.execute("UPDATE sns_message SET deliveries = deliveries + 1 WHERE id = \(id)")
    }

    /// A message goes with its last delivery, unless an archive keeps it.
    func deliveryEnded(ofMessage id: String) throws {
        let left = try tx.first(
            Int.self,
            "UPDATE sns_message SET deliveries = deliveries - 1 WHERE id = \(id) RETURNING deliveries"
        )
        guard let left, left <= 0 else { return }
        try tx.execute(
            "DELETE FROM sns_message WHERE id = \(id) AND (archived_until IS NULL OR archived_until = 0)"
        )
    }
}
