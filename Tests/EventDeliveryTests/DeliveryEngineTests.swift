// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Storage
import Testing

@testable import EventDelivery

@Suite("The delivery engine", .timeLimit(.minutes(20))) struct DeliveryEngineTests {
    @Test("what is accepted is delivered at once, and then gone") func delivers() async throws {
        try await Ground.run { ground in
            try await ground.accept("a", count: 3)
            await ground.handler.untilTries(3)
            await ground.untilStored(0)
            #expect(Set(ground.handler.ids) == ["a0", "a1", "a2"])
        }
    }

    @Test("its figures tell how tries ended, and what waits since when") func figures() async throws {
        let script: ScriptedHandler.Script = {
            $0.target == "bad" ? .again(after: .seconds(60), detail: "") : .finished()
        }
        try await Ground.run(verdicts: script) { ground in
            #expect(try await ground.engine.figures() == [])
            try await ground.accept("a", count: 2)
            try await ground.accept("bad", count: 1)
            let accepted = ground.clock.now
            await ground.handler.untilTries(3)
            await ground.untilStored(1)
            await ground.untilWaiting(1)
            let figures = try await ground.engine.figures()
            #expect(figures.count == 1)
            #expect(figures.first?.tries == .init(finished: 2, retried: 1))
            #expect(figures.first?.waiting == 1)
            #expect(figures.first?.oldest == accepted)
        }
    }

    @Test("a target that hangs holds up nobody else, however much it has waiting") func fairness() async throws {
        var limits = DeliveryLimits()
        (limits.running, limits.held) = (8, 32)
        let script: ScriptedHandler.Script = { $0.target == "slow" ? nil : .finished() }
        try await Ground.run(limits: limits, verdicts: script) { ground in
            try await ground.accept("slow", count: 100)
            try await ground.accept("fast", count: 50)
            await ground.handler.untilTries(of: "fast", 50)
            #expect(ground.handler.tries(of: "slow") == 4)
            await ground.untilStored(100)
            ground.handler.release()
            await ground.untilStored(0)
            #expect(ground.handler.tries(of: "slow") == 100)
        }
    }

    @Test("what is to be tried again is, after its pause, with what the handler noted") func again() async throws {
        let script: ScriptedHandler.Script = {
            $0.earlierTries == 0 ? .again(after: .seconds(60), detail: "once") : .finished()
        }
        try await Ground.run(
            verdicts: script
        ) { ground in
            try await ground.accept("a", count: 1)
            await ground.handler.untilTries(1)
            await ground.untilWaiting(1)
            await ground.clock.advance(by: .seconds(59))
            #expect(ground.handler.ids.count == 1)
            await ground.clock.advance(by: .seconds(1))
            await ground.handler.untilTries(2)
            #expect(ground.handler.details == ["", "once"])
            await ground.untilStored(0)
        }
    }

    @Test("a throttled target's other deliveries wait for the pause and are not tried meanwhile") func throttled()
        async throws
    {
        let script: ScriptedHandler.Script = {
            $0.id == "a0" && $0.earlierTries == 0 ? .throttled(after: .seconds(5), detail: "") : .finished()
        }
        try await Ground.run(
            verdicts: script,
            startsRunning: false
        ) { ground in
            try await ground.accept("a", count: 1)
            await ground.start()
            await ground.handler.untilTries(1)
            await ground.untilWaiting(1)
            try await ground.accept("a", from: 1, count: 20)
            try await ground.accept("b", count: 1)
            await ground.handler.untilTries(of: "b", 1)
            #expect(ground.handler.tries(of: "a") == 1)
            await ground.clock.advance(by: .seconds(5))
            await ground.untilStored(0)
            #expect(ground.handler.tries(of: "a") == 22)
        }
    }

    @Test("after a restart everything goes on in its order") func restart() async throws {
        var limits = DeliveryLimits()
        limits.running = 1
        try await Ground.run(limits: limits, startsRunning: false) { ground in
            try await ground.accept("a", count: 200)
            await ground.start()
            await ground.untilStored(0)
            #expect(ground.handler.ids == (0..<200).map { "a\($0)" })
        }
    }

    @Test("what a dead node held is delivered when its lease has run out, not before") func lease() async throws {
        try await Ground.run(startsRunning: false) { ground in
            let now = ground.clock.now
            try await ground.store.begin("dead", node: "other", at: now, until: now + .seconds(60))
            _ = try await ground.database.write { tx in
                try DeliveryStore.insert(ground.delivery("a", 0), .held("dead"), tx)
            }
            await ground.start()
            try await ground.accept("b", count: 1)
            await ground.handler.untilTries(1)
            #expect(ground.handler.ids == ["b0"])
            await ground.clock.untilSleepers(2)
            for _ in 0..<80 where !ground.handler.ids.contains("a0") { await ground.tick() }
            await ground.untilStored(0)
            #expect(ground.handler.ids == ["b0", "a0"])
        }
    }

    @Test("a restarted node takes its own back at once") func ownBack() async throws {
        try await Ground.run(startsRunning: false) { ground in
            let now = ground.clock.now
            try await ground.store.begin("before", node: "test", at: now, until: now + .seconds(60))
            _ = try await ground.database.write { tx in
                try DeliveryStore.insert(ground.delivery("a", 0), .held("before"), tx)
            }
            await ground.start()
            await ground.untilStored(0)
            #expect(ground.handler.ids == ["a0"])
        }
    }

    @Test("what follows is stored with the end, and delivered") func following() async throws {
        let next = NewDelivery(
            queue: "test",
            target: "b",
            id: "next",
            scope: Ground.scope,
            payload: ByteBuffer(string: "x"),
            acceptedAt: Instant(milliseconds: 0)
        )
        let script: ScriptedHandler.Script = { $0.id == "next" ? .finished() : .finished(then: [next]) }
        try await Ground.run(verdicts: script) { ground in
            try await ground.accept("a", count: 1)
            await ground.handler.untilTries(2)
            await ground.untilStored(0)
            #expect(ground.handler.ids == ["a0", "next"])
        }
    }

    @Test("an end counts for nothing when another node has taken the delivery meanwhile") func fenced() async throws {
        let next = NewDelivery(
            queue: "nobody",
            target: "b",
            id: "next",
            scope: Ground.scope,
            payload: ByteBuffer(),
            acceptedAt: Instant(milliseconds: 0)
        )
        let verdicts: @Sendable (Delivery) -> DeliveryVerdict? = { $0.target == "slow" ? nil : .finished(then: [next]) }
        try await Ground.run(verdicts: verdicts) { ground in
            try await ground.accept("slow", count: 1)
            await ground.handler.untilTries(1)
            _ = try await ground.database.write { tx in try tx.execute("UPDATE delivery SET session = 'another'") }
            ground.handler.release(with: .finished(then: [next]))
            try await ground.accept("c", count: 1)
            await ground.handler.untilTries(2)
            // c's own follower, and the row that the other node has by now; nothing of the first try.
            await ground.untilStored(2)
        }
    }

    @Test("two nodes on one store share the work, and nothing is tried twice") func twoNodes() async throws {
        try await Ground.run(startsRunning: false) { ground in
            try await ground.accept("a", count: 300)
            try await ground.accept("b", count: 300)
            let other = try await ground.anotherEngine(node: "other")
            await ground.start()
            await ground.start(other)
            await ground.untilStored(0)
            #expect(ground.handler.ids.count == 600)
            #expect(Set(ground.handler.ids).count == 600)
        }
    }

    @Test("more than the node may hold waits in the store and is delivered all the same") func overflow() async throws {
        var limits = DeliveryLimits()
        (limits.running, limits.held, limits.deliveriesPerClaim) = (2, 8, 4)
        try await Ground.run(limits: limits) { ground in
            for lane in 0..<5 { try await ground.accept("lane\(lane)", count: 40) }
            await ground.untilStored(0)
            #expect(Set(ground.handler.ids).count == 200)
            #expect(ground.handler.ids.count == 200)
        }
    }

    @Test("deliveries are stored together with what else their sender writes, or not at all") func atomic() async throws
    {
        struct Refusal: Error {}
        try await Ground.run { ground in
            await #expect(throws: Refusal.self) {
                try await ground.engine.accept([ground.delivery("a", 0)]) { _ in throw Refusal() }
            }
            #expect(try await ground.engine.count() == 0)
            try await ground.accept("a", count: 1)
            await ground.untilStored(0)
            #expect(ground.handler.ids == ["a0"])
        }
    }

    @Test("deliveries of a queue that nobody handles wait") func unhandled() async throws {
        try await Ground.run { ground in
            var delivery = ground.delivery("a", 0)
            delivery.queue = "nobody"
            delivery.dueAt = ground.clock.now + .milliseconds(1)
            try await ground.engine.accept(delivery)
            try await ground.accept("a", from: 1, count: 1)
            await ground.handler.untilTries(1)
            await ground.untilStored(1)
        }
    }

    @Test("a reset drops what waits, of one account or of all") func reset() async throws {
        try await Ground.run(startsRunning: false) { ground in
            try await ground.accept("a", count: 3)
            try await ground.engine.reset(account: AccountID("111122223333"))
            #expect(try await ground.engine.count() == 3)
            try await ground.engine.reset(account: .local)
            #expect(try await ground.engine.count() == 0)
        }
    }

    @Test(
        "deliveries are chosen inside the transaction that accepts them, and one that fails leaves nothing and no room taken"
    )
    func chosen() async throws {
        struct Refusal: Error {}
        try await Ground.run { ground in
            let (a, b) = (ground.delivery("a", 0), ground.delivery("b", 0))
            let count = try await ground.engine.accept { tx in
                (try tx.count("SELECT COUNT(*) FROM delivery"), [a, b])
            }
            #expect(count == 0)
            await ground.untilStored(0)
            #expect(Set(ground.handler.ids) == ["a0", "b0"])
            await #expect(throws: (any Error).self) {
                try await ground.engine.accept { tx in
                    try tx.execute(
                        "CREATE TRIGGER full BEFORE INSERT ON delivery WHEN NEW.target = 'b' BEGIN SELECT RAISE(ABORT, 'full'); END"
                    )
                    return ((), [a, b])
                }
            }
            #expect(try await ground.engine.count() == 0)
            while ground.engine.dispatch.state.withLockedValue({ $0.board.held }) > 0 { await Task.yield() }
        }
    }

    @Test("what a handler writes with an end is there with it, and not when another node has the delivery by now")
    func writing() async throws {
        let write: DeliveryWrite = { tx in
            try tx.execute("CREATE TABLE IF NOT EXISTS note (id BIGINT)")
            try tx.execute("INSERT INTO note (id) VALUES (1)")
        }
        let script: ScriptedHandler.Script = { $0.target == "slow" ? nil : .finished(writing: write) }
        try await Ground.run(verdicts: script) { ground in
            try await ground.accept("a", count: 1)
            await ground.untilStored(0)
            #expect(try await ground.database.read { try $0.count("SELECT COUNT(*) FROM note") } == 1)
            try await ground.accept("slow", count: 1)
            await ground.handler.untilTries(2)
            _ = try await ground.database.write { tx in try tx.execute("UPDATE delivery SET session = 'another'") }
            ground.handler.release(with: .finished(writing: write))
            try await ground.accept("b", count: 1)
            await ground.untilStored(1)
            #expect(try await ground.database.read { try $0.count("SELECT COUNT(*) FROM note") } == 2)
        }
    }

    @Test("an end that cannot be written is written later, and holds up no other")
    func failingWrite() async throws {
        struct Refusal: Error {}
        let failures = NIOLockedValueBox(0)
        let script: ScriptedHandler.Script = { delivery in
            guard delivery.id == "a0" else { return .finished() }
            return .finished(writing: { _ in
                let count = failures.withLockedValue { count in
                    count += 1
                    return count
                }
                if count <= 5 { throw Refusal() }
            })
        }
        try await Ground.run(verdicts: script) { ground in
            try await ground.accept("a", count: 20)
            await ground.untilStored(0)
            #expect(ground.handler.tries(of: "a") == 20)
            #expect(failures.withLockedValue { $0 } == 6)
        }
    }

    @Test("a try that asks for the next at once gets it without waiting for the clock") func atOnce() async throws {
        let script: ScriptedHandler.Script = { $0.earlierTries < 3 ? .again(after: .zero, detail: "") : .finished() }
        try await Ground.run(verdicts: script) { ground in
            try await ground.accept("a", count: 1)
            await ground.handler.untilTries(4)
            while (try? await ground.engine.count()) != 0 { await Task.yield() }
            #expect(ground.handler.ids.count == 4)
        }
    }

    @Test("a queue whose targets hang keeps to its share, and lanes of other queues that wait in the store are found")
    func share() async throws {
        var limits = DeliveryLimits()
        (limits.running, limits.held, limits.lanesPerClaim) = (8, 16, 4)
        let hanging = ScriptedHandler(
            { _ in nil },
            queue: "hanging",
            share: DeliveryShare(running: 4, runningPerLane: 2, held: 8)
        )
        try await Ground.run(limits: limits) { ground in
            ground.engine.register(hanging)
            for lane in 0..<50 {
                for number in 0..<3 {
                    var delivery = ground.delivery("lane\(lane)", number)
                    delivery.queue = "hanging"
                    try await ground.engine.accept(delivery)
                }
            }
            await hanging.untilTries(4)
            for lane in 0..<20 { try await ground.accept("z\(lane)", count: 4) }
            await ground.untilStored(150)
            #expect(hanging.ids.count == 4)
            #expect((0..<50).allSatisfy { hanging.tries(of: "lane\($0)") <= 2 })
            hanging.release()
            await ground.untilStored(0)
            #expect(Set(hanging.ids).count == 150)
        }
    }
}
