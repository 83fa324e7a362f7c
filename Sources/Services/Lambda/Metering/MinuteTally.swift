// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// AWS/Lambda's metrics of each minute, by the dimensions that AWS documents. Bounded: series beyond `capacity` in a minute
/// are counted, not kept.
struct MinuteTally: Sendable {
    /// Empty: the account in its region.
    struct Dimensions: Hashable, Sendable {
        var functionName: String?
        /// `name` or `name:qualifier`
        var resource: String?
        /// Of an alias, which version it was.
        var executedVersion: String?

        var named: [String: String] {
            var named: [String: String] = [:]
            named["FunctionName"] = functionName
            named["Resource"] = resource
            named["ExecutedVersion"] = executedVersion
            return named
        }
    }

    fileprivate struct Series: Hashable, Sendable {
        var scope: Scope
        var dimensions: Dimensions
    }

    fileprivate struct Figures: Sendable {
        var counts = UsageCounts()
        var shortest = Double.infinity
        var longest = 0.0
        var duration = 0.0
        var concurrent = Peak()
        var unreserved = Peak()
        /// What invocations on demand cannot have.
        var claimed = Peak()
        var droppedLoops = 0

        static func += (sum: inout Figures, other: Figures) {
            sum.counts += other.counts
            sum.shortest = min(sum.shortest, other.shortest)
            sum.longest = max(sum.longest, other.longest)
            sum.duration += other.duration
            sum.concurrent += other.concurrent
            sum.unreserved += other.unreserved
            sum.claimed += other.claimed
            sum.droppedLoops &+= other.droppedLoops
        }
    }

    /// The highest of what was seen, and how often something was.
    fileprivate struct Peak: Sendable {
        var samples = 0
        var sum = 0.0
        var lowest = Double.infinity
        var highest = 0.0

        mutating func add(_ value: Int) {
            samples += 1
            sum += Double(value)
            lowest = min(lowest, Double(value))
            highest = max(highest, Double(value))
        }

        static func += (sum: inout Peak, other: Peak) {
            sum.samples += other.samples
            sum.sum += other.sum
            sum.lowest = min(sum.lowest, other.lowest)
            sum.highest = max(sum.highest, other.highest)
        }
    }

    /// Minutes that were taken out of tallies, and are over for them.
    struct Minutes: Sendable {
        fileprivate var series: [Int64: [Series: Figures]] = [:]

        static func += (sum: inout Minutes, other: Minutes) {
            for (minute, figures) in other.series {
                for (series, figures) in figures {
                    sum.series[minute, default: [:]][series, default: Figures()] += figures
                }
            }
        }
    }

    static let millisecondsAMinute: Int64 = 60_000
    let capacity: Int
    private var minutes: [Int64: [Series: Figures]] = [:]
    /// Measurements that found no room, since the start.
    private(set) var dropped = 0

    init(capacity: Int = 10_000) { self.capacity = capacity }

    mutating func add(_ invocation: InvocationFigures, at now: Instant) {
        for dimensions in Self.dimensions(of: invocation.key, invocation.qualifier) {
            update(invocation.key.scope, dimensions, now) { figures in
                let milliseconds = invocation.duration.fractionalSeconds * 1_000
                figures.counts += invocation.counts
                figures.shortest = min(figures.shortest, milliseconds)
                figures.longest = max(figures.longest, milliseconds)
                figures.duration += milliseconds
            }
        }
    }

    mutating func addThrottle(_ key: VersionKey, _ qualifier: String?, at now: Instant) {
        for dimensions in Self.dimensions(of: key, qualifier) {
            update(key.scope, dimensions, now) { $0.counts.throttles &+= 1 }
        }
    }

    mutating func addDroppedLoop(_ key: VersionKey, _ qualifier: String?, at now: Instant) {
        for dimensions in Self.dimensions(of: key, qualifier) {
            update(key.scope, dimensions, now) { $0.droppedLoops &+= 1 }
        }
    }

    mutating func add(
        _ load: ConcurrencyLedger.Load,
        _ claims: ClaimedConcurrency = ClaimedConcurrency(),
        _ key: VersionKey,
        at now: Instant
    ) {
        update(key.scope, Dimensions(), now) { figures in
            figures.concurrent.add(load.account)
            figures.unreserved.add(load.unreserved)
            figures.claimed.add(load.unreserved + claims.total)
        }
        update(key.scope, Dimensions(functionName: key.functionName), now) { $0.concurrent.add(load.function) }
    }

    /// AWS keeps each figure for the account, the function, what was called, and of an alias for the version behind it.
    private static func dimensions(of key: VersionKey, _ qualifier: String?) -> [Dimensions] {
        let name = key.functionName
        let resource = qualifier.map { "\(name):\($0)" } ?? name
        var all = [
            Dimensions(), Dimensions(functionName: name), Dimensions(functionName: name, resource: resource),
        ]
        if let qualifier, qualifier != key.version {
            all.append(Dimensions(functionName: name, resource: resource, executedVersion: key.version))
        }
        return all
    }

    private mutating func update(
        _ scope: Scope,
        _ dimensions: Dimensions,
        _ now: Instant,
        _ change: (inout Figures) -> Void
    ) {
        let minute = now.milliseconds / Self.millisecondsAMinute
        let series = Series(scope: scope, dimensions: dimensions)
        guard minutes[minute]?[series] != nil || (minutes[minute]?.count ?? 0) < capacity else {
            dropped &+= 1
            return
        }
        change(&minutes[minute, default: [:]][series, default: Figures()])
    }

    /// Hands over the minutes that are over, or all.
    mutating func take(before now: Instant?) -> Minutes {
        let current = now.map { $0.milliseconds / Self.millisecondsAMinute } ?? .max
        var taken = Minutes()
        for minute in minutes.keys where minute < current { taken.series[minute] = minutes.removeValue(forKey: minute) }
        return taken
    }
}

// MARK: - as metrics

extension MinuteTally.Minutes {
    var measurements: [Measurement] {
        series.sorted { $0.key < $1.key }.flatMap { minute, figures in
            let at = Instant(milliseconds: minute * MinuteTally.millisecondsAMinute)
            return figures.flatMap { Self.measurements(of: $0, $1, at) }
        }
    }

    private static func measurements(
        of series: MinuteTally.Series,
        _ figures: MinuteTally.Figures,
        _ at: Instant
    ) -> [Measurement] {
        func measurement(_ name: String, _ unit: String, _ statistics: Measurement.Statistics) -> Measurement {
            Measurement(
                namespace: "AWS/Lambda",
                name: name,
                dimensions: series.dimensions.named,
                statistics: statistics,
                unit: unit,
                timestamp: at,
                scope: series.scope
            )
        }
        /// Each invocation was a sample of one or of none.
        func count(_ name: String, _ value: Int, of samples: Int) -> Measurement {
            let statistics = Measurement.Statistics(
                samples: samples,
                sum: Double(value),
                minimum: value == samples ? 1 : 0,
                maximum: value == 0 ? 0 : 1
            )
            return measurement(name, "Count", statistics)
        }
        let counts = figures.counts
        var all: [Measurement] = []
        if counts.requests > 0 {
            all.append(count("Invocations", counts.requests, of: counts.requests))
            all.append(count("Errors", counts.errors, of: counts.requests))
            let duration = Measurement.Statistics(
                samples: counts.requests,
                sum: figures.duration,
                minimum: figures.shortest,
                maximum: figures.longest
            )
            all.append(measurement("Duration", "Milliseconds", duration))
        }
        if counts.requests &+ counts.throttles > 0 {
            all.append(count("Throttles", counts.throttles, of: counts.requests &+ counts.throttles))
        }
        if figures.droppedLoops > 0 {
            all.append(count("RecursiveInvocationsDropped", figures.droppedLoops, of: figures.droppedLoops))
        }
        for (name, peak) in [
            ("ConcurrentExecutions", figures.concurrent), ("UnreservedConcurrentExecutions", figures.unreserved),
            ("ClaimedAccountConcurrency", figures.claimed),
        ] where peak.samples > 0 {
            let statistics = Measurement.Statistics(
                samples: peak.samples,
                sum: peak.sum,
                minimum: peak.lowest,
                maximum: peak.highest
            )
            all.append(measurement(name, "Count", statistics))
        }
        return all
    }
}
