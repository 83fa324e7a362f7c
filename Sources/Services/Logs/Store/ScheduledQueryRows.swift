// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// A scheduled query as the store keeps it.
struct StoredScheduledQuery: Sendable, RowDecodable {
    static let columns: SQL = """
        account, region, id, name, is_enabled, description, query, group_list, expression, timezone, start_offset, end_offset,
        start_time, end_time, role_arn, destination, created_at, updated_at, next_at, last_run_at, last_status
        """
    /// When a query runs that will not run any more, or is disabled.
    static let never = Instant(milliseconds: 253_402_300_799_999)

    let scope: Scope
    let id: String
    let name: String
    let isEnabled: Bool
    let definition: ScheduledQueryDefinition
    let createdAt: Instant
    let updatedAt: Instant
    let nextAt: Instant
    let lastRunAt: Instant?
    let lastStatus: ExecutionStatus?

    init(row: inout Row) throws {
        scope = try row.scope()
        id = try row.text()
        name = try row.text()
        isEnabled = try row.bool()
        let description = try row.optionalText()
        let query = try row.text()
        let groups = try JSONValue(parsing: try row.text()).arrayValue?.compactMap(\.stringValue) ?? []
        definition = ScheduledQueryDefinition(
            description: description,
            query: query,
            groups: groups,
            expression: try row.text(),
            timezone: try row.optionalText(),
            startOffset: try row.optionalInteger(),
            endOffset: try row.optionalInteger(),
            startTime: try row.optionalInteger(),
            endTime: try row.optionalInteger(),
            role: try row.text(),
            destination: try row.optionalText().map { try .init(text: $0) }
        )
        createdAt = try row.instant()
        updatedAt = try row.instant()
        nextAt = try row.instant()
        lastRunAt = try row.optionalInstant()
        lastStatus = try row.optionalText().map { ExecutionStatus($0) }
    }

    var arn: ARN { scope.arn("logs", "scheduled-query:\(id)") }
    var state: ScheduledQueryState { isEnabled ? .enabled : .disabled }
}

extension Row {
    /// Account and region, which were checked before they were stored.
    fileprivate mutating func scope() throws -> Scope {
        let (account, region) = (try text(), try text())
        guard let account = AccountID(account), let region = Region(region) else {
            throw MartletError("logs.store", "a scheduled query has no account or region")
        }
        return Scope(account: account, region: region)
    }
}

extension LogRows {
    private var ofScope: SQL { "account = \(scope.account) AND region = \(scope.region)" }

    func scheduledQuery(_ id: String) throws -> StoredScheduledQuery? { try scheduledQuery(where: "id = \(id)") }
    func scheduledQuery(named name: String) throws -> StoredScheduledQuery? {
        try scheduledQuery(where: "name = \(name)")
    }

    private func scheduledQuery(where condition: SQL) throws -> StoredScheduledQuery? {
        try tx.first(
            StoredScheduledQuery.self,
            "SELECT \(StoredScheduledQuery.columns) FROM logs_scheduled_query WHERE \(ofScope) AND \(condition)"
        )
    }

    func countScheduledQueries() throws -> Int {
        try tx.count("SELECT COUNT(*) FROM logs_scheduled_query WHERE \(ofScope)")
    }

    /// By name, from behind one on, until `body` returns false.
    func scheduledQueries(behind name: String, _ body: (StoredScheduledQuery) throws -> Bool) throws {
        try tx.forEach(
            StoredScheduledQuery.self,
            """
            SELECT \(StoredScheduledQuery.columns) FROM logs_scheduled_query
            WHERE \(ofScope) AND name > \(name) ORDER BY name
            """,
            body
        )
    }
}

extension LogChanges {
    func insertScheduledQuery(
        _ id: String,
        named name: String,
        _ definition: ScheduledQueryDefinition,
        isEnabled: Bool,
        next: Instant?,
        at now: Instant
    ) throws {
        let groups = JSONValue.array(definition.groups.map(JSONValue.string)).compactText
        try tx.execute(
            """
            INSERT INTO logs_scheduled_query
                (account, region, id, name, is_enabled, description, query, group_list, expression, timezone,
                start_offset, end_offset, start_time, end_time, role_arn, destination, created_at, updated_at, next_at)
            VALUES (\(scope.account), \(scope.region), \(id), \(name), \(isEnabled), \(definition.description),
                \(definition.query), \(groups), \(definition.expression), \(definition.timezone),
                \(definition.startOffset), \(definition.endOffset), \(definition.startTime), \(definition.endTime),
                \(definition.role), \(definition.destination?.text), \(now), \(now),
                \(next ?? StoredScheduledQuery.never))
            """
        )
    }

    func updateScheduledQuery(
        _ id: String,
        _ definition: ScheduledQueryDefinition,
        isEnabled: Bool,
        next: Instant?,
        at now: Instant
    ) throws {
        let groups = JSONValue.array(definition.groups.map(JSONValue.string)).compactText
        try tx.execute(
            """
            UPDATE logs_scheduled_query SET is_enabled = \(isEnabled), description = \(definition.description),
                query = \(definition.query), group_list = \(groups), expression = \(definition.expression),
                timezone = \(definition.timezone), start_offset = \(definition.startOffset),
                end_offset = \(definition.endOffset), start_time = \(definition.startTime),
                end_time = \(definition.endTime), role_arn = \(definition.role),
                destination = \(definition.destination?.text), updated_at = \(now),
                next_at = \(next ?? StoredScheduledQuery.never)
            WHERE account = \(scope.account) AND region = \(scope.region) AND id = \(id)
            """
        )
    }

    /// With its history. A run that is under way finds no row any more, and ends without a trace.
    func deleteScheduledQuery(_ id: String) throws {
        try removeTags(ofResource: LogsResources.scheduledQuery(id, scope).resource)
        for condition: SQL in ["logs_scheduled_run WHERE schedule_id", "logs_scheduled_query WHERE id"] {
            try tx.execute(
                "DELETE FROM \(condition) = \(id) AND account = \(scope.account) AND region = \(scope.region)"
            )
        }
    }
}
