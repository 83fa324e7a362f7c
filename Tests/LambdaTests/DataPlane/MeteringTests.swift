// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import Storage
import StorageSQLite
import Testing

@testable import Lambda

@Suite("Metering") struct MeteringTests {
    private let scope = Scope(account: .local, region: .usEast1)
    private let noon = Instant(milliseconds: 20_000 * 86_400_000 + 43_200_000)

    private func key(_ name: String = "f", version: String = "$LATEST") -> VersionKey {
        VersionKey(scope: scope, functionName: name, version: version, generation: "1")
    }

    private func invocation(
        _ key: VersionKey,
        qualifier: String? = nil,
        milliseconds: Int = 10,
        memoryMiB: Int = 1_024,
        isCold: Bool = false,
        isError: Bool = false
    ) -> InvocationFigures {
        InvocationFigures(
            key: key,
            qualifier: qualifier,
            duration: .milliseconds(milliseconds),
            billedMilliseconds: milliseconds,
            memoryMiB: memoryMiB,
            isColdStart: isCold,
            isError: isError
        )
    }

    // MARK: Sums

    @Test("a gigabyte for a second is a GB-second, and half of it for two is one too")
    func gigabyteSeconds() {
        var counts = invocation(key(), milliseconds: 1_000, memoryMiB: 1_024).counts
        #expect(counts.gigabyteSeconds == 1)
        counts += invocation(key(), milliseconds: 2_000, memoryMiB: 512).counts
        #expect(counts.gigabyteSeconds == 2)
        #expect(counts.requests == 2 && counts.billedMilliseconds == 3_000)
    }

    @Test("each day is counted apart, in UTC")
    func days() {
        var tally = UsageTally()
        let function = MeteredFunction(scope: scope, name: "f")
        let midnight = Instant(milliseconds: 20_001 * 86_400_000)
        tally.add(invocation(key()).counts, to: function, at: midnight - .milliseconds(1))
        tally.add(invocation(key()).counts, to: function, at: midnight)
        #expect(
            tally.take().mapValues(\.requests) == [
                .init(function: function, day: 20_000): 1, .init(function: function, day: 20_001): 1,
            ]
        )
        #expect(tally.take().isEmpty)
        #expect(tally.sinceStart[function]?.requests == 2)
    }

    @Test("functions beyond the capacity are counted together")
    func capacity() {
        var tally = UsageTally(capacity: 2)
        for name in ["a", "b", "c", "d", "a"] {
            tally.add(invocation(key()).counts, to: MeteredFunction(scope: scope, name: name), at: noon)
        }
        #expect(
            tally.sinceStart.mapValues(\.requests) == [
                MeteredFunction(scope: scope, name: "a"): 2, MeteredFunction(scope: scope, name: "b"): 1,
                .others(in: scope): 2,
            ]
        )
        #expect(tally.unstored.values.map(\.requests).reduce(0, +) == 5)
        #expect(tally.unstored.count == 3)
    }

    // MARK: Metrics

    @Test("an invocation of an alias counts for the account, the function, the alias, and the version behind it")
    func dimensions() {
        var tally = MinuteTally()
        tally.add(invocation(key(version: "7"), qualifier: "live"), at: noon)
        let found = tally.take(before: nil).measurements.filter { $0.name == "Invocations" }.map(\.dimensions)
        #expect(
            Set(found) == [
                [:], ["FunctionName": "f"], ["FunctionName": "f", "Resource": "f:live"],
                ["FunctionName": "f", "Resource": "f:live", "ExecutedVersion": "7"],
            ]
        )
        tally.add(invocation(key()), at: noon)
        #expect(
            Set(tally.take(before: nil).measurements.filter { $0.name == "Duration" }.map(\.dimensions)) == [
                [:], ["FunctionName": "f"], ["FunctionName": "f", "Resource": "f"],
            ]
        )
    }

    @Test("a minute has the sums, the shortest and the longest; the one that is not over stays")
    func minute() throws {
        var tally = MinuteTally()
        tally.add(invocation(key(), milliseconds: 10), at: noon)
        tally.add(invocation(key(), milliseconds: 30, isError: true), at: noon + .seconds(59))
        tally.addThrottle(key(), nil, at: noon)
        tally.add(.init(function: 2, account: 5, unreserved: 4), .init(), key(), at: noon)
        tally.add(.init(function: 3, account: 6, unreserved: 4), .init(reserved: 7, provisioned: 2), key(), at: noon)
        tally.add(invocation(key()), at: noon + .seconds(60))
        #expect(tally.take(before: noon + .seconds(59)).measurements.isEmpty)
        let measurements = tally.take(before: noon + .seconds(60)).measurements
        func statistics(
            _ name: String,
            _ dimensions: [String: String] = ["FunctionName": "f"]
        ) -> Measurement.Statistics? {
            measurements.first { $0.name == name && $0.dimensions == dimensions }?.statistics
        }
        #expect(statistics("Duration") == .init(samples: 2, sum: 40, minimum: 10, maximum: 30))
        #expect(statistics("Invocations") == .init(samples: 2, sum: 2, minimum: 1, maximum: 1))
        #expect(statistics("Errors") == .init(samples: 2, sum: 1, minimum: 0, maximum: 1))
        #expect(statistics("Throttles") == .init(samples: 3, sum: 1, minimum: 0, maximum: 1))
        #expect(statistics("ConcurrentExecutions") == .init(samples: 2, sum: 5, minimum: 2, maximum: 3))
        #expect(statistics("ConcurrentExecutions", [:])?.maximum == 6)
        #expect(statistics("UnreservedConcurrentExecutions", [:])?.maximum == 4)
        #expect(statistics("UnreservedConcurrentExecutions") == nil)
        #expect(statistics("ClaimedAccountConcurrency", [:]) == .init(samples: 2, sum: 17, minimum: 4, maximum: 13))
        #expect(statistics("ClaimedAccountConcurrency") == nil)
        #expect(measurements.allSatisfy { $0.namespace == "AWS/Lambda" && $0.timestamp == noon })
        #expect(measurements.first { $0.name == "Duration" }?.unit == "Milliseconds")
        #expect(tally.take(before: nil).measurements.contains { $0.timestamp == noon + .seconds(60) })
    }

    @Test("minutes of several tallies come together as if they had been one's")
    func together() throws {
        var (one, other) = (MinuteTally(), MinuteTally())
        one.add(invocation(key("a"), milliseconds: 100), at: noon)
        one.add(.init(function: 1, account: 7, unreserved: 2), .init(), key("a"), at: noon)
        other.add(invocation(key("b"), milliseconds: 300, isError: true), at: noon)
        other.add(.init(function: 3, account: 4, unreserved: 4), .init(), key("b"), at: noon)
        other.add(invocation(key("b")), at: noon + .seconds(60))
        var minutes = one.take(before: nil)
        minutes += other.take(before: noon + .seconds(60))
        let measurements = minutes.measurements
        func statistics(_ name: String, _ function: String? = nil) -> Measurement.Statistics? {
            let dimensions = function.map { ["FunctionName": $0] } ?? [:]
            let found = measurements.filter { $0.name == name && $0.dimensions == dimensions }
            return found.count == 1 ? found[0].statistics : nil
        }
        #expect(statistics("Invocations") == .init(samples: 2, sum: 2, minimum: 1, maximum: 1))
        #expect(statistics("Errors") == .init(samples: 2, sum: 1, minimum: 0, maximum: 1))
        #expect(statistics("Duration") == .init(samples: 2, sum: 400, minimum: 100, maximum: 300))
        #expect(statistics("ConcurrentExecutions") == .init(samples: 2, sum: 11, minimum: 4, maximum: 7))
        #expect(statistics("Duration", "a") == .init(samples: 1, sum: 100, minimum: 100, maximum: 100))
        #expect(statistics("ConcurrentExecutions", "b") == .init(samples: 1, sum: 3, minimum: 3, maximum: 3))
    }

    @Test("series beyond the capacity of a minute are dropped and counted")
    func seriesCapacity() {
        var tally = MinuteTally(capacity: 3)
        tally.add(invocation(key("a")), at: noon)
        tally.add(invocation(key("b")), at: noon)
        #expect(tally.dropped == 2)
        #expect(tally.take(before: nil).measurements.filter { $0.name == "Invocations" }.count == 3)
    }

    @Test("the sink keeps some minutes, and so many series of each")
    func sink() {
        let sink = MinuteMetrics(minutes: 2, seriesAMinute: 2)
        func record(_ name: String, _ value: Double, _ at: Instant) {
            sink.record(
                Measurement(
                    namespace: "n",
                    name: name,
                    dimensions: [:],
                    value: value,
                    unit: "Count",
                    timestamp: at,
                    scope: scope
                )
            )
        }
        record("old", 1, noon - .seconds(120))
        record("a", 1, noon)
        record("a", 3, noon + .seconds(1))
        record("b", 1, noon)
        record("c", 1, noon)
        record("a", 1, noon + .seconds(60))
        let kept = sink.measurements()
        #expect(Set(kept.map(\.name)) == ["a", "b"])
        #expect(
            kept.first { $0.name == "a" && $0.timestamp == noon }?.statistics
                == .init(samples: 2, sum: 4, minimum: 1, maximum: 3)
        )
        // Since the start, and as many series.
        let totals = sink.totals(at: noon)
        #expect(Set(totals.map(\.name)) == ["old", "a"])
        #expect(totals.first { $0.name == "a" }?.statistics == .init(samples: 3, sum: 5, minimum: 1, maximum: 3))
        #expect(sink.dropped == 1)
    }

    // MARK: The meter

    @Test("no invocation is a store write; a flush adds all sums at once, and another adds to them")
    func stored() async throws {
        try await withMeter { meter, clock, database in
            meter.ended(invocation(key(), milliseconds: 100, isCold: true))
            meter.ended(invocation(key(), milliseconds: 50, isError: true))
            meter.throttled(key(), nil)
            #expect(try await UsageTable(database: database).rows(of: nil, account: nil, since: 0).isEmpty)
            await meter.flush()
            meter.ended(invocation(key()))
            await clock.advance(by: .seconds(86_400))
            meter.ended(invocation(key()))
            let rows = try await meter.usage(of: "f", account: nil, since: 0)
            #expect(rows.map(\.counts.requests) == [1, 3])
            let first = try #require(rows.last?.counts)
            #expect(first.errors == 1 && first.throttles == 1 && first.coldStarts == 1)
            #expect(first.billedMilliseconds == 160 && first.durationMicroseconds == 160_000)
            #expect(first.mebibyteMilliseconds == 160 * 1_024)
            #expect(try await meter.usage(of: "g", account: nil, since: 0).isEmpty)
            #expect(try await meter.usage(of: nil, account: AccountID("111111111111"), since: 0).isEmpty)
            #expect(try await meter.usage(of: nil, account: nil, since: rows[0].day).count == 1)
        }
    }

    @Test("functions that are counted behind several locks are an account's together")
    func spread() async throws {
        try await withMeter { meter, _, _ in
            let names = (0..<100).map { "f\($0)" }
            for name in names { meter.ended(invocation(key(name))) }
            #expect(Set(meter.totals(account: nil).keys.map(\.name)) == Set(names))
            #expect(meter.totals(account: AccountID("111111111111")).isEmpty)
            let rows = try await meter.usage(of: nil, account: nil, since: 0)
            #expect(rows.count == 100 && rows.allSatisfy { $0.counts.requests == 1 })
            for number in 0..<(2 * FunctionMeter.capacity) { meter.ended(invocation(key("g\(number)"))) }
            let totals = meter.totals(account: nil)
            #expect(totals.count <= FunctionMeter.capacity + 1)
            #expect(totals.values.map(\.requests).reduce(0, +) == 100 + 2 * FunctionMeter.capacity)
        }
    }

    @Test("a reset forgets what is stored and what is not")
    func reset() async throws {
        try await withMeter { meter, _, _ in
            meter.ended(invocation(key()))
            await meter.flush()
            meter.ended(invocation(key()))
            try await meter.reset(account: AccountID("111111111111"))
            #expect(try await meter.usage(of: nil, account: nil, since: 0).first?.counts.requests == 2)
            meter.ended(invocation(key()))
            try await meter.reset(account: nil)
            #expect(try await meter.usage(of: nil, account: nil, since: 0).isEmpty)
        }
    }

    @Test("the ledger tells what runs of a function, of the account, and unreserved")
    func load() throws {
        let ledger = ConcurrencyLedger()
        for _ in 0..<2 { #expect(try ledger.enter(.init(key: key("a")), at: 0) == .unreserved) }
        #expect(try ledger.enter(.init(key: key("b"), reserved: 5, claims: .init(reserved: 5)), at: 0) == .reserved)
        #expect(ledger.load(of: "a", in: scope) == .init(function: 2, account: 3, unreserved: 2))
        ledger.leave(key("a"), .unreserved)
        ledger.leave(key("b"), .reserved)
        #expect(ledger.load(of: "b", in: scope) == .init(function: 0, account: 1, unreserved: 1))
    }

    private func withMeter(
        _ body: (FunctionMeter, MemoryClock, any Database) async throws -> Void
    ) async throws {
        let database = try SQLiteDatabase.ephemeral()
        try await database.migrate(UsageTable.migrations, of: "lambda-usage")
        let clock = MemoryClock()
        let meter = FunctionMeter(
            ledger: ConcurrencyLedger(),
            table: UsageTable(database: database),
            sink: nil,
            clock: clock,
            logger: Logger(label: "test")
        )
        try await body(meter, clock, database)
        await database.close()
    }
}
