// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Which of the deliveries held in memory may begin next. Pure: it is told what happens and answers what to do.
///
/// Lanes take turns. A lane may begin one more only while it has fewer under way than are free altogether, so however
/// many a slow target collects, another lane always finds room. A throttled lane pauses, and comes back with no more
/// tries at once than its target has shown to bear; each success lets it try one more.
struct DispatchBoard: Sendable {
    struct Lane: Sendable {
        var waiting = FIFO<HeldDelivery>()
        var running = 0
        /// With those under way and those whose end is not written yet.
        var held = 0
        var heldBytes = 0
        var ceiling = Int.max
        var pausedUntil: Instant?
        var isInRing = false
        /// More of this lane waits in the store, so a new one must not overtake it.
        var hasMoreInStore = false

        var isIdle: Bool { held == 0 && !hasMoreInStore && pausedUntil == nil }
    }

    private let limits: DeliveryLimits
    private(set) var lanes: [String: Lane] = [:]
    private var ring = FIFO<String>()
    private(set) var running = 0
    private(set) var held = 0
    private(set) var heldBytes = 0

    init(limits: DeliveryLimits) { self.limits = limits }

    // MARK: Room

    /// Makes room for a delivery that is about to be stored. False: it is stored for whoever has room later.
    mutating func reserve(_ lane: String, bytes: Int) -> Bool {
        if lanes[lane]?.hasMoreInStore == true { return false }
        guard room(in: lane) > 0 else {
            lanes[lane]?.hasMoreInStore = true
            return false
        }
        hold(lane, bytes: bytes)
        return true
    }

    /// How many more of the lane may be held.
    func room(in name: String) -> Int {
        let lane = lanes[name]
        let free = limits.held - held
        let freeBytes = limits.heldBytes - heldBytes
        guard free > (lane?.held ?? 0), freeBytes > (lane?.heldBytes ?? 0) else { return 0 }
        return free - (lane?.held ?? 0)
    }

    /// Nothing of the lane is left here to begin, and more waits in the store.
    func hasRunDry(_ lane: String) -> Bool {
        guard let lane = lanes[lane] else { return false }
        return lane.hasMoreInStore && lane.waiting.isEmpty
    }

    var isFull: Bool { held >= limits.held || heldBytes >= limits.heldBytes }

    private mutating func hold(_ lane: String, bytes: Int) {
        lanes[lane, default: Lane()].held += 1
        lanes[lane]?.heldBytes += bytes
        held += 1
        heldBytes += bytes
    }

    /// Its end is written, or it was never stored: its room is free.
    mutating func forget(_ lane: String, bytes: Int) {
        guard lanes[lane] != nil else { return }
        lanes[lane]?.held -= 1
        lanes[lane]?.heldBytes -= bytes
        held -= 1
        heldBytes -= bytes
        dropIfIdle(lane)
    }

    mutating func setHasMoreInStore(_ lane: String, _ hasMore: Bool) {
        if hasMore { lanes[lane, default: Lane()].hasMoreInStore = true }
        guard !hasMore, lanes[lane] != nil else { return }
        lanes[lane]?.hasMoreInStore = false
        dropIfIdle(lane)
    }

    private mutating func dropIfIdle(_ lane: String) {
        if lanes[lane]?.isIdle == true { lanes[lane] = nil }
    }

    // MARK: Beginning

    /// Stored, and room was reserved for it.
    mutating func add(_ delivery: HeldDelivery) {
        let name = delivery.lane
        lanes[name, default: Lane()].waiting.append(delivery)
        guard lanes[name]?.isInRing == false else { return }
        lanes[name]?.isInRing = true
        ring.append(name)
    }

    /// Taken from the store.
    mutating func take(_ delivery: HeldDelivery) {
        hold(delivery.lane, bytes: delivery.bytes)
        add(delivery)
    }

    /// The next one that may begin; it counts as begun.
    mutating func next(at now: Instant) -> HeldDelivery? {
        guard running < limits.running else { return nil }
        for _ in 0..<ring.count {
            guard let name = ring.popFirst(), var lane = lanes[name] else { continue }
            if let until = lane.pausedUntil, until <= now { lane.pausedUntil = nil }
            let mayBegin =
                lane.pausedUntil == nil && lane.running < min(lane.ceiling, max(1, limits.running - running))
            let delivery = mayBegin ? lane.waiting.popFirst() : nil
            if delivery != nil { lane.running += 1 }
            lane.isInRing = !lane.waiting.isEmpty
            if lane.isInRing { ring.append(name) }
            lanes[name] = lane
            dropIfIdle(name)
            guard let delivery else { continue }
            running += 1
            return delivery
        }
        return nil
    }

    /// When a lane that pauses with work may go on.
    func nextPauseEnd() -> Instant? { lanes.values.compactMap { $0.held > 0 ? $0.pausedUntil : nil }.min() }

    /// Lanes whose pause is over and that hold nothing are forgotten.
    mutating func forgetEndedPauses(at now: Instant) {
        for (name, lane) in lanes where lane.held == 0 {
            guard let until = lane.pausedUntil, until <= now else { continue }
            lanes[name]?.pausedUntil = nil
            dropIfIdle(name)
        }
    }

    // MARK: Ends

    /// A try has ended; its room stays taken until that is written.
    mutating func ended(_ name: String) {
        running -= 1
        guard var lane = lanes[name] else { return }
        lane.running -= 1
        lane.pausedUntil = nil
        if lane.ceiling < limits.running { lane.ceiling += 1 } else { lane.ceiling = .max }
        lanes[name] = lane
    }

    mutating func throttled(_ name: String, until: Instant) {
        running -= 1
        guard var lane = lanes[name] else { return }
        lane.running -= 1
        lane.ceiling = max(1, min(lane.ceiling, lane.running))
        lane.pausedUntil = max(lane.pausedUntil ?? until, until)
        lanes[name] = lane
    }

    /// Another node may have what waited here: lets go of it.
    mutating func dropWaiting() -> [HeldDelivery] {
        var dropped: [HeldDelivery] = []
        for name in lanes.keys { dropped += lanes[name]?.waiting.removeAll() ?? [] }
        for delivery in dropped { forget(delivery.lane, bytes: delivery.bytes) }
        return dropped
    }

    /// What a reset has removed from the store.
    mutating func dropWaiting(of account: AccountID?) {
        for delivery in dropWaiting() where account != nil && delivery.delivery.scope.account != account {
            take(delivery)
        }
    }
}

/// A stored delivery that this node holds.
struct HeldDelivery: Sendable {
    var sequence: Int
    var queue: String
    var lane: String
    /// Under which it is held: what another session has taken since is not touched any more.
    var session: String
    var delivery: Delivery

    var bytes: Int { delivery.payload.readableBytes + delivery.detail.utf8.count }
}
