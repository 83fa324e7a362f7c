// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// How many pollers read a queue at once. Pure.
///
/// AWS begins with five; while messages are left it adds up to 300 a minute, up to 1,250 or the mapping's own maximum, and
/// takes them away when the queue is empty or the function is throttled.
struct PollerScaling: Sendable {
    static let atFirst = 5
    static let most = 1_250
    static let addedPerSecond = 5

    private let least: Int
    private let limit: Int
    private(set) var pollers: Int
    private var addedAt: Instant?

    init(maximumConcurrency: Int?) {
        limit = min(maximumConcurrency ?? Self.most, Self.most)
        least = min(Self.atFirst, limit)
        pollers = least
    }

    /// A poller found as much as it asked for. Returns how many more are to begin.
    mutating func foundPlenty(at now: Instant) -> Int {
        if let addedAt, now - addedAt < .seconds(1) { return 0 }
        let added = min(Self.addedPerSecond, limit - pollers)
        guard added > 0 else { return 0 }
        addedAt = now
        pollers += added
        return added
    }

    /// A poller found nothing, or its function was throttled. True: it ends.
    mutating func foundTooMuch() -> Bool {
        guard pollers > least else { return false }
        pollers -= 1
        return true
    }
}
