// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// Receivers of this node that wait for messages. Nobody polls: who makes a message visible wakes one of them, and who hides
/// or delays one says until when, so that somebody looks again then.
///
/// A waiter is registered before its first look at the queue, so no message slips in between. One that got messages wakes the
/// next, so that one signal is enough for any number of messages.
final class QueueWaiters: Sendable {
    fileprivate struct Seat {
        let id: Int
        var isSignalled = false
        /// When to look again without being woken.
        var dueAt: Instant?
        /// Set while it sleeps.
        var wake: CheckedContinuation<Void, Never>?
    }

    fileprivate struct State {
        var nextID = 0
        var count = 0
        var hasClosed = false
        var seats: [Int: [Seat]] = [:]
    }

    private let state = NIOLockedValueBox(State())
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    var count: Int { state.withLockedValue { $0.count } }

    /// Nil when too many wait, or the server is about to stop: then there is no waiting.
    func register(for queueID: Int) -> Waiter? {
        state.withLockedValue { state in
            guard state.count < limit, !state.hasClosed else { return nil }
            state.nextID += 1
            state.count += 1
            state.seats[queueID, default: []].append(Seat(id: state.nextID))
            return Waiter(id: state.nextID, queueID: queueID, waiters: self)
        }
    }

    /// A message of the queue is visible: wakes the one who has waited for longest and is not awake already.
    func signal(_ queueID: Int, count: Int = 1) {
        for _ in 0..<count where !signalOne(queueID) { return }
    }

    private func signalOne(_ queueID: Int) -> Bool {
        let (found, wake) = state.withLockedValue { state -> (Bool, CheckedContinuation<Void, Never>?) in
            guard let index = state.seats[queueID]?.firstIndex(where: { !$0.isSignalled }) else { return (false, nil) }
            return (true, state.rouse(queueID, index, signalled: true))
        }
        wake?.resume()
        return found
    }

    /// A message of the queue becomes visible at `dueAt`.
    func note(_ queueID: Int, dueAt: Instant) {
        let sleepers = state.withLockedValue { state -> [CheckedContinuation<Void, Never>] in
            guard let seats = state.seats[queueID] else { return [] }
            // Who looks earlier anyway will find out.
            return seats.indices.filter { seats[$0].dueAt.map { $0 > dueAt } ?? true }.compactMap { index in
                state.seats[queueID]?[index].dueAt = dueAt
                return state.rouse(queueID, index, signalled: false)
            }
        }
        for sleeper in sleepers { sleeper.resume() }
    }

    /// Wakes everyone on the queue: it has gone.
    func signalAll(_ queueID: Int) { signal(queueID, count: limit) }

    /// Wakes everyone for good: the server stops, and answers what it has.
    func close() {
        let sleepers = state.withLockedValue { state -> [CheckedContinuation<Void, Never>] in
            state.hasClosed = true
            return state.seats.flatMap { queueID, seats in
                seats.indices.compactMap { state.rouse(queueID, $0, signalled: true) }
            }
        }
        for sleeper in sleepers { sleeper.resume() }
    }

    var hasClosed: Bool { state.withLockedValue { $0.hasClosed } }

    // For `Waiter`.

    fileprivate func leave(_ waiter: Waiter, passingOn: Bool) {
        let wasSignalled = state.withLockedValue { state -> Bool in
            guard let index = state.index(of: waiter), let seat = state.seats[waiter.queueID]?.remove(at: index) else {
                return false
            }
            state.count -= 1
            if state.seats[waiter.queueID]?.isEmpty == true { state.seats[waiter.queueID] = nil }
            return seat.isSignalled
        }
        if passingOn || wasSignalled { signal(waiter.queueID) }
    }

    /// Says when to look without being woken. What was noted since the look began stays, if it is earlier.
    fileprivate func rearm(_ waiter: Waiter, dueAt: Instant?) {
        guard let dueAt else { return }
        state.withLockedValue { state in
            guard let index = state.index(of: waiter), let seat = state.seats[waiter.queueID]?[index] else { return }
            state.seats[waiter.queueID]?[index].dueAt = min(seat.dueAt ?? dueAt, dueAt)
        }
    }

    /// Before a look, which will find out anew.
    fileprivate func forgetDue(_ waiter: Waiter) {
        state.withLockedValue { state in
            guard let index = state.index(of: waiter) else { return }
            state.seats[waiter.queueID]?[index].dueAt = nil
        }
    }

    /// Takes the signal, when there is one.
    fileprivate func takeSignal(_ waiter: Waiter) -> (isSignalled: Bool, dueAt: Instant?) {
        state.withLockedValue { state in
            guard let index = state.index(of: waiter), let seat = state.seats[waiter.queueID]?[index] else {
                return (true, nil)
            }
            if !state.hasClosed { state.seats[waiter.queueID]?[index].isSignalled = false }
            return (seat.isSignalled, seat.dueAt)
        }
    }

    /// Sleeps until it is roused.
    fileprivate func sleep(_ waiter: Waiter, since dueAt: Instant?) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isNews = state.withLockedValue { state -> Bool in
                    guard let index = state.index(of: waiter), let seat = state.seats[waiter.queueID]?[index],
                        !seat.isSignalled, seat.dueAt == dueAt, !Task.isCancelled
                    else { return true }
                    state.seats[waiter.queueID]?[index].wake = continuation
                    return false
                }
                if isNews { continuation.resume() }
            }
        } onCancel: {
            let wake = state.withLockedValue { state -> CheckedContinuation<Void, Never>? in
                guard let index = state.index(of: waiter) else { return nil }
                return state.rouse(waiter.queueID, index, signalled: false)
            }
            wake?.resume()
        }
    }
}

extension QueueWaiters.State {
    fileprivate func index(of waiter: Waiter) -> Int? {
        seats[waiter.queueID]?.firstIndex { $0.id == waiter.id }
    }

    fileprivate mutating func rouse(
        _ queueID: Int,
        _ index: Int,
        signalled: Bool
    ) -> CheckedContinuation<Void, Never>? {
        if signalled { seats[queueID]?[index].isSignalled = true }
        let wake = seats[queueID]?[index].wake
        seats[queueID]?[index].wake = nil
        return wake
    }
}

/// One receiver's place among those who wait for a queue.
struct Waiter: Sendable {
    fileprivate let id: Int
    fileprivate let queueID: Int
    fileprivate let waiters: QueueWaiters

    /// Returns when it is worth to look at the queue again, or at the deadline. `dueAt` is when the next hidden message can be
    /// had. Throws `CancellationError`.
    func wait(until deadline: Instant, dueAt: Instant?, clock: any WallClock) async throws {
        waiters.rearm(self, dueAt: dueAt)
        defer { waiters.forgetDue(self) }
        while true {
            let (isSignalled, dueAt) = waiters.takeSignal(self)
            if isSignalled { return }
            let wakeAt = min(deadline, dueAt ?? deadline)
            if wakeAt <= clock.now { return }
            try await nap(until: wakeAt, since: dueAt, clock)
        }
    }

    /// Until the instant, a signal, or news of an earlier message.
    private func nap(until instant: Instant, since dueAt: Instant?, _ clock: any WallClock) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await clock.sleep(until: instant) }
            tasks.addTask { await waiters.sleep(self, since: dueAt) }
            try await tasks.next()
            tasks.cancelAll()
            while true {
                // The loser's cancellation is no news.
                do { if try await tasks.next() == nil { break } } catch is CancellationError { continue }
            }
        }
        try Task.checkCancellation()
    }

    /// `passingOn` where it got messages: there may be more.
    func leave(passingOn: Bool) { waiters.leave(self, passingOn: passingOn) }
}
