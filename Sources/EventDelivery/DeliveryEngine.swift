// SPDX-License-Identifier: Apache-2.0
package import Logging
package import MartletCore
import ServiceLifecycle
package import Storage

/// Delivers stored work with a bounded number of tries at once, for all services.
///
/// Accepting is one synced write, and the delivery begins at once on this node: it is stored as held by the node already, so
/// no second write claims it. Ends of tries are written together. What the node has no room for, what waits for its next
/// try, and what a dead node held is taken from the store, lane by lane. At least once: what a crash interrupts runs again.
/// Deliveries with an order key are made one after the other: the end of one hands on to the next.
package final class DeliveryEngine: Service {
    let store: DeliveryStore
    let dispatch: DeliveryDispatch
    let clock: any WallClock
    let ids: any IDSource
    let node: String
    let limits: DeliveryLimits
    let logger: Logger
    let counter = DeliveryCounter()
    private let ends: DeliveryEnds

    /// - Parameter node: names this node in sessions; the same after a restart, so that it takes its own back at once.
    package init(
        database: any Database,
        clock: any WallClock,
        ids: any IDSource,
        node: String,
        limits: DeliveryLimits = DeliveryLimits(),
        logger: Logger
    ) async throws {
        store = DeliveryStore(database: database)
        dispatch = DeliveryDispatch(limits: limits, clock: clock)
        (self.clock, self.ids, self.node, self.limits, self.logger) = (clock, ids, node, limits, logger)
        ends = DeliveryEnds(store: store, dispatch: dispatch, clock: clock, limits: limits, logger: logger)
        try await store.migrate()
    }

    /// Before `run`. Deliveries of a queue that nobody handles wait.
    package func register(_ handler: any DeliveryHandler) { dispatch.register(handler) }

    // MARK: Accepting

    /// Durable when it returns.
    package func accept(_ new: NewDelivery) async throws {
        try await accept([new]) { _ in }
    }

    /// Stores the deliveries in one transaction with what `body` writes: both are there, or neither.
    package func accept<T: Sendable>(
        _ new: [NewDelivery],
        with body: @escaping @Sendable (any WriteTransaction) throws -> T
    ) async throws -> T {
        try await accept { tx in (try body(tx), new) }
    }

    /// Stores the deliveries that `body` chooses in its transaction, such as one for each subscription that it finds: all of
    /// it is there, or nothing.
    package func accept<T: Sendable>(
        choosing body: @escaping @Sendable (any WriteTransaction) throws -> (result: T, deliveries: [NewDelivery])
    ) async throws -> T {
        let acceptance = Acceptance(dispatch)
        do {
            let result = try await store.database.write { tx in
                acceptance.startOver()
                let (result, new) = try body(tx)
                try DeliveryStore.lockOrders(of: new, tx)
                for delivery in new { try acceptance.store(delivery, tx) }
                return result
            }
            acceptance.begin()
            return result
        } catch {
            acceptance.startOver()
            throw error
        }
    }

    /// Drops what waits, of one account or of all. What is under way ends, and leaves nothing.
    package func reset(account: AccountID?) async throws {
        try await store.reset(account: account)
        dispatch.dropWaiting(of: account)
    }

    /// How many are stored, of one queue or of all: for tests and figures.
    package func count(queue: String? = nil) async throws -> Int { try await store.count(queue: queue) }

    // MARK: Running

    package func run() async throws {
        try await beginSession()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.ends.run() }
            group.addTask { await self.look() }
            group.addTask { await self.keepSession() }
            dispatch.waker.yield()
            await withDiscardingTaskGroup { tries in
                for await _ in dispatch.wakes.cancelOnGracefulShutdown() {
                    if dispatch.takesLook() { await takeFromStore() }
                    while !Task.isShuttingDownGracefully, let next = dispatch.next() {
                        tries.addTask { await self.attempt(next) }
                    }
                }
            }
            // The tries are over, and with the last of their ends written nothing is left to do.
            ends.finish()
        }
        await endSession()
    }

    private func attempt(_ held: HeldDelivery) async {
        let verdict =
            await dispatch.handler(of: held.queue)?.attempt(held.delivery)
            ?? .throttled(after: .seconds(60), detail: held.delivery.detail)
        counter.note(verdict, of: held.queue)
        let now = clock.now
        let heirSession = dispatch.ended(held, verdict, at: now)
        ends.note(DeliveryEnds.End(held: held, verdict: verdict, at: now, heirSession: heirSession))
    }
}
