// SPDX-License-Identifier: Apache-2.0
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import Storage
import Testing

@testable import EventDelivery

@Suite("Deliveries with an order", .timeLimit(.minutes(20))) struct DeliveryOrderTests {
    @Test("are made one after the other, also while the first one hangs, and other orders of the lane go on")
    func oneByOne() async throws {
        let script: ScriptedHandler.Script = { $0.id == "k0" ? nil : .finished() }
        try await Ground.run(verdicts: script) { ground in
            for number in 0..<10 {
                for key in ["k", "l"] { try await ground.engine.accept(ground.delivery("a", number, orderKey: key)) }
            }
            await ground.untilStored(10)
            #expect(ground.handler.ids.filter { $0 != "k0" } == (0..<10).map { "l\($0)" })
            ground.handler.release()
            while (try? await ground.engine.count()) != 0 { await Task.yield() }
            #expect(ground.handler.ids.suffix(9) == (1..<10).map { "k\($0)" })
        }
    }

    @Test("wait for the next try of the one before them") func retry() async throws {
        let script: ScriptedHandler.Script = {
            $0.id == "k0" && $0.earlierTries < 2 ? .again(after: .seconds(60), detail: "") : .finished()
        }
        try await Ground.run(verdicts: script) { ground in
            for number in 0..<3 { try await ground.engine.accept(ground.delivery("a", number, orderKey: "k")) }
            try await ground.engine.accept(ground.delivery("a", 9, orderKey: nil))
            await ground.untilWaiting(3)
            for tries in 2...3 {
                #expect(ground.handler.ids.count { $0 == "k1" } == 0)
                await ground.clock.advance(by: .seconds(60))
                await ground.handler.untilTries(tries + 1)
            }
            await ground.untilStored(0)
            #expect(ground.handler.ids.filter { $0 != "a9" } == ["k0", "k0", "k0", "k1", "k2"])
        }
    }

    @Test("keep it however many there are, on two nodes of which one ends, and through failures")
    func nodes() async throws {
        var limits = DeliveryLimits()
        (limits.running, limits.held) = (16, 64)
        let done = NIOLockedValueBox<[String: [Int]]>([:])
        let script: ScriptedHandler.Script = { delivery in
            let parts = delivery.id.split(separator: "-")
            guard let number = Int(parts[1]) else { return .finished() }
            if delivery.earlierTries == 0, number % 4 == 3 { return .again(after: .zero, detail: "") }
            done.withLockedValue { $0[String(parts[0]), default: []].append(number) }
            return .finished()
        }
        try await Ground.run(limits: limits, verdicts: script, startsRunning: false) { ground in
            let (keys, each) = (300, 10)
            let all = (0..<each).flatMap { number in
                (0..<keys).map { ground.delivery("lane\($0 % 3)", number, orderKey: "\($0)-") }
            }
            try await ground.engine.accept { _ in ((), all) }
            #expect(try await ground.first() == keys)
            let other = try await ground.anotherEngine(node: "other")
            await ground.start()
            await ground.start(other)
            await ground.untilStored(0)
            #expect(done.withLockedValue { $0.count } == keys)
            #expect(done.withLockedValue { $0.values.allSatisfy { $0 == Array(0..<each) } })
        }
    }

    @Test("go on when a reset has dropped the one before them") func reset() async throws {
        try await Ground.run(startsRunning: false) { ground in
            var foreign = ground.delivery("a", 0, orderKey: "k")
            foreign.scope = Scope(account: try #require(AccountID("111122223333")), region: .usEast1)
            try await ground.engine.accept(foreign)
            try await ground.engine.accept(ground.delivery("a", 1, orderKey: "k"))
            try await ground.engine.reset(account: foreign.scope.account)
            await ground.start()
            await ground.untilStored(0)
            #expect(ground.handler.ids == ["k1"])
        }
    }

    @Test("are found by indexes, whatever waits behind them") func indexes() async throws {
        try await Ground.run(startsRunning: false) { ground in
            let queries: [(SQL, String)] = [
                ("SELECT MIN(due_at) FROM delivery WHERE session IS NULL AND is_behind = 0", "delivery_first_due"),
                (
                    """
                    SELECT sequence FROM delivery WHERE session IS NULL AND is_behind = 0 AND queue = \("q")
                        AND lane = \("l") AND due_at <= \(1) ORDER BY due_at, sequence LIMIT 5
                    """, "delivery_first "
                ),
                (
                    """
                    SELECT MIN(lane) FROM delivery WHERE session IS NULL AND is_behind = 0 AND queue = \("q")
                        AND lane > \("l")
                    """, "delivery_first "
                ),
                (
                    "SELECT MIN(sequence) FROM delivery WHERE lane = \("l") AND order_key = \("k")", "delivery_order"
                ),
            ]
            for (query, index) in queries {
                let plan = try await ground.database.read { try $0.rows(PlanStep.self, "EXPLAIN QUERY PLAN \(query)") }
                #expect(plan.count == 1 && plan[0].text.hasPrefix("SEARCH") && plan[0].text.contains(index), "\(plan)")
                #expect(!plan.contains { $0.text.contains("TEMP B-TREE") })
            }
        }
    }

    private struct PlanStep: RowDecodable {
        var text: String
        init(row: inout Row) throws {
            for _ in 0..<3 { _ = try row.integer() }
            text = try row.text()
        }
    }
}

extension Ground {
    /// How many wait for nothing but a place.
    fileprivate func first() async throws -> Int {
        try await database.read { try $0.count("SELECT COUNT(*) FROM delivery WHERE is_behind = 0") }
    }
}
