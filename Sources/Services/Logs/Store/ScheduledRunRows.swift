// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// One run of a scheduled query, for its history.
struct StoredScheduledRun: Sendable, RowDecodable {
    static let columns: SQL = "id, query_id, triggered_at, status, error, destination, destination_error"

    let id: Int
    let queryID: String
    let triggeredAt: Instant
    let status: ExecutionStatus
    let error: String?
    /// The lookup table that it was to replace.
    let destination: String?
    let destinationError: String?

    init(row: inout Row) throws {
        id = try row.integer()
        queryID = try row.text()
        triggeredAt = try row.instant()
        status = ExecutionStatus(try row.text())
        error = try row.optionalText()
        destination = try row.optionalText()
        destinationError = try row.optionalText()
    }

    func description(in scope: Scope) -> TriggerHistoryRecord {
        var record = TriggerHistoryRecord()
        record.queryId = queryID
        record.executionStatus = status
        record.triggeredTimestamp = Int(triggeredAt.milliseconds)
        record.errorMessage = error
        // Nothing goes to a destination from a run that came to nothing.
        guard let destination, status == .running || status == .complete else { return record }
        var target = ScheduledQueryDestination()
        target.destinationType = .lookupTable
        target.destinationIdentifier = destination
        target.errorMessage = destinationError
        if status == .running {
            target.status = .inProgress
        } else {
            target.status = destinationError == nil ? .complete : .failed
        }
        if target.status == .complete {
            target.processedIdentifier = LogsResources.lookupTable(destination, scope).description
        }
        record.destinations = [target]
        return record
    }
}

/// A run that a node holds.
struct ClaimedRun: Sendable, RowDecodable {
    let id: Int
    let scheduleID: String
    let queryID: String
    let triggeredAt: Instant
    let scope: Scope
    let hold: Lease.Hold

    init(row: inout Row) throws {
        id = try row.integer()
        scheduleID = try row.text()
        queryID = try row.text()
        triggeredAt = try row.instant()
        let (account, region) = (try row.text(), try row.text())
        guard let account = AccountID(account), let region = Region(region) else {
            throw MartletError("logs.store", "a run of a scheduled query has no account or region")
        }
        scope = Scope(account: account, region: region)
        hold = Lease.Hold(owner: try row.text(), count: try row.integer())
    }
}

/// How a run ended.
struct RunEnd: Sendable {
    var status: ExecutionStatus
    var error: String?
    /// What its lookup table gets.
    var content: LookupTableContent?
    var destinationError: String?
}

extension LogsStore {
    private static let runs = Lease(table: "logs_scheduled_run", key: "id")

    /// Makes a run of each query whose time has come, and says when the query runs next, in one transaction: whatever number
    /// of nodes look, each time makes one run. Returns when the next look is due.
    func triggerScheduledQueries(
        upTo limit: Int,
        at now: Instant,
        ids: any IDSource,
        _ zones: ZoneCatalog
    ) async throws -> Instant? {
        try await database.write { tx in
            let due = try tx.rows(
                StoredScheduledQuery.self,
                """
                SELECT \(StoredScheduledQuery.columns) FROM logs_scheduled_query WHERE next_at <= \(now)
                ORDER BY next_at, id LIMIT \(limit) \(tx.dialect.skipLockedRows)
                """
            )
            for query in due { try Self.trigger(query, at: now, id: ids.uuid(), zones, tx) }
            return try tx.first(
                Int.self,
                """
                SELECT MIN(at) FROM (
                    SELECT MIN(next_at) AS at FROM logs_scheduled_query UNION ALL
                    SELECT MIN(due_at) AS at FROM logs_scheduled_run WHERE status = 'Running') AS dues
                HAVING MIN(at) IS NOT NULL
                """
            ).map { Instant(milliseconds: Int64($0)) }
        }
    }

    /// Of times that have passed while nobody looked only the last one counts.
    private static func trigger(
        _ query: StoredScheduledQuery,
        at now: Instant,
        id: String,
        _ zones: ZoneCatalog,
        _ tx: any WriteTransaction
    ) throws {
        // What the store has was a schedule once; a zone may be gone from the host by now. Then it runs no more.
        let schedule = try? query.definition.schedule(from: query.updatedAt, zones)
        let time = schedule?.latest(since: query.nextAt, upTo: now) ?? query.nextAt
        let next = schedule?.next(after: now) ?? StoredScheduledQuery.never
        try tx.execute(
            """
            INSERT INTO logs_scheduled_run
                (account, region, schedule_id, query_id, triggered_at, status, destination, due_at)
            VALUES (\(query.scope.account), \(query.scope.region), \(query.id), \(id), \(time),
                \(ExecutionStatus.running.rawValue), \(query.definition.destination?.table), \(now))
            """
        )
        try tx.execute(
            """
            UPDATE logs_scheduled_query SET next_at = \(next), last_run_at = \(time),
                last_status = \(ExecutionStatus.running.rawValue) WHERE id = \(query.id)
            """
        )
        try tx.execute(
            """
            DELETE FROM logs_scheduled_run WHERE id IN (
                SELECT id FROM logs_scheduled_run WHERE schedule_id = \(query.id)
                ORDER BY triggered_at DESC, id DESC LIMIT 100 OFFSET \(LogLimits.keptRuns))
            """
        )
    }

    func claimRuns(upTo limit: Int, for node: String, at now: Instant, until: Instant) async throws -> [ClaimedRun] {
        try await database.write { tx in
            try tx.rows(
                ClaimedRun.self,
                Self.runs.claim(
                    upTo: limit,
                    for: node,
                    at: now,
                    until: until,
                    where: "status = 'Running'",
                    returning: "id, schedule_id, query_id, triggered_at, account, region, lease_owner, lease_count",
                    tx.dialect
                )
            )
        }
    }

    /// False when another node holds the run by now, or it is gone.
    func renew(_ run: ClaimedRun, until: Instant) async throws -> Bool {
        try await database.write { tx in try tx.execute(Self.runs.renew(run.id, run.hold, until: until)) > 0 }
    }

    /// To be tried again from `dueAt` on.
    func release(_ run: ClaimedRun, dueAt: Instant) async throws {
        _ = try await database.write { tx in try tx.execute(Self.runs.release(run.id, run.hold, dueAt: dueAt)) }
    }

    /// After a restart a node takes its own back at once.
    func releaseRuns(of node: String, at now: Instant) async throws {
        _ = try await database.write { tx in
            try tx.execute(
                """
                UPDATE logs_scheduled_run SET due_at = \(now), lease_owner = NULL
                WHERE status = 'Running' AND lease_owner = \(node)
                """
            )
        }
    }

    /// Notes how a run ended, and replaces its lookup table, in one transaction. Does nothing where another node holds the run
    /// by now.
    func end(_ run: ClaimedRun, _ end: RunEnd, at now: Instant) async throws {
        try await write(run.scope) { logs in
            let held: SQL = "id = \(run.id) AND lease_owner = \(run.hold.owner) AND lease_count = \(run.hold.count)"
            let changed = try logs.tx.execute(
                """
                UPDATE logs_scheduled_run SET status = \(end.status.rawValue), error = \(end.error),
                    destination_error = \(end.destinationError) WHERE \(held) AND status = 'Running'
                """
            )
            guard changed > 0 else { return }
            try logs.tx.execute(
                """
                UPDATE logs_scheduled_query SET last_status = \(end.status.rawValue)
                WHERE id = \(run.scheduleID) AND last_run_at = \(run.triggeredAt)
                """
            )
            guard let content = end.content,
                let destination = try logs.rows.scheduledQuery(run.scheduleID)?.definition.destination
            else { return }
            if let fault = try logs.replaceLookupTable(destination, content, at: now) {
                try logs.tx.execute(
                    "UPDATE logs_scheduled_run SET destination_error = \(fault) WHERE id = \(run.id)"
                )
            }
        }
    }
}

extension LogChanges {
    /// Makes the table where there is none. Returns why that cannot be.
    fileprivate func replaceLookupTable(
        _ destination: ScheduledQueryDefinition.Destination,
        _ content: LookupTableContent,
        at now: Instant
    ) throws -> String? {
        do {
            guard try rows.lookupTable(destination.table) == nil else {
                let description = destination.description
                try updateLookupTable(destination.table, content, description: description, at: now)
                return nil
            }
            try createLookupTable(
                destination.table,
                content,
                description: destination.description,
                tags: destination.tags,
                at: now
            )
            return nil
        } catch let error as LimitExceededException {
            return error.message
        }
    }
}

extension LogRows {
    /// Newest first, from behind a run on, until `body` returns false.
    func runs(
        ofScheduledQuery id: String,
        between times: ClosedRange<Int>,
        behind cursor: (time: Int, id: Int)?,
        _ body: (StoredScheduledRun) throws -> Bool
    ) throws {
        let (time, last) = cursor ?? (Int.max, Int.max)
        try tx.forEach(
            StoredScheduledRun.self,
            """
            SELECT \(StoredScheduledRun.columns) FROM logs_scheduled_run
            WHERE schedule_id = \(id) AND triggered_at >= \(times.lowerBound) AND triggered_at <= \(times.upperBound)
                AND (triggered_at, id) < (\(time), \(last)) ORDER BY triggered_at DESC, id DESC
            """,
            body
        )
    }
}
