// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// What this node holds, for all tasks of the engine: the board and the session, and whether the store has more.
final class DeliveryDispatch: Sendable {
    struct State: Sendable {
        var board: DispatchBoard
        var handlers: [String: any DeliveryHandler] = [:]
        /// Nil before `run` and after its end: then everything waits in the store.
        var session: String?
        /// Something is due in the store: to be taken at once.
        var shallLook = true
        /// More waits there than there was room for: to be taken when some room is free again.
        var moreWaits = false
        var endsSinceLook = 0
        /// Of each queue the last lane that was looked at, so that the next ones get their turn.
        var lastLanes: [String: String] = [:]
    }

    let state: NIOLockedValueBox<State>
    let limits: DeliveryLimits
    let clock: any WallClock
    let (wakes, waker) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    init(limits: DeliveryLimits, clock: any WallClock) {
        (self.limits, self.clock) = (limits, clock)
        state = NIOLockedValueBox(State(board: DispatchBoard(limits: limits)))
    }

    func register(_ handler: any DeliveryHandler) {
        state.withLockedValue { state in
            state.handlers[handler.queue] = handler
            state.board.setShare(handler.share, of: handler.queue)
        }
    }

    // MARK: Arrivals

    /// The session that is to hold it, when it is due and there is room.
    func reserve(_ new: NewDelivery) -> String? {
        let now = clock.now
        return state.withLockedValue { state in
            guard let session = state.session, new.dueAt <= now,
                state.board.reserve(new.lane, of: new.queue, bytes: new.bytes)
            else { return nil }
            return session
        }
    }

    func giveBack(_ stored: [Acceptance.Stored]) {
        guard !stored.isEmpty else { return }
        state.withLockedValue { state in
            for one in stored {
                guard case .held = one.place else { continue }
                state.board.forget(one.new.lane, bytes: one.new.bytes)
            }
        }
    }

    func begin(_ stored: [Acceptance.Stored]) {
        guard !stored.isEmpty else { return }
        state.withLockedValue { state in
            for one in stored {
                switch one.place {
                case .behind: continue
                case .inStore: state.moreWaits = true
                case .held(let session) where session == state.session:
                    state.board.add(one.new.held(one.sequence, by: session))
                case .held:
                    // The session ended meanwhile and its rows were freed.
                    state.board.forget(one.new.lane, bytes: one.new.bytes)
                }
            }
        }
        waker.yield()
    }

    // MARK: Tries

    func next() -> HeldDelivery? {
        let now = clock.now
        return state.withLockedValue { $0.board.next(at: now) }
    }

    func handler(of queue: String) -> (any DeliveryHandler)? { state.withLockedValue { $0.handlers[queue] } }

    /// Returns the session that may hold the next one of the order in its place: none where others of the lane wait in the
    /// store, whose turn it is.
    func ended(_ held: HeldDelivery, _ verdict: DeliveryVerdict, at now: Instant) -> String? {
        defer { waker.yield() }
        return state.withLockedValue { state in
            if case .throttled(let pause, _) = verdict {
                state.board.throttled(held.lane, until: now + pause)
            } else {
                state.board.ended(held.lane)
            }
            return state.board.hasMoreInStore(held.lane) ? nil : state.session
        }
    }

    /// Its end is in the store.
    func written(_ held: HeldDelivery, _ outcome: DeliveryEnds.Outcome) {
        state.withLockedValue { state in
            state.endsSinceLook += 1
            // Of another session: freed when that ended.
            if let heir = outcome.heir, heir.session == state.session { state.board.take(heir) }
            state.board.forget(held.lane, bytes: held.bytes)
            if outcome.leavesWork {
                state.board.setHasMoreInStore(held.lane, of: held.queue, true)
                state.moreWaits = true
            }
            if state.board.hasRunDry(held.lane) { state.shallLook = true }
        }
        waker.yield()
    }

    // MARK: What waits in the store

    func takesLook() -> Bool {
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

    /// The queues that have room, each with the lane that was looked at last.
    func queuesWithRoom() -> [(queue: String, lastLane: String)] {
        state.withLockedValue { state in
            state.handlers.keys.sorted().filter { state.board.hasRoom(inQueue: $0) }
                .map { ($0, state.lastLanes[$0] ?? "") }
        }
    }

    /// How many of each due lane may be taken, by which session. Nil when there is none.
    func wanted(_ due: [DueLanes]) -> (session: String, lanes: [WantedLane])? {
        state.withLockedValue { state in
            for one in due { if let last = one.lanes.last { state.lastLanes[one.queue] = last } }
            guard let session = state.session else { return nil }
            let lanes = due.flatMap { one in
                one.lanes.map { lane in
                    let room = state.board.room(in: lane, of: one.queue)
                    return WantedLane(
                        queue: one.queue,
                        lane: lane,
                        count: min(limits.deliveriesPerClaim, room)
                    )
                }
            }
            return lanes.isEmpty ? nil : (session, lanes)
        }
    }

    func hold(_ taken: [HeldDelivery], of session: String, _ wanted: [WantedLane], lookedAtAll: Bool) {
        let found = taken.reduce(into: [:]) { $0[$1.lane, default: 0] += 1 }
        state.withLockedValue { state in
            guard session == state.session else { return }
            for delivery in taken { state.board.take(delivery) }
            for lane in wanted {
                let hasMore = found[lane.lane, default: 0] == lane.count
                state.board.setHasMoreInStore(lane.lane, of: lane.queue, hasMore)
                if hasMore { state.moreWaits = true }
            }
            if !lookedAtAll, !taken.isEmpty { state.shallLook = true }
        }
    }

    func lookSoon() { state.withLockedValue { $0.shallLook = true } }

    /// When a lane that pauses with work may go on.
    func nextPauseEnd(at now: Instant) -> Instant? {
        state.withLockedValue { state in
            state.board.forgetEndedPauses(at: now)
            return state.board.nextPauseEnd()
        }
    }

    // MARK: Sessions

    var session: String? { state.withLockedValue { $0.session } }

    func begin(session: String) {
        state.withLockedValue { state in
            state.session = session
            state.shallLook = true
        }
    }

    /// Another node may have what waits here from now on. Returns the session that it was.
    func endSession() -> String? {
        state.withLockedValue { state in
            defer { state.session = nil }
            _ = state.board.dropWaiting()
            return state.session
        }
    }

    func dropWaiting(of account: AccountID?) { state.withLockedValue { $0.board.dropWaiting(of: account) } }
}

/// Lanes of one queue with something due, in the order in which they get their turn.
struct DueLanes: Sendable {
    var queue: String
    var lanes: [String]
}

/// As many of a lane as there is room for.
struct WantedLane: Sendable {
    var queue: String
    var lane: String
    var count: Int
}
