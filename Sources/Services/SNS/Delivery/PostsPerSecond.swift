// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// How often each subscription with a limit was posted to in the current second, on this node.
final class PostsPerSecond: Sendable {
    private struct State: Sendable {
        var second: Int64 = 0
        var posts: [String: Int] = [:]
    }

    private let state = NIOLockedValueBox(State())

    /// Whether the subscription may get one more in this second; it counts as made.
    func admits(_ task: DeliveryTask, at now: Instant) -> Bool {
        guard task.delivery.stage == .first, task.wire.isWeb, let id = task.delivery.subscriptionID,
            let limit = task.policy.maxReceivesPerSecond
        else { return true }
        return state.withLockedValue { state in
            let current = now.milliseconds / 1_000
            if current != state.second { state = State(second: current) }
            guard (state.posts[id] ?? 0) < limit else { return false }
            state.posts[id, default: 0] += 1
            return true
        }
    }
}
