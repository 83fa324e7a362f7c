// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// What was deleted and still has rows.
struct Garbage: Sendable, RowDecodable {
    let id: Int
    let groupID: Int
    /// Nil when the whole group was deleted.
    let streamID: Int?

    init(row: inout Row) throws {
        id = try row.integer()
        groupID = try row.integer()
        streamID = try row.optionalInteger()
    }
}

/// A group with a retention.
struct ExpiringGroup: Sendable, RowDecodable {
    let id: Int
    let retentionDays: Int

    init(row: inout Row) throws {
        id = try row.integer()
        retentionDays = try row.integer()
    }
}

private struct RemovedEvent: Sendable, RowDecodable {
    let streamID: Int
    let size: Int

    init(row: inout Row) throws {
        streamID = try row.integer()
        size = try row.integer()
    }
}

/// Removes rows of all accounts, a bounded number in each transaction: other writers wait for it.
extension LogsStore {
    static let rowsPerRemoval = 1_000

    func nextGarbage() async throws -> Garbage? {
        try await database.read { tx in
            try tx.first(Garbage.self, "SELECT id, group_id, stream_id FROM logs_garbage ORDER BY id")
        }
    }

    /// Returns false once nothing of it is left.
    func remove(_ garbage: Garbage) async throws -> Bool {
        try await database.write { tx in
            let condition: SQL = garbage.streamID.map { "stream_id = \($0)" } ?? "group_id = \(garbage.groupID)"
            let events = try Self.removeEvents(where: condition, tx)
            try Self.subtract(events, fromGroup: garbage.groupID, tx)
            if events.count == Self.rowsPerRemoval { return true }
            if garbage.streamID == nil, try Self.removeStreams(of: garbage.groupID, tx) == Self.rowsPerRemoval {
                return true
            }
            try tx.execute("DELETE FROM logs_garbage WHERE id = \(garbage.id)")
            return false
        }
    }

    func expiringGroups() async throws -> [ExpiringGroup] {
        try await database.read { tx in
            try tx.rows(
                ExpiringGroup.self,
                "SELECT id, retention_days FROM logs_group WHERE retention_days IS NOT NULL"
            )
        }
    }

    /// Returns false once no event of the group is older than its retention, which is looked up anew: it may have been changed.
    func removeExpired(of group: ExpiringGroup, at now: Instant) async throws -> Bool {
        try await database.write { tx in
            let days = try tx.first(
                Int.self,
                "SELECT retention_days FROM logs_group WHERE id = \(group.id) AND retention_days IS NOT NULL"
            )
            guard let horizon = Retention.horizon(days: days, at: now) else { return false }
            let events = try Self.removeEvents(where: "group_id = \(group.id) AND occurred_at < \(horizon)", tx)
            try Self.subtract(events, fromGroup: group.id, tx)
            for stream in Set(events.map(\.streamID)) { try Self.refreshFirstEvent(ofStream: stream, tx) }
            return events.count == Self.rowsPerRemoval
        }
    }

    private static func removeEvents(where condition: SQL, _ tx: any WriteTransaction) throws -> [RemovedEvent] {
        try tx.rows(
            RemovedEvent.self,
            """
            DELETE FROM logs_event WHERE sequence IN
                (SELECT sequence FROM logs_event WHERE \(condition) ORDER BY occurred_at, sequence LIMIT \(rowsPerRemoval))
            RETURNING stream_id, size
            """
        )
    }

    private static func removeStreams(of group: Int, _ tx: any WriteTransaction) throws -> Int {
        try tx.execute(
            "DELETE FROM logs_stream WHERE id IN (SELECT id FROM logs_stream WHERE group_id = \(group) LIMIT \(rowsPerRemoval))"
        )
    }

    private static func subtract(_ events: [RemovedEvent], fromGroup id: Int, _ tx: any WriteTransaction) throws {
        guard !events.isEmpty else { return }
        let bytes = events.reduce(0) { $0 + $1.size }
        try tx.execute("UPDATE logs_group SET stored_bytes = stored_bytes - \(bytes) WHERE id = \(id)")
    }

    /// A stream whose events have all expired keeps its last figures, as in AWS.
    private static func refreshFirstEvent(ofStream id: Int, _ tx: any WriteTransaction) throws {
        try tx.execute(
            """
            UPDATE logs_stream SET first_event_at =
                COALESCE((SELECT MIN(occurred_at) FROM logs_event WHERE stream_id = \(id)), first_event_at)
            WHERE id = \(id)
            """
        )
    }

    private static let tablesOfGroups: [SQL] = [
        "logs_event", "logs_stream", "logs_tag", "logs_subscription", "logs_metric_filter", "logs_group_policy",
    ]
    private static let tablesOfAccounts: [SQL] = [
        "logs_destination", "logs_query_definition", "logs_resource_policy", "logs_garbage",
        "logs_account_policy", "logs_lookup_table", "logs_resource_tag", "logs_scheduled_query",
        "logs_scheduled_run", "logs_group",
    ]

    /// Removes everything of one account, or of all.
    func removeAll(of account: AccountID?) async throws {
        try await database.write { tx in
            guard let account else {
                for table in Self.tablesOfGroups + Self.tablesOfAccounts { try tx.execute("DELETE FROM \(table)") }
                return
            }
            let groups: SQL = """
                (SELECT id FROM logs_group WHERE account = \(account)
                 UNION SELECT group_id FROM logs_garbage WHERE account = \(account))
                """
            for table in Self.tablesOfGroups { try tx.execute("DELETE FROM \(table) WHERE group_id IN \(groups)") }
            for table in Self.tablesOfAccounts { try tx.execute("DELETE FROM \(table) WHERE account = \(account)") }
        }
    }
}
