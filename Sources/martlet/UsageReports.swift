// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import Lambda
import MartletCore
import MartletServer
import NIOCore

/// `/_martlet/usage?function=F&since=2026-01-31`: what functions used, by day. The last thirty days unless said otherwise.
struct UsageReport: ControlReport {
    private static let usualDays: Int64 = 30
    private static let millisecondsADay: Int64 = 86_400_000

    let meter: FunctionMeter
    let clock: any WallClock
    let name = "usage"

    func answer(query: [String: String], account: AccountID?) async throws -> WireResponse {
        let since =
            try query["since"].map(Self.day) ?? clock.now.milliseconds / Self.millisecondsADay - Self.usualDays + 1
        let rows = try await meter.usage(of: query["function"], account: account, since: since)
        let body = JSONValue.object([
            .init(
                "usage",
                .array(rows.map { row in Self.value(row.function, row.day, row.counts) })
            )
        ])
        return WireResponse(
            status: 200,
            headers: [.contentType: "application/json"],
            body: .buffer(body.compactBuffer)
        )
    }

    private static func day(_ text: String) throws -> Int64 {
        guard let instant = Instant(iso8601: "\(text)T00:00:00Z") else {
            throw CommonError.validation("since must be a day such as 2026-01-31.")
        }
        return instant.milliseconds / millisecondsADay
    }

    private static func value(_ function: MeteredFunction, _ day: Int64, _ counts: UsageCounts) -> JSONValue {
        let date = Instant(milliseconds: (day.clampedDay) * millisecondsADay).iso8601Milliseconds.prefix(10)
        return .object([
            .init("account", .string(function.scope.account.text)),
            .init("region", .string(function.scope.region.name)),
            .init("function", .string(function.name)),
            .init("day", .string(String(date))),
            .init("requests", .integer(counts.requests)),
            .init("errors", .integer(counts.errors)),
            .init("throttles", .integer(counts.throttles)),
            .init("coldStarts", .integer(counts.coldStarts)),
            .init("billedMilliseconds", .integer(counts.billedMilliseconds)),
            .init("durationMilliseconds", .integer(counts.durationMicroseconds / 1_000)),
            .init("gigabyteSeconds", .number(counts.gigabyteSeconds)),
        ])
    }
}

extension Int64 {
    /// What the store holds is not trusted to be a day of this era.
    fileprivate var clampedDay: Int64 { Swift.min(Swift.max(self, 0), 100_000) }
}

/// `/_martlet/metrics`: Prometheus's text format. Counters since the server started.
struct PrometheusReport: ControlReport {
    let meter: FunctionMeter
    /// Of the whole server: they belong to no account.
    let stemCells: @Sendable () -> StemCellFigures
    let memory: @Sendable () -> MemoryFigures
    let name = "metrics"

    func answer(query: [String: String], account: AccountID?) async throws -> WireResponse {
        let totals = meter.totals(account: account).sorted { left, right in Self.order(left.key) < Self.order(right.key)
        }
        var text = ""
        for (name, help, value) in Self.counters {
            text += "# HELP \(name) \(help)\n# TYPE \(name) counter\n"
            for (function, counts) in totals { text += "\(name)\(Self.labels(function)) \(value(counts))\n" }
        }
        let gauge = "martlet_lambda_concurrent_executions"
        text += "# HELP \(gauge) Invocations that run now.\n# TYPE \(gauge) gauge\n"
        for (function, _) in totals { text += "\(gauge)\(Self.labels(function)) \(meter.load(of: function))\n" }
        let dropped = "martlet_lambda_dropped_measurements_total"
        text += "# HELP \(dropped) Metrics that found no room.\n# TYPE \(dropped) counter\n"
        text += "\(dropped) \(meter.droppedMeasurements)\n"
        text += Self.lines(stemCells()) + Self.lines(memory())
        return WireResponse(
            status: 200,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: .buffer(ByteBuffer(string: text))
        )
    }

    private static func lines(_ cells: StemCellFigures) -> String {
        let (taken, waiting) = ("martlet_lambda_stem_cells_total", "martlet_lambda_stem_cells_waiting")
        return """
            # HELP \(taken) New environments that found a runtime booted ahead, or did not.
            # TYPE \(taken) counter
            \(taken){found="yes"} \(cells.hits)
            \(taken){found="no"} \(cells.misses)
            # HELP \(waiting) Runtimes that are booted and wait.
            # TYPE \(waiting) gauge
            \(waiting) \(cells.waiting)

            """
    }

    private static func lines(_ memory: MemoryFigures) -> String {
        let (short, reaped) = ("martlet_lambda_memory_short", "martlet_lambda_environments_reaped_for_memory_total")
        return """
            # HELP \(short) Whether the host is short of memory.
            # TYPE \(short) gauge
            \(short) \(memory.isShort ? 1 : 0)
            # HELP \(reaped) Idle environments that ended because the host was short of memory.
            # TYPE \(reaped) counter
            \(reaped) \(memory.environmentsReaped)

            """
    }

    private static let counters: [(String, String, @Sendable (UsageCounts) -> String)] = [
        ("martlet_lambda_invocations_total", "Invocations that ran.", { String($0.requests) }),
        ("martlet_lambda_errors_total", "Invocations that ended with an error.", { String($0.errors) }),
        ("martlet_lambda_throttles_total", "Invocations that were refused.", { String($0.throttles) }),
        (
            "martlet_lambda_cold_starts_total", "Invocations that were the first of their environment.",
            { String($0.coldStarts) }
        ),
        (
            "martlet_lambda_duration_seconds_total", "Time in the handler.",
            { String(Double($0.durationMicroseconds) / 1e6) }
        ),
        (
            "martlet_lambda_billed_seconds_total", "Time as AWS would bill it.",
            { String(Double($0.billedMilliseconds) / 1e3) }
        ),
        ("martlet_lambda_gigabyte_seconds_total", "Memory size times billed time.", { String($0.gigabyteSeconds) }),
    ]

    private static func order(_ function: MeteredFunction) -> String {
        "\(function.scope.account.text) \(function.scope.region.name) \(function.name)"
    }

    /// Names of functions, accounts and regions hold nothing that would have to be escaped.
    private static func labels(_ function: MeteredFunction) -> String {
        let scope = function.scope
        return #"{account="\#(scope.account.text)",region="\#(scope.region.name)",function="\#(function.name)"}"#
    }
}
