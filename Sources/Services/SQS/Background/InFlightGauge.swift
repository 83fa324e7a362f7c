// SPDX-License-Identifier: Apache-2.0
import NIOConcurrencyHelpers

/// How many messages of each queue are in flight at most: what was counted last, and all that was received since. Only a pile
/// that comes near the limit has to be counted. Counts of this node only; on a cold start the first receive counts.
final class InFlightGauge: Sendable {
    private let bounds = NIOLockedValueBox<[Int: Int]>([:])
    static let pilesLimit = 65_536

    /// Nil when the pile was never counted.
    func bound(of pile: Int) -> Int? { bounds.withLockedValue { $0[pile] } }

    func set(_ count: Int, of pile: Int) {
        bounds.withLockedValue { bounds in
            if bounds.count >= Self.pilesLimit, bounds[pile] == nil { bounds.removeAll(keepingCapacity: true) }
            bounds[pile] = count
        }
    }

    func add(_ count: Int, to pile: Int) {
        bounds.withLockedValue { bounds in
            if let bound = bounds[pile] { bounds[pile] = bound &+ count }
        }
    }
}
