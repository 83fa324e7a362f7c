// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// How many batches of a queue are under way at once: each is read by a lane of its own. Pure.
///
/// AWS begins with five; while messages are left it adds up to 300 a minute, up to 1,250 or the mapping's own maximum, and
/// takes them away when the queue is empty or the function is throttled. A provisioned poller is ten lanes: the minimum is
/// always there, up to 1,000 lanes a minute come to it, and none beyond the maximum.
struct PollerScaling: Sendable {
    static let atFirst = 5
    static let most = 1_250
    static let addedPerSecond = 5
    /// Of a mapping with provisioned pollers, however many it may have.
    static let mostProvisioned = 20_000
    static let addedPerSecondProvisioned = 16

    private let least: Int
    private let limit: Int
    private let added: Int
    private(set) var lanes: Int
    /// Not before then do more come.
    private var growsAt: Instant?

    init(_ settings: MappingSettings) {
        if let pollers = settings.pollers {
            least = pollers.minimum * ProvisionedPollers.invocationsEach
            limit = min(pollers.maximum * ProvisionedPollers.invocationsEach, Self.mostProvisioned)
            added = Self.addedPerSecondProvisioned
        } else {
            limit = min(settings.maximumConcurrency ?? Self.most, Self.most)
            least = min(Self.atFirst, limit)
            added = Self.addedPerSecond
        }
        lanes = least
    }

    /// A lane found as much as it asked for. Returns how many more are to begin.
    mutating func foundPlenty(at now: Instant) -> Int {
        if let growsAt, now < growsAt { return 0 }
        let added = min(added, limit - lanes)
        guard added > 0 else { return 0 }
        growsAt = now + .seconds(1)
        lanes += added
        return added
    }

    /// A batch was throttled: more lanes would only be throttled, too.
    mutating func wasThrottled(at now: Instant) { growsAt = now + .seconds(1) }

    /// A lane found nothing, or its function was throttled. True: it ends.
    mutating func foundTooMuch() -> Bool {
        guard lanes > least else { return false }
        lanes -= 1
        return true
    }
}
