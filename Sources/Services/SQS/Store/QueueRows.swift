// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// What every transaction reads of its queue.
private struct QueueKey: RowDecodable {
    let id: Int
    let pileID: Int
    let revision: Int

    init(row: inout Row) throws {
        id = try row.integer()
        pileID = try row.integer()
        revision = try row.integer()
    }
}

private struct QueueFacts: RowDecodable {
    let attributes: String
    let createdAt: Instant
    let modifiedAt: Instant

    init(row: inout Row) throws {
        attributes = try row.text()
        createdAt = try row.instant()
        modifiedAt = try row.instant()
    }
}

extension QueueRows {
    func queue(_ address: QueueAddress) throws -> Queue? {
        let key = try tx.first(
            QueueKey.self,
            """
            SELECT id, pile_id, revision FROM sqs_queue
            WHERE account = \(address.scope.account) AND region = \(address.scope.region) AND name = \(address.name)
            """
        )
        return try key.map { try Queue(pileID: $0.pileID, definition: definition($0, address)) }
    }

    /// Throws `QueueDoesNotExist`.
    func requireQueue(_ address: QueueAddress) throws -> Queue {
        guard let queue = try queue(address) else { throw QueueDoesNotExist.here }
        return queue
    }

    private func definition(_ key: QueueKey, _ address: QueueAddress) throws -> QueueDefinition {
        if let known = definitions.find(key.id, revision: key.revision) { return known }
        let facts = try tx.first(
            QueueFacts.self,
            "SELECT attributes, created_at, modified_at FROM sqs_queue WHERE id = \(key.id)"
        )
        guard let facts else { throw MartletError("storage.row", "the queue \(address.name) has lost its row") }
        let definition = QueueDefinition(
            id: key.id,
            revision: key.revision,
            address: address,
            settings: try QueueSettings(AttributeText.decode(facts.attributes), isFIFO: address.isFIFO),
            createdAt: facts.createdAt,
            modifiedAt: facts.modifiedAt
        )
        definitions.keep(definition)
        return definition
    }

    /// Names behind `name` that begin with `prefix`, in their order.
    func queueNames(in scope: Scope, behind name: String, prefix: String, limit: Int) throws -> [String] {
        var names: [String] = []
        try tx.forEach(
            String.self,
            """
            SELECT name FROM sqs_queue
            WHERE account = \(scope.account) AND region = \(scope.region) AND name > \(name) AND name >= \(prefix)
            ORDER BY name LIMIT \(limit)
            """
        ) { name in
            guard name.utf8.starts(with: prefix.utf8) else { return false }
            names.append(name)
            return true
        }
        return names
    }

    /// Names of the queues of the same account and region whose dead letters go to this one.
    func sourceQueueNames(of target: QueueAddress, behind name: String, limit: Int) throws -> [String] {
        try tx.rows(
            String.self,
            """
            SELECT name FROM sqs_queue WHERE dead_letter_arn = \(target.arn) AND name > \(name)
            ORDER BY name LIMIT \(limit)
            """
        )
    }

    func purgedAt(_ queue: Queue) throws -> Instant? {
        try tx.first(Int.self, "SELECT COALESCE(purged_at, 0) FROM sqs_queue WHERE id = \(queue.id)")
            .flatMap { $0 == 0 ? nil : Instant(milliseconds: Int64($0)) }
    }

    func deletedAt(_ address: QueueAddress) throws -> Instant? {
        try tx.first(
            Int.self,
            """
            SELECT deleted_at FROM sqs_deleted_queue
            WHERE account = \(address.scope.account) AND region = \(address.scope.region) AND name = \(address.name)
            """
        ).map { Instant(milliseconds: Int64($0)) }
    }

    func tags(of queue: Queue) throws -> [String: String] {
        let rows = try tx.rows(Tag.self, "SELECT tag_key, tag_value FROM sqs_tag WHERE queue_id = \(queue.id)")
        return Dictionary(rows.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    private struct Tag: RowDecodable {
        let key: String
        let value: String

        init(row: inout Row) throws {
            key = try row.text()
            value = try row.text()
        }
    }
}

extension QueueChanges {
    func insertQueue(_ address: QueueAddress, _ settings: QueueSettings, revision: Int, at now: Instant) throws {
        let pileID = try newPile(for: address.scope.account)
        try tx.execute(
            """
            INSERT INTO sqs_queue
                (account, region, name, pile_id, revision, attributes, dead_letter_arn, created_at, modified_at)
            VALUES (\(address.scope.account), \(address.scope.region), \(address.name), \(pileID), \(revision),
                \(AttributeText.encode(settings.attributes)), \(settings.redrive?.target.arn), \(now), \(now))
            """
        )
    }

    private func newPile(for account: AccountID) throws -> Int {
        let id = try tx.first(
            Int.self,
            "INSERT INTO sqs_pile (account, is_garbage) VALUES (\(account), 0) RETURNING id"
        )
        guard let id else { throw MartletError("storage.row", "a new pile has no number") }
        return id
    }

    func update(_ queue: Queue, to settings: QueueSettings, revision: Int, at now: Instant) throws {
        try tx.execute(
            """
            UPDATE sqs_queue SET attributes = \(AttributeText.encode(settings.attributes)), revision = \(revision),
                dead_letter_arn = \(settings.redrive?.target.arn), modified_at = \(now)
            WHERE id = \(queue.id)
            """
        )
    }

    /// Gives the queue an empty pile. What it held is out of reach at once, and swept later.
    func purge(_ queue: Queue, at now: Instant) throws {
        let pileID = try newPile(for: queue.address.scope.account)
        try tx.execute("UPDATE sqs_pile SET is_garbage = 1 WHERE id = \(queue.pileID)")
        try tx.execute("UPDATE sqs_queue SET pile_id = \(pileID), purged_at = \(now) WHERE id = \(queue.id)")
    }

    func delete(_ queue: Queue, at now: Instant) throws {
        let (scope, name) = (queue.address.scope, queue.address.name)
        try tx.execute("UPDATE sqs_pile SET is_garbage = 1 WHERE id = \(queue.pileID)")
        for table in ["sqs_tag", "sqs_deduplication", "sqs_attempt"] as [SQL] {
            try tx.execute("DELETE FROM \(table) WHERE queue_id = \(queue.id)")
        }
        try tx.execute("DELETE FROM sqs_queue WHERE id = \(queue.id)")
        try tx.execute(
            """
            INSERT INTO sqs_deleted_queue (account, region, name, deleted_at)
            VALUES (\(scope.account), \(scope.region), \(name), \(now))
            ON CONFLICT (account, region, name) DO UPDATE SET deleted_at = excluded.deleted_at
            """
        )
    }

    func setTag(_ key: String, _ value: String, of queueID: Int) throws {
        try tx.execute(
            """
            INSERT INTO sqs_tag (queue_id, tag_key, tag_value) VALUES (\(queueID), \(key), \(value))
            ON CONFLICT (queue_id, tag_key) DO UPDATE SET tag_value = excluded.tag_value
            """
        )
    }

    func removeTag(_ key: String, of queueID: Int) throws {
        try tx.execute("DELETE FROM sqs_tag WHERE queue_id = \(queueID) AND tag_key = \(key)")
    }
}

/// Attributes in one column.
enum AttributeText {
    static func encode(_ attributes: [String: String]) -> String {
        let members = attributes.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .string($0.value)) }
        return JSONValue.object(members).compactText
    }

    static func decode(_ text: String) throws -> [String: String] {
        guard case .object(let members) = try JSONValue(parsing: text) else {
            throw MartletError("storage.row", "the attributes of a queue are damaged")
        }
        return Dictionary(
            members.map { ($0.name, $0.value.stringValue ?? "") },
            uniquingKeysWith: { _, last in last }
        )
    }
}
