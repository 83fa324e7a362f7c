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

    /// What comes of a full batch.
    enum Growth: Equatable {
        case none
        /// So many more begin.
        case lanes(Int)
        /// After a pause it is to be asked again, once.
        case later(Duration)
    }

    private let least: Int
    private let limit: Int
    private let added: Int
    private(set) var lanes: Int
    /// Not before then do more come.
    private var growsAt: Instant?
    private var isGrowthAwaited = false

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

    /// A lane found as much as it asked for. What its function does with it may take long, so the growth does not wait for it.
    mutating func foundPlenty(at now: Instant) -> Growth {
        guard lanes < limit, !isGrowthAwaited else { return .none }
        if let growsAt, now < growsAt {
            isGrowthAwaited = true
            return .later(growsAt - now)
        }
        return grow(at: now)
    }

    /// The pause of a growth that was to come later is over.
    mutating func paused(until now: Instant) -> Growth {
        isGrowthAwaited = false
        // Throttled since: whoever finds plenty from now on says so.
        if let growsAt, now < growsAt { return .none }
        return grow(at: now)
    }

    private mutating func grow(at now: Instant) -> Growth {
        let more = min(added, limit - lanes)
        guard more > 0 else { return .none }
        growsAt = now + .seconds(1)
        lanes += more
        return .lanes(more)
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
