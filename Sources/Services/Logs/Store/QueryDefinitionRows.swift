// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// A query that was kept for later.
struct StoredQueryDefinition: Sendable, RowDecodable {
    static let columns: SQL = "id, name, query, group_names, modified_at"

    let id: String
    let name: String
    let query: String
    let groups: [String]
    let modifiedAt: Instant

    init(row: inout Row) throws {
        id = try row.text()
        name = try row.text()
        query = try row.text()
        groups = try JSONValue(parsing: try row.text()).arrayValue?.compactMap(\.stringValue) ?? []
        modifiedAt = try row.instant()
    }

    var description: QueryDefinition {
        var definition = QueryDefinition()
        definition.queryLanguage = .cwli
        definition.queryDefinitionId = id
        definition.name = name
        definition.queryString = query
        definition.lastModified = Int(modifiedAt.milliseconds)
        definition.logGroupNames = groups
        return definition
    }
}

extension LogRows {
    private var ofScope: SQL { "account = \(scope.account) AND region = \(scope.region)" }

    func hasQueryDefinition(_ id: String) throws -> Bool {
        try tx.count("SELECT COUNT(*) FROM logs_query_definition WHERE \(ofScope) AND id = \(id)") > 0
    }

    func countQueryDefinitions() throws -> Int {
        try tx.count("SELECT COUNT(*) FROM logs_query_definition WHERE \(ofScope)")
    }

    func queryDefinitions(behind cursor: (name: String, id: String)) throws -> [StoredQueryDefinition] {
        try tx.rows(
            StoredQueryDefinition.self,
            """
            SELECT \(StoredQueryDefinition.columns) FROM logs_query_definition
            WHERE \(ofScope) AND (name, id) > (\(cursor.name), \(cursor.id)) ORDER BY name, id
            """
        )
    }
}

extension LogChanges {
    func setQueryDefinition(_ id: String, _ name: String, _ query: String, _ groups: [String], at now: Instant) throws {
        let list = JSONValue.array(groups.map(JSONValue.string)).compactText
        try tx.execute(
            """
            INSERT INTO logs_query_definition (account, region, id, name, query, group_names, modified_at)
            VALUES (\(scope.account), \(scope.region), \(id), \(name), \(query), \(list), \(now))
            ON CONFLICT (account, region, id) DO UPDATE SET name = excluded.name, query = excluded.query,
                group_names = excluded.group_names, modified_at = excluded.modified_at
            """
        )
    }

    /// False when there is none.
    func deleteQueryDefinition(_ id: String) throws -> Bool {
        try tx.execute(
            """
            DELETE FROM logs_query_definition
            WHERE account = \(scope.account) AND region = \(scope.region) AND id = \(id)
            """
        ) > 0
    }
}
