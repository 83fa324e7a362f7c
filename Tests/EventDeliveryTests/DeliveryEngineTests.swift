// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Storage
import StorageSQLite
import Testing

@testable import EventDelivery

@Suite("The delivery engine", .timeLimit(.minutes(2))) struct DeliveryEngineTests {
    @Test("what is accepted is delivered at once, and then gone") func delivers() async throws {
        try await Ground.run { ground in
            try await ground.accept("a", count: 3)
            await ground.handler.untilTries(3)
            await ground.untilStored(0)
            #expect(Set(ground.handler.ids) == ["a0", "a1", "a2"])
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
                try DeliveryStore.insert(ground.delivery("a", 0), for: "dead", tx)
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
                try DeliveryStore.insert(ground.delivery("a", 0), for: "before", tx)
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
}

/// An engine on a store in memory, with a handler that a test directs.
private struct Ground: Sendable {
    static let scope = Scope(account: .local, region: .usEast1)

    let clock = MemoryClock()
    let database: any Database
    let engine: DeliveryEngine
    let handler: ScriptedHandler
    let store: DeliveryStore
    private let starts: AsyncStream<DeliveryEngine>.Continuation

    static func run(
        limits: DeliveryLimits = DeliveryLimits(),
        verdicts: @escaping @Sendable (Delivery) -> DeliveryVerdict? = { _ in .finished() },
        startsRunning: Bool = true,
        _ body: (Ground) async throws -> Void
    ) async throws {
        let database = try SQLiteDatabase.ephemeral()
        let (engines, starts) = AsyncStream<DeliveryEngine>.makeStream()
        let ground = try await Ground(database, limits, ScriptedHandler(verdicts), starts)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await withThrowingDiscardingTaskGroup { running in
                    for await engine in engines { running.addTask { try await engine.run() } }
                }
            }
            if startsRunning { await ground.start() }
            try await body(ground)
            ground.handler.release()
            group.cancelAll()
            // Cancellation is how a test ends.
            try? await group.waitForAll()
        }
        await database.close()
    }

    private init(
        _ database: any Database,
        _ limits: DeliveryLimits,
        _ handler: ScriptedHandler,
        _ starts: AsyncStream<DeliveryEngine>.Continuation
    ) async throws {
        (self.database, self.handler, self.starts) = (database, handler, starts)
        store = DeliveryStore(database: database)
        engine = try await Self.engine(database, clock, "test", limits)
        engine.register(handler)
    }

    private static func engine(
        _ database: any Database,
        _ clock: MemoryClock,
        _ node: String,
        _ limits: DeliveryLimits
    ) async throws -> DeliveryEngine {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return try await DeliveryEngine(
            database: database,
            clock: clock,
            ids: SystemIDSource(),
            node: node,
            limits: limits,
            logger: logger
        )
    }

    func anotherEngine(node: String) async throws -> DeliveryEngine {
        let engine = try await Self.engine(database, clock, node, DeliveryLimits())
        engine.register(handler)
        return engine
    }

    func start(_ engine: DeliveryEngine? = nil) async {
        let sleepers = clock.sleeperCount
        starts.yield(engine ?? self.engine)
        await clock.untilSleepers(sleepers + 2)
    }

    func delivery(_ target: String, _ number: Int) -> NewDelivery {
        NewDelivery(
            queue: "test",
            target: target,
            id: "\(target)\(number)",
            scope: Self.scope,
            payload: ByteBuffer(string: "payload"),
            acceptedAt: clock.now
        )
    }

    func accept(_ target: String, from first: Int = 0, count: Int) async throws {
        for number in first..<(first + count) { try await engine.accept(delivery(target, number)) }
    }

    /// Returns when that many are in the store: the engine works on other threads.
    func untilStored(_ count: Int) async {
        while (try? await engine.count()) != count { await tick() }
    }

    /// Returns when that many wait in the store for their time.
    func untilWaiting(_ count: Int) async {
        while (try? await database.read { try $0.count("SELECT COUNT(*) FROM delivery WHERE session IS NULL") })
            != count
        {
            await Task.yield()
        }
    }

    func tick() async {
        await clock.advance(by: .seconds(1))
        _ = try? await engine.count()
    }
}

/// Answers what its script says; without an answer the try hangs until it is released.
private final class ScriptedHandler: DeliveryHandler {
    typealias Script = @Sendable (Delivery) -> DeliveryVerdict?

    let queue = "test"
    private let verdicts: @Sendable (Delivery) -> DeliveryVerdict?
    private let seen = NIOLockedValueBox<[Delivery]>([])
    private let gate = Latch()
    private let atRelease = NIOLockedValueBox<DeliveryVerdict>(.finished())

    init(_ verdicts: @escaping @Sendable (Delivery) -> DeliveryVerdict?) { self.verdicts = verdicts }

    func attempt(_ delivery: Delivery) async -> DeliveryVerdict {
        seen.withLockedValue { $0.append(delivery) }
        if let verdict = verdicts(delivery) { return verdict }
        await gate.wait()
        return atRelease.withLockedValue { $0 }
    }

    func release(with verdict: DeliveryVerdict = .finished()) {
        atRelease.withLockedValue { $0 = verdict }
        gate.open()
    }

    var ids: [String] { seen.withLockedValue { $0.map(\.id) } }
    var details: [String] { seen.withLockedValue { $0.map(\.detail) } }
    func tries(of target: String) -> Int { seen.withLockedValue { $0.count { $0.target == target } } }

    func untilTries(_ count: Int) async {
        while ids.count < count { await Task.yield() }
    }

    func untilTries(of target: String, _ count: Int) async {
        while tries(of: target) < count { await Task.yield() }
    }
}
