// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// What each function used each day. Several nodes add to the same rows.
struct UsageTable: Sendable {
    static let migrations = [
        Migration("usage") { _ in
            [
                """
                CREATE TABLE lambda_usage (
                    account TEXT NOT NULL, region TEXT NOT NULL, function_name TEXT NOT NULL, day BIGINT NOT NULL,
                    requests BIGINT NOT NULL, errors BIGINT NOT NULL, throttles BIGINT NOT NULL, cold_starts BIGINT NOT NULL,
                    billed_milliseconds BIGINT NOT NULL, mebibyte_milliseconds BIGINT NOT NULL,
                    duration_microseconds BIGINT NOT NULL,
                    PRIMARY KEY (account, region, function_name, day))
                """
            ]
        }
    ]
    /// Rows that one question may bring: 27 functions for a year.
    static let rowLimit = 10_000

    let database: any Database

    /// All in one transaction.
    func add(_ sums: [UsageTally.Day: UsageCounts]) async throws {
        try await database.write { tx in
            for (day, counts) in sums { try tx.execute(Self.addition(day, counts)) }
        }
    }

    private static func addition(_ day: UsageTally.Day, _ counts: UsageCounts) -> SQL {
        let (scope, name) = (day.function.scope, day.function.name)
        return """
            INSERT INTO lambda_usage (account, region, function_name, day, requests, errors, throttles, cold_starts,
                billed_milliseconds, mebibyte_milliseconds, duration_microseconds)
            VALUES (\(scope.account), \(scope.region.name), \(name), \(day.day), \(counts.requests), \(counts.errors),
                \(counts.throttles), \(counts.coldStarts), \(counts.billedMilliseconds), \(counts.mebibyteMilliseconds),
                \(counts.durationMicroseconds))
            ON CONFLICT (account, region, function_name, day) DO UPDATE SET
                requests = lambda_usage.requests + excluded.requests, errors = lambda_usage.errors + excluded.errors,
                throttles = lambda_usage.throttles + excluded.throttles,
                cold_starts = lambda_usage.cold_starts + excluded.cold_starts,
                billed_milliseconds = lambda_usage.billed_milliseconds + excluded.billed_milliseconds,
                mebibyte_milliseconds = lambda_usage.mebibyte_milliseconds + excluded.mebibyte_milliseconds,
                duration_microseconds = lambda_usage.duration_microseconds + excluded.duration_microseconds
            """
    }

    /// The newest days first; of a day, by name.
    func rows(
        of function: String?,
        account: AccountID?,
        since day: Int64
    ) async throws -> [(function: MeteredFunction, day: Int64, counts: UsageCounts)] {
        let ofFunction: SQL = function.map { "AND function_name = \($0)" } ?? ""
        let ofAccount: SQL = account.map { "AND account = \($0)" } ?? ""
        let query: SQL = """
            SELECT account, region, function_name, day, requests, errors, throttles, cold_starts, billed_milliseconds,
                mebibyte_milliseconds, duration_microseconds
            FROM lambda_usage WHERE day >= \(day) \(ofFunction) \(ofAccount)
            ORDER BY day DESC, account, region, function_name LIMIT \(Self.rowLimit)
            """
        return try await database.read { try $0.rows(UsageRow.self, query) }.map { ($0.function, $0.day, $0.counts) }
    }

    func reset(account: AccountID?) async throws {
        let ofAccount: SQL = account.map { "WHERE account = \($0)" } ?? ""
        _ = try await database.write { tx in try tx.execute("DELETE FROM lambda_usage \(ofAccount)") }
    }
}

private struct UsageRow: RowDecodable {
    var function: MeteredFunction
    var day: Int64
    var counts = UsageCounts()

    init(row: inout Row) throws {
        function = MeteredFunction(scope: try row.scope(), name: try row.text())
        day = Int64(try row.integer())
        counts.requests = try row.integer()
        counts.errors = try row.integer()
        counts.throttles = try row.integer()
        counts.coldStarts = try row.integer()
        counts.billedMilliseconds = try row.integer()
        counts.mebibyteMilliseconds = try row.integer()
        counts.durationMicroseconds = try row.integer()
    }
}
