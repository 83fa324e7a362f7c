// SPDX-License-Identifier: Apache-2.0
import Logging
package import MartletCore
import ServiceLifecycle
import Storage

/// Counts what functions use. An invocation pays two short locks, which few other functions share, and no store write: sums are
/// stored every ten seconds and when the server stops, so a crash loses ten seconds of them; metrics go to the sink when their
/// minute is over.
package final class FunctionMeter: Service {
    private static let pause = Duration.seconds(10)

    /// Of the functions that share a lock. An account's own figures are in several, and put together at the end.
    private struct State {
        var usage = UsageTally(capacity: FunctionMeter.capacity / FunctionMeter.stripes)
        var minutes = MinuteTally(capacity: FunctionMeter.capacity / FunctionMeter.stripes)
    }

    /// Functions, and series of a minute, that are counted apart: so many, if they spread evenly over the stripes.
    static let capacity = 16_384
    private static let stripes = 16

    private let states = Striped(stripes) { State() }
    private let ledger: ConcurrencyLedger
    private let table: UsageTable
    private let sink: (any MetricSink)?
    private let clock: any WallClock
    private let logger: Logger

    init(ledger: ConcurrencyLedger, table: UsageTable, sink: (any MetricSink)?, clock: any WallClock, logger: Logger) {
        (self.ledger, self.table, self.sink, self.clock, self.logger) = (ledger, table, sink, clock, logger)
    }

    // MARK: On the way of an invocation

    /// It was admitted. `claims` are the account's.
    func began(_ key: VersionKey, _ claims: ClaimedConcurrency = ClaimedConcurrency()) {
        let (load, now) = (ledger.load(of: key.functionName, in: key.scope), clock.now)
        states.withValue(for: MeteredFunction(key)) { $0.minutes.add(load, claims, key, at: now) }
    }

    func throttled(_ key: VersionKey, _ qualifier: String?) {
        let now = clock.now
        var counts = UsageCounts()
        counts.throttles = 1
        let function = MeteredFunction(key)
        states.withValue(for: function) { state in
            state.usage.add(counts, to: function, at: now)
            state.minutes.addThrottle(key, qualifier, at: now)
        }
    }

    /// The platform ended a loop. AWS: RecursiveInvocationsDropped
    func droppedLoop(_ key: VersionKey, _ qualifier: String?) {
        let now = clock.now
        states.withValue(for: MeteredFunction(key)) { $0.minutes.addDroppedLoop(key, qualifier, at: now) }
    }

    func ended(_ invocation: InvocationFigures) {
        let now = clock.now
        let function = MeteredFunction(invocation.key)
        states.withValue(for: function) { state in
            state.usage.add(invocation.counts, to: function, at: now)
            state.minutes.add(invocation, at: now)
        }
    }

    // MARK: Off it

    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            // Ends by cancellation only; then what is left is written below.
            while (try? await clock.sleep(for: Self.pause)) != nil { await flush() }
        }
        await flush(isLast: true)
    }

    /// Stores the sums, and hands the minutes that are over to the sink.
    package func flush(isLast: Bool = false) async {
        let now = clock.now
        var sums: [UsageTally.Day: UsageCounts] = [:]
        var minutes = MinuteTally.Minutes()
        for (usage, over) in states.map({ ($0.usage.take(), $0.minutes.take(before: isLast ? nil : now)) }) {
            sums.merge(usage) { $0 + $1 }
            minutes += over
        }
        for measurement in minutes.measurements { sink?.record(measurement) }
        guard !sums.isEmpty else { return }
        do {
            try await table.add(sums)
        } catch {
            giveBack(sums)
            logger.warning("what functions used is not stored yet", metadata: ["cause": "\(error)"])
        }
    }

    /// By function and day, with what is not stored yet. `days` are days since 1970, UTC.
    package func usage(
        of function: String?,
        account: AccountID?,
        since day: Int64
    ) async throws -> [(function: MeteredFunction, day: Int64, counts: UsageCounts)] {
        await flush()
        return try await table.rows(of: function, account: account, since: day)
    }

    /// Since the server started.
    package func totals(account: AccountID?) -> [MeteredFunction: UsageCounts] {
        var totals: [MeteredFunction: UsageCounts] = [:]
        for counts in states.map({ $0.usage.sinceStart }) {
            totals.merge(counts.filter { account == nil || $0.key.scope.account == account }) { $0 + $1 }
        }
        return totals
    }

    /// They could not be stored, and wait again.
    private func giveBack(_ sums: [UsageTally.Day: UsageCounts]) {
        for (day, counts) in sums { states.withValue(for: day.function) { $0.usage.giveBack([day: counts]) } }
    }

    package func load(of function: MeteredFunction) -> Int {
        ledger.load(of: function.name, in: function.scope).function
    }

    /// Measurements that found no room.
    package var droppedMeasurements: Int { states.map { $0.minutes.dropped }.reduce(0, &+) }

    /// Forgets what is counted, of one account or of all.
    func reset(account: AccountID?) async throws {
        _ = states.map { state in
            let kept = state.usage.take().filter { account != nil && $0.key.function.scope.account != account }
            state.usage.giveBack(kept)
        }
        try await table.reset(account: account)
    }
}
