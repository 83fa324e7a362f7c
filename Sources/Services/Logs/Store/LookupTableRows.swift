// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// A lookup table without its content.
struct StoredLookupTable: Sendable, RowDecodable {
    static let columns: SQL = "name, description, fields, record_count, size, updated_at"

    let name: String
    let description: String?
    let fields: [String]
    let recordCount: Int
    let size: Int
    let updatedAt: Instant

    init(row: inout Row) throws {
        name = try row.text()
        description = try row.optionalText()
        fields = try JSONValue(parsing: try row.text()).arrayValue?.compactMap(\.stringValue) ?? []
        recordCount = try row.integer()
        size = try row.integer()
        updatedAt = try row.instant()
    }

    func summary(in scope: Scope) -> LookupTable {
        var table = LookupTable()
        table.lookupTableArn = LogsResources.lookupTable(name, scope).description
        table.lookupTableName = name
        table.description = description
        table.tableFields = fields
        table.recordsCount = recordCount
        table.sizeBytes = size
        table.lastUpdatedTime = Int(updatedAt.milliseconds)
        return table
    }
}

extension LogRows {
    private var ofScope: SQL { "account = \(scope.account) AND region = \(scope.region)" }

    func lookupTable(_ name: String) throws -> StoredLookupTable? {
        try tx.first(
            StoredLookupTable.self,
            "SELECT \(StoredLookupTable.columns) FROM logs_lookup_table WHERE \(ofScope) AND name = \(name)"
        )
    }

    func lookupTableBody(_ name: String) throws -> String? {
        try tx.first(String.self, "SELECT body FROM logs_lookup_table WHERE \(ofScope) AND name = \(name)")
    }

    func countLookupTables() throws -> Int {
        try tx.count("SELECT COUNT(*) FROM logs_lookup_table WHERE \(ofScope)")
    }

    /// Goes through the tables behind `name` in their order, until `body` returns false.
    func lookupTables(behind name: String, prefix: String, _ body: (StoredLookupTable) throws -> Bool) throws {
        try tx.forEach(
            StoredLookupTable.self,
            """
            SELECT \(StoredLookupTable.columns) FROM logs_lookup_table
            WHERE \(ofScope) AND name > \(name) AND name >= \(prefix) ORDER BY name
            """
        ) { table in
            guard table.name.utf8.starts(with: prefix.utf8) else { return false }
            return try body(table)
        }
    }

    /// Whether all the tables and columns are there that a query looks into. Throws `ResourceNotFoundException` and
    /// `InvalidParameterException`.
    func checkLookups(of plan: QueryPlan) throws {
        for lookup in plan.lookups {
            guard let table = try lookupTable(lookup.table) else {
                throw ResourceNotFoundException(QueryFailure.missingTable(lookup.table).message)
            }
            let missing = lookup.columns.subtracting(table.fields).min()
            if let missing {
                throw InvalidParameterException(QueryFailure.missingColumn(missing, table: lookup.table).message)
            }
        }
    }
}

extension LogChanges {
    /// Throws `ResourceAlreadyExistsException`, `LimitExceededException`.
    func createLookupTable(
        _ name: String,
        _ content: LookupTableContent,
        description: String?,
        tags: [String: String],
        at now: Instant
    ) throws {
        guard try rows.lookupTable(name) == nil else {
            throw ResourceAlreadyExistsException("The specified lookup table already exists.")
        }
        guard try rows.countLookupTables() < LogLimits.lookupTables else {
            throw LimitExceededException("Resource limit exceeded.")
        }
        let fields = JSONValue.array(content.columns.map(JSONValue.string)).compactText
        try tx.execute(
            """
            INSERT INTO logs_lookup_table
                (account, region, name, description, fields, record_count, size, body, created_at, updated_at)
            VALUES (\(scope.account), \(scope.region), \(name), \(description), \(fields), \(content.recordCount),
                \(content.body.utf8.count), \(content.body), \(now), \(now))
            """
        )
        for (key, value) in tags {
            try setTag(key, value, ofResource: LogsResources.lookupTable(name, scope).resource)
        }
    }

    /// Replaces all of the content; the description where there is a new one. Throws `ResourceNotFoundException`.
    func updateLookupTable(
        _ name: String,
        _ content: LookupTableContent,
        description: String?,
        at now: Instant
    ) throws {
        let fields = JSONValue.array(content.columns.map(JSONValue.string)).compactText
        let changed = try tx.execute(
            """
            UPDATE logs_lookup_table SET fields = \(fields), record_count = \(content.recordCount),
                size = \(content.body.utf8.count), body = \(content.body), updated_at = \(now),
                description = COALESCE(\(description), description)
            WHERE account = \(scope.account) AND region = \(scope.region) AND name = \(name)
            """
        )
        guard changed > 0 else { throw LogsService.noSuchLookupTable }
    }

    /// False when there is none.
    func deleteLookupTable(_ name: String) throws -> Bool {
        try removeTags(ofResource: LogsResources.lookupTable(name, scope).resource)
        return try tx.execute(
            """
            DELETE FROM logs_lookup_table
            WHERE account = \(scope.account) AND region = \(scope.region) AND name = \(name)
            """
        ) > 0
    }
}
