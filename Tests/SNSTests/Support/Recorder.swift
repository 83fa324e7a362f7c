// SPDX-License-Identifier: Apache-2.0
import NIOConcurrencyHelpers

/// Keeps what came, and wakes who waits for it.
final class Recorder<Item: Sendable>: Sendable {
    private struct State {
        var items: [Item] = []
        var waiting: [(count: Int, wake: CheckedContinuation<Void, Never>)] = []
    }

    private let state = NIOLockedValueBox(State())

    var items: [Item] { state.withLockedValue { $0.items } }

    /// Returns how many there are now.
    @discardableResult
    func add(_ item: Item) -> Int {
        let (count, ready) = state.withLockedValue { state -> (Int, [CheckedContinuation<Void, Never>]) in
            state.items.append(item)
            let count = state.items.count
            let ready = state.waiting.filter { $0.count <= count }.map(\.wake)
            state.waiting.removeAll { $0.count <= count }
            return (count, ready)
        }
        for wake in ready { wake.resume() }
        return count
    }

    /// Returns as soon as `count` have come, with all that have.
    func first(_ count: Int) async -> [Item] {
        await withCheckedContinuation { continuation in
            let isThere = state.withLockedValue { state in
                if state.items.count >= count { return true }
                state.waiting.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
        return items
    }
}
