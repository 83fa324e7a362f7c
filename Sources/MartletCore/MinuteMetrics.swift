// SPDX-License-Identifier: Apache-2.0
import NIOConcurrencyHelpers

/// Keeps measurements by the minute, in memory, until a service that stores them takes them; and what each series comes to
/// since the server's start.
///
/// Bounded: the oldest minute leaves when there are `minutes` of them, and series beyond `seriesAMinute` are counted as
/// dropped. As many series have totals.
package final class MinuteMetrics: MetricSink {
    private struct Series: Hashable {
        var scope: Scope
        var namespace: String
        var name: String
        var dimensions: [String: String]
        var unit: String

        func measurement(_ statistics: Measurement.Statistics, at instant: Instant) -> Measurement {
            Measurement(
                namespace: namespace,
                name: name,
                dimensions: dimensions,
                statistics: statistics,
                unit: unit,
                timestamp: instant,
                scope: scope
            )
        }
    }

    private struct State {
        var minutes: [Int64: [Series: Measurement.Statistics]] = [:]
        var totals: [Series: Measurement.Statistics] = [:]
        var dropped = 0
    }

    private static let millisecondsAMinute: Int64 = 60_000
    private let minutes: Int
    private let seriesAMinute: Int
    private let state = NIOLockedValueBox(State())

    package init(minutes: Int = 15, seriesAMinute: Int = 10_000) {
        (self.minutes, self.seriesAMinute) = (minutes, seriesAMinute)
    }

    package func record(_ measurement: Measurement) {
        let minute = measurement.timestamp.milliseconds / Self.millisecondsAMinute
        let series = Series(
            scope: measurement.scope,
            namespace: measurement.namespace,
            name: measurement.name,
            dimensions: measurement.dimensions,
            unit: measurement.unit
        )
        state.withLockedValue { state in
            if state.minutes[minute]?[series] != nil {
                state.minutes[minute]?[series]? += measurement.statistics
            } else if (state.minutes[minute]?.count ?? 0) < seriesAMinute {
                state.minutes[minute, default: [:]][series] = measurement.statistics
            } else {
                state.dropped &+= 1
            }
            if state.totals[series] != nil {
                state.totals[series]? += measurement.statistics
            } else if state.totals.count < seriesAMinute {
                state.totals[series] = measurement.statistics
            }
            if state.minutes.count > minutes, let oldest = state.minutes.keys.min() { state.minutes[oldest] = nil }
        }
    }

    /// Everything that is kept, a measurement for each series and minute.
    package func measurements() -> [Measurement] {
        state.withLockedValue { $0.minutes }.flatMap { minute, all in
            all.map { series, statistics in
                series.measurement(statistics, at: Instant(milliseconds: minute * Self.millisecondsAMinute))
            }
        }
    }

    /// Each series since the start, dated as `now` says.
    package func totals(at now: Instant) -> [Measurement] {
        state.withLockedValue { $0.totals }.map { $0.key.measurement($0.value, at: now) }
    }

    package var dropped: Int { state.withLockedValue { $0.dropped } }
}
