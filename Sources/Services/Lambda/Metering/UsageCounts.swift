// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// What a function has used, as it would stand on a bill. All sums wrap rather than trap.
package struct UsageCounts: Sendable, Equatable {
    /// Invocations that ran, whatever their end. AWS: Invocations
    package var requests = 0
    package var errors = 0
    package var throttles = 0
    /// Invocations that were the first of their environment, and have waited for it.
    package var coldStarts = 0
    package var billedMilliseconds = 0
    /// Memory size × billed duration: 1,024,000 are one GB-second.
    package var mebibyteMilliseconds = 0
    package var durationMicroseconds = 0

    package init() {}

    package var gigabyteSeconds: Double { Double(mebibyteMilliseconds) / 1_024_000 }

    static func += (sum: inout UsageCounts, more: UsageCounts) {
        sum.requests &+= more.requests
        sum.errors &+= more.errors
        sum.throttles &+= more.throttles
        sum.coldStarts &+= more.coldStarts
        sum.billedMilliseconds &+= more.billedMilliseconds
        sum.mebibyteMilliseconds &+= more.mebibyteMilliseconds
        sum.durationMicroseconds &+= more.durationMicroseconds
    }

    static func + (one: UsageCounts, other: UsageCounts) -> UsageCounts {
        var sum = one
        sum += other
        return sum
    }
}

/// What the meter is told of one invocation.
struct InvocationFigures: Sendable {
    var key: VersionKey
    /// The version or alias that the caller named.
    var qualifier: String?
    var duration: Duration
    var billedMilliseconds: Int
    var memoryMiB: Int
    var isColdStart: Bool
    var isError: Bool

    var counts: UsageCounts {
        var counts = UsageCounts()
        counts.requests = 1
        counts.errors = isError ? 1 : 0
        counts.coldStarts = isColdStart ? 1 : 0
        counts.billedMilliseconds = billedMilliseconds
        counts.mebibyteMilliseconds = billedMilliseconds &* memoryMiB
        counts.durationMicroseconds = Int(duration.wholeMicroseconds)
        return counts
    }
}

extension InvocationFigures {
    init(
        _ report: InvocationReport,
        _ version: ExecutableVersion,
        _ invocation: Invocation,
        isColdStart: Bool
    ) {
        key = version.key
        qualifier = invocation.invokedARN.qualifierOfFunction
        duration = report.duration
        billedMilliseconds = report.billedMilliseconds
        memoryMiB = report.memoryMiB
        self.isColdStart = isColdStart
        isError = report.status != "success"
    }
}

/// A function by name; its versions count together.
package struct MeteredFunction: Hashable, Sendable {
    package var scope: Scope
    package var name: String

    /// Stands for those that came when there was no more room. No function can have this name.
    package static func others(in scope: Scope) -> MeteredFunction { MeteredFunction(scope: scope, name: "*") }
}

extension MeteredFunction {
    init(_ key: VersionKey) { self.init(scope: key.scope, name: key.functionName) }
}

/// Sums by function: what is not stored yet, and what has come together since the server started. Both are bounded: beyond
/// `capacity` functions, further ones count as `others`, so that the sums stay right.
struct UsageTally: Sendable {
    struct Day: Hashable, Sendable {
        var function: MeteredFunction
        /// Days since 1970, UTC.
        var day: Int64
    }

    static let millisecondsADay: Int64 = 86_400_000
    let capacity: Int
    private(set) var unstored: [Day: UsageCounts] = [:]
    private(set) var sinceStart: [MeteredFunction: UsageCounts] = [:]

    init(capacity: Int = 10_000) { self.capacity = capacity }

    mutating func add(_ counts: UsageCounts, to function: MeteredFunction, at now: Instant) {
        let known = sinceStart[function] != nil || sinceStart.count < capacity
        sinceStart[known ? function : .others(in: function.scope), default: UsageCounts()] += counts
        keep(counts, for: Day(function: function, day: now.milliseconds / Self.millisecondsADay))
    }

    private mutating func keep(_ counts: UsageCounts, for day: Day) {
        var day = day
        if unstored[day] == nil, unstored.count >= capacity { day.function = .others(in: day.function.scope) }
        unstored[day, default: UsageCounts()] += counts
    }

    /// Hands over what is to be stored.
    mutating func take() -> [Day: UsageCounts] {
        defer { unstored = [:] }
        return unstored
    }

    /// It could not be stored: it waits again, together with what has come meanwhile.
    mutating func giveBack(_ counts: [Day: UsageCounts]) {
        for (day, counts) in counts { keep(counts, for: day) }
    }
}
