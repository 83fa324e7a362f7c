// SPDX-License-Identifier: Apache-2.0
package import MartletCore
import NIOConcurrencyHelpers

/// A clock that stands still until a test moves it.
package final class MemoryClock: WallClock {
    fileprivate struct Sleeper {
        let id: Int
        let until: Instant
        let wake: CheckedContinuation<Void, any Error>
    }

    fileprivate struct State {
        var now: Instant
        var monotonicMicroseconds: Int64 = 0
        var nextID = 0
        var sleepers: [Sleeper] = []
        /// Tasks that were cancelled before they had fallen asleep.
        var cancelled: Set<Int> = []
        var observers: [(count: Int, wake: CheckedContinuation<Void, Never>)] = []
    }

    private let state: NIOLockedValueBox<State>

    /// Begins at 2026-01-31T12:00:00Z unless told otherwise.
    package init(_ now: Instant = Instant(milliseconds: 1_769_860_800_000)) {
        state = NIOLockedValueBox(State(now: now))
    }

    package var now: Instant { state.withLockedValue { $0.now } }
    package var monotonicMicroseconds: Int64 { state.withLockedValue { $0.monotonicMicroseconds } }
    package var sleeperCount: Int { state.withLockedValue { $0.sleepers.count } }

    /// Moves on. Who sleeps until then or earlier is woken in order, each at its own time, and gets a chance to run and
    /// to fall asleep again before the clock moves further.
    package func advance(by duration: Duration) async {
        let target = now + duration
        while let sleeper = next(until: target) {
            sleeper.wake.resume()
            for _ in 0..<50 { await Task.yield() }
        }
        state.withLockedValue { $0.move(to: target) }
        for _ in 0..<10 { await Task.yield() }
    }

    private func next(until target: Instant) -> Sleeper? {
        state.withLockedValue { state in
            guard let index = state.sleepers.indices.min(by: { state.sleepers[$0].until < state.sleepers[$1].until }),
                state.sleepers[index].until <= target
            else { return nil }
            let sleeper = state.sleepers.remove(at: index)
            state.move(to: max(state.now, sleeper.until))
            return sleeper
        }
    }

    /// Returns as soon as `count` tasks sleep, so that a test knows that moving the clock will wake them.
    package func untilSleepers(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLockedValue { state in
                if state.sleepers.count >= count { return true }
                state.observers.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    package func sleep(until instant: Instant) async throws {
        let id = state.withLockedValue { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { fallAsleep(id, until: instant, $0) }
        } onCancel: {
            cancel(id)
        }
    }

    private func fallAsleep(_ id: Int, until instant: Instant, _ wake: CheckedContinuation<Void, any Error>) {
        let (result, observers) = state.withLockedValue {
            state -> (Result<Void, any Error>?, [CheckedContinuation<Void, Never>]) in
            if state.cancelled.remove(id) != nil { return (.failure(CancellationError()), []) }
            guard instant > state.now else { return (.success(()), []) }
            state.sleepers.append(Sleeper(id: id, until: instant, wake: wake))
            let asleep = state.sleepers.count
            let ready = state.observers.filter { $0.count <= asleep }.map(\.wake)
            state.observers.removeAll { $0.count <= asleep }
            return (nil, ready)
        }
        if let result { wake.resume(with: result) }
        for observer in observers { observer.resume() }
    }

    private func cancel(_ id: Int) {
        let wake = state.withLockedValue { state -> CheckedContinuation<Void, any Error>? in
            guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else {
                state.cancelled.insert(id)
                return nil
            }
            return state.sleepers.remove(at: index).wake
        }
        wake?.resume(throwing: CancellationError())
    }
}

extension MemoryClock.State {
    fileprivate mutating func move(to instant: Instant) {
        monotonicMicroseconds += (instant - now).wholeMicroseconds
        now = instant
    }
}
