// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension EventSourceMapping: RowDecodable {
    static let columns: SQL = """
        id, account, region, source_arn, function_account, function_name, qualifier, settings, state, is_enabled, last_result,
        last_modified, revision
        """

    init(row: inout Row) throws {
        let (id, scope) = (try row.text(), try row.scope())
        guard let source = ARN(try row.text()), let owner = AccountID(try row.text()) else {
            throw Row.damaged("an event source mapping")
        }
        self.init(
            id: id,
            scope: scope,
            source: source,
            function: FunctionReference(
                scope: Scope(account: owner, region: scope.region),
                name: try row.text(),
                qualifier: try row.optionalText()
            ),
            settings: try MappingSettings(text: try row.text()),
            state: try Self.state(try row.text()),
            isEnabled: try row.bool(),
            lastResult: try row.optionalText(),
            lastModified: try row.instant(),
            revision: try row.integer()
        )
    }

    private static func state(_ text: String) throws -> MappingState {
        guard let state = MappingState(rawValue: text) else { throw Row.damaged("a mapping's state") }
        return state
    }
}

private struct HeldMapping: RowDecodable {
    var id: String
    var count: Int
    init(row: inout Row) throws { (id, count) = (try row.text(), try row.integer()) }
}

extension LambdaReading {
    func mapping(_ id: String) throws -> EventSourceMapping? {
        try tx.first(
            EventSourceMapping.self,
            "SELECT \(EventSourceMapping.columns) FROM lambda_mapping WHERE id = \(id)"
        )
    }

    /// Of the account's own; ids are the callers' to guess.
    func existingMapping(_ id: String, in scope: Scope) throws -> EventSourceMapping {
        guard let mapping = try mapping(id), mapping.scope == scope else { throw ResourceNotFoundException.requested }
        return mapping
    }

    /// By id, perhaps of one source and one function only.
    func mappings(
        in scope: Scope,
        of source: String?,
        for function: FunctionReference?,
        after id: String,
        limit: Int
    ) throws -> [EventSourceMapping] {
        let ofSource: SQL = source.map { "AND source_arn = \($0)" } ?? ""
        let ofFunction: SQL = function.map { "AND function_name = \($0.name)" } ?? ""
        let ofQualifier: SQL = function?.qualifier.map { "AND qualifier = \($0)" } ?? ""
        return try tx.rows(
            EventSourceMapping.self,
            """
            SELECT \(EventSourceMapping.columns) FROM lambda_mapping
            WHERE account = \(scope.account) AND region = \(scope.region) AND id > \(id)
                \(ofSource) \(ofFunction) \(ofQualifier)
            ORDER BY id LIMIT \(limit)
            """
        )
    }

    func tags(ofMapping id: String) throws -> [String: String] {
        let rows = try tx.rows(
            MappingTag.self,
            "SELECT tag_key, tag_value FROM lambda_mapping_tag WHERE mapping_id = \(id)"
        )
        return Dictionary(rows.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }
}

private struct MappingTag: RowDecodable {
    var key: String
    var value: String
    init(row: inout Row) throws { (key, value) = (try row.text(), try row.text()) }
}

extension LambdaWrite {
    private static let leases = Lease(table: "lambda_mapping", key: "id")

    func insert(_ mapping: EventSourceMapping) throws {
        try writer.execute(
            """
            INSERT INTO lambda_mapping (\(EventSourceMapping.columns), due_at)
            VALUES (\(mapping.id), \(mapping.scope.account), \(mapping.scope.region), \(mapping.source),
                \(mapping.function.scope.account), \(mapping.function.name), \(mapping.function.qualifier),
                \(mapping.settings.text), \(mapping.state.rawValue), \(mapping.isEnabled), \(mapping.lastResult),
                \(mapping.lastModified), 1, 0)
            """
        )
    }

    /// Counts the change.
    func update(_ mapping: EventSourceMapping) throws {
        try writer.execute(
            """
            UPDATE lambda_mapping SET function_account = \(mapping.function.scope.account),
                function_name = \(mapping.function.name), qualifier = \(mapping.function.qualifier),
                settings = \(mapping.settings.text), state = \(mapping.state.rawValue),
                is_enabled = \(mapping.isEnabled), last_result = \(mapping.lastResult),
                last_modified = \(mapping.lastModified), revision = revision + 1
            WHERE id = \(mapping.id)
            """
        )
    }

    func delete(_ mapping: EventSourceMapping) throws {
        try writer.execute("DELETE FROM lambda_mapping_tag WHERE mapping_id = \(mapping.id)")
        try writer.execute("DELETE FROM lambda_mapping WHERE id = \(mapping.id)")
    }

    func addTags(_ tags: [String: String], to mapping: EventSourceMapping) throws {
        try removeTags(Array(tags.keys), from: mapping)
        for (key, value) in tags {
            try writer.execute(
                """
                INSERT INTO lambda_mapping_tag (account, region, mapping_id, tag_key, tag_value)
                VALUES (\(mapping.scope.account), \(mapping.scope.region), \(mapping.id), \(key), \(value))
                """
            )
        }
    }

    func removeTags(_ keys: [String], from mapping: EventSourceMapping) throws {
        try writer.execute(
            "DELETE FROM lambda_mapping_tag WHERE mapping_id = \(mapping.id) AND tag_key IN \(list: keys)"
        )
    }

    // MARK: Leases

    /// Mappings that have something to do.
    func claimMappings(
        upTo limit: Int,
        for node: String,
        at now: Instant,
        until: Instant
    ) throws
        -> [(String, Lease.Hold)]
    {
        let claim = Self.leases.claim(
            upTo: limit,
            for: node,
            at: now,
            until: until,
            where: "state <> \(MappingState.disabled.rawValue)",
            returning: "id, lease_count",
            tx.dialect
        )
        return try tx.rows(HeldMapping.self, claim).map { ($0.id, Lease.Hold(owner: node, count: $0.count)) }
    }

    /// False when another node holds it by now.
    func renewMapping(_ id: String, _ hold: Lease.Hold, until: Instant) throws -> Bool {
        try writer.execute(Self.leases.renew(id, hold, until: until)) > 0
    }

    func releaseMapping(_ id: String, _ hold: Lease.Hold, dueAt: Instant) throws {
        try writer.execute(Self.leases.release(id, hold, dueAt: dueAt))
    }

    /// What an earlier process of this node has left.
    func releaseMappings(of node: String) throws {
        try writer.execute(
            "UPDATE lambda_mapping SET due_at = 0, lease_owner = NULL WHERE lease_owner = \(node)"
        )
    }
}
