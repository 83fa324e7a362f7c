// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers
import NIOCore

/// Opens once; whoever waits goes on then, or when its time is up.
final class Latch: Sendable {
    private struct Waiter {
        var continuation: CheckedContinuation<Bool, Never>
        var timer: Scheduled<Void>?
    }

    private struct State {
        var isOpen = false
        var nextWaiter = 0
        var waiters: [Int: Waiter] = [:]
    }

    private let state = NIOLockedValueBox(State())

    var isOpen: Bool { state.withLockedValue { $0.isOpen } }

    func open() {
        let waiters = state.withLockedValue { state in
            state.isOpen = true
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters {
            waiter.timer?.cancel()
            waiter.continuation.resume(returning: true)
        }
    }

    /// Whether it opened in time.
    func wait(atMost limit: Duration, on eventLoop: any EventLoop) async -> Bool {
        guard limit > .zero else { return isOpen }
        return await withCheckedContinuation { continuation in
            guard let number = enter(continuation) else { return continuation.resume(returning: true) }
            let timer = eventLoop.scheduleTask(in: .microseconds(limit.wholeMicroseconds)) { [self] in
                let waiter = state.withLockedValue { $0.waiters.removeValue(forKey: number) }
                waiter?.continuation.resume(returning: false)
            }
            // It may have opened, or the time have passed, since.
            let isWaiting = state.withLockedValue { state in
                state.waiters[number]?.timer = timer
                return state.waiters[number] != nil
            }
            if !isWaiting { timer.cancel() }
        }
    }

    /// Nil when it is open.
    private func enter(_ continuation: CheckedContinuation<Bool, Never>) -> Int? {
        state.withLockedValue { state in
            guard !state.isOpen else { return nil }
            state.nextWaiter += 1
            state.waiters[state.nextWaiter] = Waiter(continuation: continuation)
            return state.nextWaiter
        }
    }
}
