// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Storage
import StorageSQLite

@testable import EventDelivery

/// An engine on a store in memory, with a handler that a test directs.
struct Ground: Sendable {
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

    func delivery(_ target: String, _ number: Int, orderKey: String? = nil) -> NewDelivery {
        NewDelivery(
            queue: "test",
            target: target,
            id: "\(orderKey ?? target)\(number)",
            scope: Self.scope,
            payload: ByteBuffer(string: "payload"),
            acceptedAt: clock.now,
            orderKey: orderKey
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
final class ScriptedHandler: DeliveryHandler {
    typealias Script = @Sendable (Delivery) -> DeliveryVerdict?

    let queue: String
    let share: DeliveryShare
    private let verdicts: @Sendable (Delivery) -> DeliveryVerdict?
    private let seen = NIOLockedValueBox<[Delivery]>([])
    private let gate = Latch()
    private let atRelease = NIOLockedValueBox<DeliveryVerdict>(.finished())

    init(
        _ verdicts: @escaping @Sendable (Delivery) -> DeliveryVerdict?,
        queue: String = "test",
        share: DeliveryShare = DeliveryShare()
    ) {
        (self.verdicts, self.queue, self.share) = (verdicts, queue, share)
    }

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
