// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import HTTPTypes
import Lambda
import MartletCore
import MartletServer
import NIOCore

/// `/_martlet/metrics`: Prometheus's text format. Counters since the server started.
struct PrometheusReport: ControlReport {
    private typealias Labels = [(String, String)]

    let meter: FunctionMeter
    /// Of the whole server: they belong to no account.
    let stemCells: @Sendable () -> StemCellFigures
    let memory: @Sendable () -> MemoryFigures
    let deliveries: @Sendable () async throws -> [DeliveryFigures]
    /// What services have measured, as CloudWatch would have it.
    let measurements: MinuteMetrics
    let clock: any WallClock
    let name = "metrics"

    func answer(query: [String: String], account: AccountID?) async throws -> WireResponse {
        var text = PrometheusText()
        writeFunctions(of: account, &text)
        write(stemCells(), &text)
        write(memory(), &text)
        write(try await deliveries(), &text)
        writeMeasurements(of: account, &text)
        return WireResponse(
            status: 200,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: .buffer(ByteBuffer(string: text.text))
        )
    }

    // MARK: Functions

    private func writeFunctions(of account: AccountID?, _ text: inout PrometheusText) {
        let totals = meter.totals(account: account).map { (Self.labels($0.key), $0.key, $0.value) }
            .sorted { $0.0.map(\.1).lexicographicallyPrecedes($1.0.map(\.1)) }
        for (name, help, value) in Self.counters {
            text.family(name, .counter, help)
            for (labels, _, counts) in totals { text.sample(name, labels, value(counts)) }
        }
        let gauge = "martlet_lambda_concurrent_executions"
        text.family(gauge, .gauge, "Invocations that run now.")
        for (labels, function, _) in totals { text.sample(gauge, labels, meter.load(of: function)) }
        let dropped = "martlet_lambda_dropped_measurements_total"
        text.family(dropped, .counter, "Metrics that found no room.")
        text.sample(dropped, [], meter.droppedMeasurements)
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

    private static func labels(_ function: MeteredFunction) -> Labels {
        labels(function.scope) + [("function", function.name)]
    }

    private static func labels(_ scope: Scope) -> Labels {
        [("account", scope.account.text), ("region", scope.region.name)]
    }

    // MARK: The server

    private func write(_ cells: StemCellFigures, _ text: inout PrometheusText) {
        let (taken, waiting) = ("martlet_lambda_stem_cells_total", "martlet_lambda_stem_cells_waiting")
        text.family(taken, .counter, "New environments that found a runtime booted ahead, or did not.")
        text.sample(taken, [("found", "yes")], cells.hits)
        text.sample(taken, [("found", "no")], cells.misses)
        text.family(waiting, .gauge, "Runtimes that are booted and wait.")
        text.sample(waiting, [], cells.waiting)
    }

    private func write(_ memory: MemoryFigures, _ text: inout PrometheusText) {
        let (short, reaped) = ("martlet_lambda_memory_short", "martlet_lambda_environments_reaped_for_memory_total")
        text.family(short, .gauge, "Whether the host is short of memory.")
        text.sample(short, [], memory.isShort ? 1 : 0)
        text.family(reaped, .counter, "Idle environments that ended because the host was short of memory.")
        text.sample(reaped, [], memory.environmentsReaped)
    }

    private func write(_ deliveries: [DeliveryFigures], _ text: inout PrometheusText) {
        let tries = "martlet_delivery_tries_total"
        text.family(tries, .counter, "Tries of deliveries, by how they ended.")
        for queue in deliveries {
            for (result, count) in [
                ("finished", queue.tries.finished), ("retried", queue.tries.retried),
                ("throttled", queue.tries.throttled),
            ] { text.sample(tries, [("queue", queue.queue), ("result", result)], count) }
        }
        let followers = "martlet_delivery_followers_total"
        text.family(followers, .counter, "Dead letters and records that followed from deliveries.")
        for queue in deliveries { text.sample(followers, [("queue", queue.queue)], queue.tries.followers) }
        let waiting = "martlet_delivery_waiting"
        text.family(waiting, .gauge, "Deliveries that wait in the store for room or for their next try.")
        for queue in deliveries { text.sample(waiting, [("queue", queue.queue)], queue.waiting) }
        let age = "martlet_delivery_oldest_seconds"
        text.family(age, .gauge, "How long ago the first of those that wait was accepted.")
        for queue in deliveries {
            let milliseconds = queue.oldest.map { (clock.now - $0).wholeMilliseconds } ?? 0
            text.sample(age, [("queue", queue.queue)], Double(milliseconds) / 1e3)
        }
    }

    /// A service's metrics under their names in CloudWatch, those of metric filters too.
    private func writeMeasurements(of account: AccountID?, _ text: inout PrometheusText) {
        let kept = measurements.totals(at: clock.now).filter { account == nil || $0.scope.account == account }
            .map { (Self.labels($0), $0.statistics) }
            .sorted { $0.0.map(\.1).lexicographicallyPrecedes($1.0.map(\.1)) }
        let (sum, count) = ("martlet_measurements_sum", "martlet_measurements_count")
        text.family(sum, .counter, "CloudWatch's metrics: the sum of all values.")
        for (labels, statistics) in kept { text.sample(sum, labels, statistics.sum) }
        text.family(count, .counter, "CloudWatch's metrics: the number of values.")
        for (labels, statistics) in kept { text.sample(count, labels, statistics.samples) }
        let dropped = "martlet_measurements_dropped_total"
        text.family(dropped, .counter, "Values of series for which there was no room.")
        text.sample(dropped, [], measurements.dropped)
    }

    private static func labels(_ measurement: Measurement) -> Labels {
        labels(measurement.scope) + [
            ("namespace", measurement.namespace), ("name", measurement.name), ("unit", measurement.unit),
        ] + measurement.dimensions.sorted { $0.key < $1.key }.map { ("dimension_" + $0.key, $0.value) }
    }
}
