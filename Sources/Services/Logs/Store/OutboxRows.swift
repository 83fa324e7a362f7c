// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A batch of events that a subscription, or the metric filters of its group, have still to look at.
struct OutboxEntry: Sendable, RowDecodable {
    static let columns: SQL = """
        id, account, region, group_id, stream_id, first_sequence, last_sequence, subscription_id, accepted_at,
        lease_owner, lease_count
        """

    /// In the place of a subscription's number: the account's own.
    static let accountSubscription = 0

    let id: Int
    let scope: Scope
    let groupID: Int
    let streamID: Int
    let sequences: ClosedRange<Int>
    /// Nil for the metric filters of the group.
    let subscriptionID: Int?
    let acceptedAt: Instant
    /// Its count is that of the attempts, this one included.
    let hold: Lease.Hold

    init(row: inout Row) throws {
        id = try row.integer()
        guard let account = AccountID(try row.text()), let region = Region(try row.text()) else {
            throw MartletError("logs.outbox", "entry \(id) names no account or region")
        }
        scope = Scope(account: account, region: region)
        groupID = try row.integer()
        streamID = try row.integer()
        let first = try row.integer()
        sequences = first...max(first, try row.integer())
        subscriptionID = try row.optionalInteger()
        acceptedAt = try row.instant()
        hold = Lease.Hold(owner: try row.text(), count: try row.integer())
    }
}

extension LogRows {
    /// Events that come now get higher numbers.
    func newestSequence() throws -> Int { try tx.count("SELECT COALESCE(MAX(sequence), 0) FROM logs_event") }

    /// The events of a batch, in the order of arrival.
    func events(of entry: OutboxEntry) throws -> [StoredEvent] {
        try tx.rows(
            StoredEvent.self,
            """
            SELECT \(StoredEvent.columns) FROM logs_event
            WHERE sequence BETWEEN \(entry.sequences.lowerBound) AND \(entry.sequences.upperBound)
            AND +stream_id = \(entry.streamID) ORDER BY sequence
            """
        )
    }

    func name(ofGroup id: Int) throws -> String? {
        try tx.first(String.self, "SELECT name FROM logs_group WHERE id = \(id)")
    }
}

extension LogChanges {
    /// One entry for each subscription and one for all metric filters, in the transaction of the events.
    func tell(watchersOf key: StreamKey, ofEventsBehind newest: Int, at now: Instant) throws {
        let last = try rows.newestSequence()
        let values: SQL = """
            \(scope.account), \(scope.region), \(key.groupID), \(key.streamID), \(newest + 1), \(last), \(now), \(now)
            """
        let columns: SQL =
            "account, region, group_id, stream_id, first_sequence, last_sequence, accepted_at, due_at, subscription_id"
        if key.subscriptionCount > 0 {
            try tx.execute(
                """
                INSERT INTO logs_outbox (\(columns))
                SELECT \(values), id FROM logs_subscription WHERE group_id = \(key.groupID)
                """
            )
        }
        if key.features.contains(.accountSubscription) {
            try tx.execute(
                "INSERT INTO logs_outbox (\(columns)) VALUES (\(values), \(OutboxEntry.accountSubscription))"
            )
        }
        if key.metricFilterCount > 0 {
            try tx.execute("INSERT INTO logs_outbox (\(columns)) VALUES (\(values), NULL)")
        }
    }
}

/// What the delivering worker does, of all accounts.
extension LogsStore {
    private static let outbox = Lease(table: "logs_outbox", key: "id")

    /// Up to `limit` entries whose time has come. Writes nothing when there is none.
    func claimOutbox(upTo limit: Int, for owner: String, at now: Instant, until: Instant) async throws -> [OutboxEntry]
    {
        let hasWork = try await database.read { tx in
            try tx.first(Int.self, "SELECT id FROM logs_outbox WHERE due_at <= \(now) LIMIT 1") != nil
        }
        guard hasWork else { return [] }
        return try await database.write { tx in
            try tx.rows(
                OutboxEntry.self,
                Self.outbox.claim(
                    upTo: limit,
                    for: owner,
                    at: now,
                    until: until,
                    returning: OutboxEntry.columns,
                    tx.dialect
                )
            )
        }.sorted { $0.id < $1.id }
    }

    /// Takes back what this node held when it ended.
    func releaseOutbox(of owner: String, at now: Instant) async throws {
        _ = try await database.write { tx in
            try tx.execute(
                "UPDATE logs_outbox SET due_at = \(now), lease_owner = NULL WHERE lease_owner = \(owner) AND due_at > \(now)"
            )
        }
    }

    func complete(_ entry: OutboxEntry) async throws {
        _ = try await database.write { tx in try tx.execute(Self.outbox.complete(entry.id, entry.hold)) }
    }

    func postpone(_ entry: OutboxEntry, to dueAt: Instant) async throws {
        _ = try await database.write { tx in
            try tx.execute(Self.outbox.release(entry.id, entry.hold, dueAt: dueAt))
        }
    }
}
