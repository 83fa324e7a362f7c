// SPDX-License-Identifier: Apache-2.0
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Storage
import StorageSQLite
import Testing

@testable import EventDelivery

@Suite("Any work, on two nodes that die and come back", .timeLimit(.minutes(20))) struct DeliveryModelTests {
    @Test("keeps each order, loses nothing, and is tried by a session only once at a time", arguments: 1...8)
    func random(seed: UInt64) async throws {
        var world = try await World(seed: seed)
        for _ in 0..<500 { try await world.step() }
        try await world.finishAll()
        await world.database.close()
    }
}

/// The store and the boards of two nodes, and beside them a model that knows what may happen.
private struct World {
    struct Try {
        var node: Int
        var held: HeldDelivery
    }

    static let scope = Scope(account: .local, region: .usEast1)
    let database: any Database
    let store: DeliveryStore
    let clock = MemoryClock()
    var random: SplitMix
    var nodes: [DeliveryDispatch] = []
    var sessions = 0

    /// The model: what is stored, by lane and key in the order of acceptance; what is tried; what a dead node still tries.
    var orders: [String: [String]] = [:]
    var stored: Set<String> = []
    var accepted = 0
    var running: [Try] = []
    var ghosts: [Try] = []

    init(seed: UInt64) async throws {
        database = try SQLiteDatabase.ephemeral()
        store = DeliveryStore(database: database)
        random = SplitMix(state: seed)
        try await store.migrate()
        for node in 0..<2 {
            nodes.append(DeliveryDispatch(limits: DeliveryLimits(), clock: clock))
            try await restart(node)
        }
    }

    mutating func step() async throws {
        let node = Int.random(in: 0..<nodes.count, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<30: try await accept(node)
        case 30..<45: try await take(node)
        case 45..<70: begin(node)
        case 70..<92: try await end(like: nil)
        case 92..<94: try await endOfGhost()
        case 94..<97: await clock.advance(by: .seconds(Int64.random(in: 0...4, using: &random)))
        default: try await restart(node)
        }
    }

    /// A node dies with all that it holds; the next of its name begins a session.
    mutating func restart(_ node: Int) async throws {
        ghosts += running.filter { $0.node == node }
        running.removeAll { $0.node == node }
        var limits = DeliveryLimits()
        (limits.running, limits.held, limits.deliveriesPerClaim, limits.lanesPerClaim) = (6, 12, 3, 2)
        nodes[node] = DeliveryDispatch(limits: limits, clock: clock)
        nodes[node].register(Nothing())
        sessions += 1
        let session = "session\(sessions)"
        try await store.begin(session, node: "node\(node)", at: clock.now, until: clock.now + .seconds(86_400))
        nodes[node].begin(session: session)
    }

    mutating func accept(_ node: Int) async throws {
        let new = (0..<Int.random(in: 1...3, using: &random)).map { _ in delivery() }
        for delivery in new { note(delivery) }
        let acceptance = Acceptance(nodes[node])
        // As after a conflict, the body runs twice now and then.
        if Int.random(in: 0..<4, using: &random) == 0 {
            struct Conflict: Error {}
            try? await database.write { tx in
                acceptance.startOver()
                for delivery in new { try acceptance.store(delivery, tx) }
                throw Conflict()
            }
        }
        try await database.write { tx in
            acceptance.startOver()
            for delivery in new { try acceptance.store(delivery, tx) }
        }
        acceptance.begin()
    }

    private mutating func note(_ delivery: NewDelivery) {
        stored.insert(delivery.id)
        if let key = delivery.orderKey { orders["\(delivery.lane)/\(key)", default: []].append(delivery.id) }
    }

    private mutating func delivery() -> NewDelivery {
        accepted += 1
        let key = Int.random(in: 0..<5, using: &random)
        return NewDelivery(
            queue: "test",
            target: "lane\(Int.random(in: 0..<3, using: &random))",
            id: "\(accepted)",
            scope: Self.scope,
            payload: ByteBuffer(string: "x"),
            acceptedAt: clock.now,
            dueAt: clock.now + .seconds(Int64.random(in: 0...9, using: &random) == 0 ? 3 : 0),
            orderKey: key == 4 ? nil : "key\(key)"
        )
    }

    mutating func take(_ node: Int) async throws {
        let (dispatch, now) = (nodes[node], clock.now)
        let due = try await store.dueLanes(at: now, of: dispatch.queuesWithRoom(), limit: 2)
        guard let (session, lanes) = dispatch.wanted(due) else { return }
        let taken = try await store.claim(lanes.filter { $0.count > 0 }, for: session, at: now)
        dispatch.hold(taken, of: session, lanes, lookedAtAll: true)
    }

    mutating func begin(_ node: Int) {
        guard let held = nodes[node].next() else { return }
        #expect(stored.contains(held.delivery.id), "what is done is done once")
        #expect(!running.contains { $0.held.sequence == held.sequence }, "one try at a time")
        if let order = held.order {
            #expect(orders["\(order.lane)/\(order.key)"]?.first == held.delivery.id, "in its order")
            #expect(!running.contains { $0.held.order == order }, "one after the other")
        }
        running.append(Try(node: node, held: held))
    }

    mutating func end(like verdict: DeliveryVerdict?) async throws {
        var ended: [Try] = []
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            guard let index = running.indices.randomElement(using: &random) else { break }
            ended.append(running.remove(at: index))
        }
        // The ends of one write are of one node.
        let (mine, others) = (
            ended.filter { $0.node == ended.first?.node }, ended.filter { $0.node != ended.first?.node }
        )
        running += others
        let ends = mine.map { one in
            let verdict = verdict ?? self.verdict()
            return DeliveryEnds.End(
                held: one.held,
                verdict: verdict,
                at: clock.now,
                heirSession: nodes[one.node].ended(one.held, verdict, at: clock.now)
            )
        }
        for end in ends {
            guard case .finished(let new, _) = end.verdict else { continue }
            stored.remove(end.held.delivery.id)
            if let order = end.held.order { orders["\(order.lane)/\(order.key)"]?.removeFirst() }
            for delivery in new { note(delivery) }
        }
        try await write(ends, of: nodes[mine.first?.node ?? 0])
    }

    private func write(_ ends: [DeliveryEnds.End], of node: DeliveryDispatch) async throws {
        let acceptance = Acceptance(node)
        let outcomes = try await database.write { tx in
            acceptance.startOver()
            return try DeliveryStore.write(ends, acceptance, tx)
        }
        for (end, outcome) in zip(ends, outcomes) { node.written(end.held, outcome) }
        acceptance.begin()
    }

    private mutating func verdict() -> DeliveryVerdict {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: .again(after: .zero, detail: "")
        case 1: .again(after: .seconds(2), detail: "")
        case 2: .throttled(after: .seconds(1), detail: "")
        case 3: .finished(then: [delivery()])
        default: .finished()
        }
    }

    /// What a dead node had under way ends all the same, and nobody hears of it.
    mutating func endOfGhost() async throws {
        guard let ghost = ghosts.popLast() else { return }
        let verdict = Bool.random(using: &random) ? DeliveryVerdict.finished() : .again(after: .zero, detail: "ghost")
        let end = DeliveryEnds.End(held: ghost.held, verdict: verdict, at: clock.now, heirSession: nil)
        let acceptance = Acceptance(nodes[0])
        let outcomes = try await database.write { tx in try DeliveryStore.write([end], acceptance, tx) }
        #expect(outcomes[0].heir == nil && !outcomes[0].leavesWork)
    }

    mutating func finishAll() async throws {
        for _ in 0..<5_000 where !stored.isEmpty {
            for node in nodes.indices {
                try await take(node)
                begin(node)
            }
            if !running.isEmpty { try await end(like: .finished()) }
            await clock.advance(by: .seconds(1))
        }
        #expect(stored.isEmpty, "nothing is lost")
        #expect(try await store.count(queue: nil) == 0)
        for node in nodes { #expect(node.state.withLockedValue { $0.board.held } == 0) }
    }

    private struct Nothing: DeliveryHandler {
        let queue = "test"
        func attempt(_ delivery: Delivery) async -> DeliveryVerdict { .finished() }
    }
}

private struct SplitMix: RandomNumberGenerator, Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
