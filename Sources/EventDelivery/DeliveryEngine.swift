// SPDX-License-Identifier: Apache-2.0
package import Logging
package import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import ServiceLifecycle
package import Storage

/// Delivers stored work with a bounded number of tries at once, for all services.
///
/// Accepting is one synced write, and the delivery begins at once on this node: it is stored as held by the node already, so
/// no second write claims it. Ends of tries are written together. What the node has no room for, what waits for its next
/// try, and what a dead node held is taken from the store, lane by lane. At least once: what a crash interrupts runs again.
package final class DeliveryEngine: Service {
    private let store: DeliveryStore
    private let clock: any WallClock
    private let ids: any IDSource
    private let node: String
    private let limits: DeliveryLimits
    private let logger: Logger
    private let ends: DeliveryEnds
    private let state: NIOLockedValueBox<State>
    private let (wake, waker) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    private struct State: Sendable {
        var board: DispatchBoard
        var handlers: [String: any DeliveryHandler] = [:]
        /// Nil before `run` and after its end: then everything waits in the store.
        var session: String?
        /// Something is due in the store: to be taken at once.
        var shallLook = true
        /// More waits there than there was room for: to be taken when some room is free again.
        var moreWaits = false
        var endsSinceLook = 0
        /// The last lane that was looked at, so that the next ones get their turn.
        var lastLane = ""
    }

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
        (self.clock, self.ids, self.node, self.limits, self.logger) = (clock, ids, node, limits, logger)
        state = NIOLockedValueBox(State(board: DispatchBoard(limits: limits)))
        ends = DeliveryEnds(store: store, clock: clock, limits: limits, logger: logger)
        try await store.migrate()
    }

    /// Before `run`. Deliveries of a queue that nobody handles wait.
    package func register(_ handler: any DeliveryHandler) {
        state.withLockedValue { $0.handlers[handler.queue] = handler }
    }

    // MARK: Accepting

    /// Durable when it returns.
    package func accept(_ new: NewDelivery) async throws {
        _ = try await accept([new]) { _ in }
    }

    /// Stores the deliveries in one transaction with what `body` writes: both are there, or neither.
    package func accept<T: Sendable>(
        _ new: [NewDelivery],
        with body: @escaping @Sendable (any WriteTransaction) throws -> T
    ) async throws -> T {
        let reserved = new.map { reserve($0) }
        do {
            let (result, stored) = try await store.database.write { tx in
                let result = try body(tx)
                return (result, try zip(new, reserved).map { try DeliveryStore.insert($0, for: $1, tx) })
            }
            begin(new, stored, reserved)
            return result
        } catch {
            state.withLockedValue { state in
                for (delivery, session) in zip(new, reserved) where session != nil {
                    state.board.forget(delivery.lane, bytes: delivery.bytes)
                }
            }
            throw error
        }
    }

    /// The session that is to hold it, when it is due and there is room.
    private func reserve(_ new: NewDelivery) -> String? {
        let now = clock.now
        return state.withLockedValue { state in
            guard let session = state.session, new.dueAt <= now, state.board.reserve(new.lane, bytes: new.bytes) else {
                return nil
            }
            return session
        }
    }

    private func begin(_ new: [NewDelivery], _ sequences: [Int], _ sessions: [String?]) {
        state.withLockedValue { state in
            for (delivery, (sequence, session)) in zip(new, zip(sequences, sessions)) {
                guard let session else {
                    state.moreWaits = true
                    continue
                }
                guard session == state.session else {
                    // The session ended meanwhile and its rows were freed.
                    state.board.forget(delivery.lane, bytes: delivery.bytes)
                    continue
                }
                state.board.add(delivery.held(sequence, by: session))
            }
        }
        waker.yield()
    }

    /// Drops what waits, of one account or of all. What is under way ends, and leaves nothing.
    package func reset(account: AccountID?) async throws {
        try await store.reset(account: account)
        state.withLockedValue { $0.board.dropWaiting(of: account) }
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
            waker.yield()
            await withDiscardingTaskGroup { tries in
                for await _ in wake.cancelOnGracefulShutdown() {
                    if takesLook() { await takeFromStore() }
                    while !Task.isShuttingDownGracefully, let next = nextTry() {
                        tries.addTask { await self.attempt(next) }
                    }
                }
            }
            // The tries are over, and with the last of their ends written nothing is left to do.
            ends.finish()
        }
        await endSession()
    }

    private func nextTry() -> HeldDelivery? {
        let now = clock.now
        return state.withLockedValue { $0.board.next(at: now) }
    }

    private func attempt(_ held: HeldDelivery) async {
        let handler = state.withLockedValue { $0.handlers[held.queue] }
        let verdict =
            await handler?.attempt(held.delivery)
            ?? .throttled(after: .seconds(60), detail: held.delivery.detail)
        let now = clock.now
        state.withLockedValue { state in
            if case .throttled(let pause, _) = verdict {
                state.board.throttled(held.lane, until: now + pause)
            } else {
                state.board.ended(held.lane)
            }
        }
        waker.yield()
        let following: [String?] =
            if case .finished(let new) = verdict { new.map { reserve($0) } } else { [] }
        ends.note(.init(held: held, verdict: verdict, at: now, following: following)) { [self] outcome in
            written(held, outcome)
        }
    }

    /// Its end is in the store.
    private func written(_ held: HeldDelivery, _ outcome: DeliveryEnds.Outcome) {
        state.withLockedValue { state in
            state.endsSinceLook += 1
            state.board.forget(held.lane, bytes: held.bytes)
            if state.board.hasRunDry(held.lane) { state.shallLook = true }
            for (delivery, session) in zip(outcome.new, outcome.sessions) where outcome.sequences.isEmpty {
                if session != nil { state.board.forget(delivery.lane, bytes: delivery.bytes) }
            }
        }
        if !outcome.sequences.isEmpty { return begin(outcome.new, outcome.sequences, outcome.sessions) }
        waker.yield()
    }

    // MARK: What waits in the store

    private func takesLook() -> Bool {
        state.withLockedValue { state in
            guard state.session != nil, !state.board.isFull else { return false }
            // Not for each single end: a look costs a read.
            let hasRoomAgain =
                state.endsSinceLook >= min(limits.deliveriesPerClaim, limits.held / 4) / 2 || state.board.held == 0
            guard state.shallLook || (state.moreWaits && hasRoomAgain) else { return false }
            (state.shallLook, state.moreWaits, state.endsSinceLook) = (false, false, 0)
            return true
        }
    }

    private func takeFromStore() async {
        do {
            let now = clock.now
            let (lastLane, handled) = state.withLockedValue { ($0.lastLane, Set($0.handlers.keys)) }
            let due = try await store.dueLanes(at: now, after: lastLane, limit: limits.lanesPerClaim)
            let lanes = due.filter { handled.contains(String($0.prefix { $0 != " " })) }
            let (session, counts) = state.withLockedValue { state in
                if let last = due.last { state.lastLane = last }
                let counts = lanes.map {
                    (lane: $0, count: min(limits.deliveriesPerClaim, state.board.room(in: $0)))
                }
                return (state.session, counts)
            }
            guard let session, !counts.isEmpty else { return }
            let wanted = counts.filter { $0.count > 0 }
            let taken = wanted.isEmpty ? [] : try await store.claim(wanted, for: session, at: now)
            hold(taken, of: session, counts, lookedAtAll: due.count < limits.lanesPerClaim)
        } catch {
            logger.error("cannot take deliveries from the store", metadata: ["error": "\(error)"])
        }
    }

    private func hold(
        _ taken: [HeldDelivery],
        of session: String,
        _ counts: [(lane: String, count: Int)],
        lookedAtAll: Bool
    ) {
        let found = taken.reduce(into: [:]) { $0[$1.lane, default: 0] += 1 }
        state.withLockedValue { state in
            guard session == state.session else { return }
            for delivery in taken { state.board.take(delivery) }
            for (lane, count) in counts {
                let hasMore = found[lane, default: 0] == count
                state.board.setHasMoreInStore(lane, hasMore)
                if hasMore { state.moreWaits = true }
            }
            if !lookedAtAll, !taken.isEmpty { state.shallLook = true }
        }
    }

    /// Deliveries become due, and pauses end, without anybody saying so.
    private func look() async {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                let now = clock.now
                var until = now + limits.poll
                do {
                    if let due = try await store.nextDue() {
                        if due <= now { state.withLockedValue { $0.shallLook = true } } else { until = min(until, due) }
                    }
                } catch {
                    logger.error("cannot look for due deliveries", metadata: ["error": "\(error)"])
                }
                let pauseEnd = state.withLockedValue { state in
                    state.board.forgetEndedPauses(at: now)
                    return state.board.nextPauseEnd()
                }
                waker.yield()
                if let pauseEnd, pauseEnd > now { until = min(until, pauseEnd) }
                // Cancelled: the loop ends by its own condition.
                try? await clock.sleep(until: until)
            }
        }
    }

    // MARK: Sessions

    private func beginSession() async throws {
        let session = ids.uuid()
        try await store.begin(session, node: node, at: clock.now, until: clock.now + limits.lease)
        state.withLockedValue { state in
            state.session = session
            state.shallLook = true
        }
    }

    private func keepSession() async {
        await cancelWhenGracefulShutdown { [self] in
            while (try? await clock.sleep(for: limits.heartbeat)) != nil {
                guard let session = state.withLockedValue({ $0.session }) else { return }
                do {
                    let now = clock.now
                    if try await store.renew(session, at: now, until: now + limits.lease) { continue }
                    logger.warning("another node has taken what this one held; its session begins anew")
                    state.withLockedValue { state in
                        state.session = nil
                        _ = state.board.dropWaiting()
                    }
                    try await beginSession()
                } catch {
                    logger.error("cannot renew the session of deliveries", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    private func endSession() async {
        let session = state.withLockedValue { state in
            defer { state.session = nil }
            _ = state.board.dropWaiting()
            return state.session
        }
        do {
            if let session { try await store.end(session) }
        } catch {
            // The next start frees what this session held.
            logger.warning("cannot end the session of deliveries", metadata: ["error": "\(error)"])
        }
    }
}

extension NewDelivery {
    var bytes: Int { payload.readableBytes + detail.utf8.count }

    func held(_ sequence: Int, by session: String) -> HeldDelivery {
        HeldDelivery(
            sequence: sequence,
            queue: queue,
            lane: lane,
            session: session,
            delivery: Delivery(
                id: id,
                scope: scope,
                target: target,
                payload: payload,
                detail: detail,
                acceptedAt: acceptedAt,
                earlierTries: 0
            )
        )
    }
}
