// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// How much of something the server's connections may hold, all together.
final class Budget: Sendable {
    private let used = Atomic<Int>(0)
    private let limit: Int

    init(_ limit: Int) { self.limit = limit }

    /// False, and nothing taken, when there is not as much left. `count` is not negative.
    func take(_ count: Int = 1) -> Bool {
        var known = used.load(ordering: .relaxed)
        while true {
            guard count <= limit - known else { return false }
            let (exchanged, now) = used.compareExchange(
                expected: known,
                desired: known + count,
                ordering: .relaxed
            )
            if exchanged { return true }
            known = now
        }
    }

    /// What was taken before.
    func giveBack(_ count: Int = 1) { used.subtract(count, ordering: .relaxed) }

    var taken: Int { used.load(ordering: .relaxed) }
}
