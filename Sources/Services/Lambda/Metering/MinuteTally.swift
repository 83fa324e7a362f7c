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

    private struct Series: Hashable {
        var scope: Scope
        var dimensions: Dimensions
    }

    private struct Figures {
        var counts = UsageCounts()
        var shortest = Double.infinity
        var longest = 0.0
        var duration = 0.0
        var concurrent = Peak()
        var unreserved = Peak()
        /// What invocations on demand cannot have.
        var claimed = Peak()
        var droppedLoops = 0
    }

    /// The highest of what was seen, and how often something was.
    private struct Peak {
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

    /// The measurements of the minutes that are over, or of all.
    mutating func take(before now: Instant?) -> [Measurement] {
        let current = now.map { $0.milliseconds / Self.millisecondsAMinute }
        var measurements: [Measurement] = []
        for minute in minutes.keys.sorted() where minute < current ?? .max {
            let at = Instant(milliseconds: minute * Self.millisecondsAMinute)
            for (series, figures) in minutes.removeValue(forKey: minute) ?? [:] {
                measurements += Self.measurements(of: series, figures, at)
            }
        }
        return measurements
    }

    private static func measurements(of series: Series, _ figures: Figures, _ at: Instant) -> [Measurement] {
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
