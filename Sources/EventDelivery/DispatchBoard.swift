// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Which of the deliveries held in memory may begin next. Pure: it is told what happens and answers what to do.
///
/// Lanes take turns. A lane may begin one more only while it has fewer under way than are free altogether, so however
/// many a slow target collects, another lane always finds room. A queue may have a share, and then its lanes share that. A throttled lane pauses, and comes back with no more
/// tries at once than its target has shown to bear; each success lets it try one more.
struct DispatchBoard: Sendable {
    struct Lane: Sendable {
        /// Its queue's place in `queues`.
        var queue: Int
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

    private struct Queue: Sendable {
        var share = DeliveryShare()
        /// Its lanes with work, the next one first.
        var ring = FIFO<String>()
        var running = 0
        var held = 0
    }

    private let limits: DeliveryLimits
    private(set) var lanes: [String: Lane] = [:]
    /// As many as there are handlers.
    private var queues: [Queue] = []
    private var places: [String: Int] = [:]
    /// The queue that began last.
    private var turn = 0
    private(set) var running = 0
    private(set) var held = 0
    private(set) var heldBytes = 0

    init(limits: DeliveryLimits) { self.limits = limits }

    mutating func setShare(_ share: DeliveryShare, of queue: String) { queues[place(of: queue)].share = share }

    private mutating func place(of queue: String) -> Int {
        if let place = places[queue] { return place }
        queues.append(Queue())
        places[queue] = queues.count - 1
        return queues.count - 1
    }

    // MARK: Room

    /// Makes room for a delivery that is about to be stored. False: it is stored for whoever has room later.
    mutating func reserve(_ lane: String, of queue: String, bytes: Int) -> Bool {
        if lanes[lane]?.hasMoreInStore == true { return false }
        guard room(in: lane, of: queue) > 0 else {
            lanes[lane]?.hasMoreInStore = true
            return false
        }
        hold(lane, of: queue, bytes: bytes)
        return true
    }

    /// How many more of the lane may be held.
    func room(in name: String, of queue: String) -> Int {
        let lane = lanes[name]
        let free = room(inQueue: queue)
        let freeBytes = limits.heldBytes - heldBytes
        guard free > (lane?.held ?? 0), freeBytes > (lane?.heldBytes ?? 0) else { return 0 }
        return free - (lane?.held ?? 0)
    }

    private func room(inQueue name: String) -> Int {
        guard let place = places[name] else { return limits.held - held }
        return min(limits.held - held, queues[place].share.held - queues[place].held)
    }

    func hasRoom(inQueue name: String) -> Bool { room(inQueue: name) > 0 }

    func hasMoreInStore(_ lane: String) -> Bool { lanes[lane]?.hasMoreInStore == true }

    /// Nothing of the lane is left here to begin, and more waits in the store.
    func hasRunDry(_ lane: String) -> Bool {
        guard let lane = lanes[lane] else { return false }
        return lane.hasMoreInStore && lane.waiting.isEmpty
    }

    var isFull: Bool { held >= limits.held || heldBytes >= limits.heldBytes }

    private mutating func hold(_ name: String, of queue: String, bytes: Int) {
        let place = place(of: queue)
        lanes[name, default: Lane(queue: place)].held += 1
        lanes[name]?.heldBytes += bytes
        queues[place].held += 1
        held += 1
        heldBytes += bytes
    }

    /// Its end is written, or it was never stored: its room is free.
    mutating func forget(_ name: String, bytes: Int) {
        guard let lane = lanes[name] else { return }
        lanes[name]?.held -= 1
        lanes[name]?.heldBytes -= bytes
        queues[lane.queue].held -= 1
        held -= 1
        heldBytes -= bytes
        dropIfIdle(name)
    }

    mutating func setHasMoreInStore(_ name: String, of queue: String, _ hasMore: Bool) {
        let place = place(of: queue)
        if hasMore { lanes[name, default: Lane(queue: place)].hasMoreInStore = true }
        guard !hasMore, lanes[name] != nil else { return }
        lanes[name]?.hasMoreInStore = false
        dropIfIdle(name)
    }

    private mutating func dropIfIdle(_ lane: String) {
        if lanes[lane]?.isIdle == true { lanes[lane] = nil }
    }

    // MARK: Beginning

    /// Stored, and room was reserved for it.
    mutating func add(_ delivery: HeldDelivery) {
        let (name, place) = (delivery.lane, place(of: delivery.queue))
        lanes[name, default: Lane(queue: place)].waiting.append(delivery)
        guard lanes[name]?.isInRing == false else { return }
        lanes[name]?.isInRing = true
        queues[place].ring.append(name)
    }

    /// Taken from the store.
    mutating func take(_ delivery: HeldDelivery) {
        hold(delivery.lane, of: delivery.queue, bytes: delivery.bytes)
        add(delivery)
    }

    /// The next one that may begin; it counts as begun. Queues take turns, and in each its lanes.
    mutating func next(at now: Instant) -> HeldDelivery? {
        guard running < limits.running else { return nil }
        for step in 0..<queues.count {
            let place = (turn + 1 + step) % queues.count
            guard let delivery = next(ofQueue: place, at: now) else { continue }
            turn = place
            return delivery
        }
        return nil
    }

    private mutating func next(ofQueue place: Int, at now: Instant) -> HeldDelivery? {
        let share = queues[place].share
        let free = min(limits.running - running, share.running - queues[place].running)
        guard free > 0 else { return nil }
        for _ in 0..<queues[place].ring.count {
            guard let name = queues[place].ring.popFirst(), var lane = lanes[name] else { continue }
            if let until = lane.pausedUntil, until <= now { lane.pausedUntil = nil }
            let mayBegin = lane.pausedUntil == nil && lane.running < min(lane.ceiling, share.runningPerLane, free)
            let delivery = mayBegin ? lane.waiting.popFirst() : nil
            if delivery != nil { lane.running += 1 }
            lane.isInRing = !lane.waiting.isEmpty
            if lane.isInRing { queues[place].ring.append(name) }
            lanes[name] = lane
            dropIfIdle(name)
            guard let delivery else { continue }
            running += 1
            queues[place].running += 1
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
        guard var lane = lanes[name] else { return }
        running -= 1
        queues[lane.queue].running -= 1
        lane.running -= 1
        lane.pausedUntil = nil
        if lane.ceiling < limits.running { lane.ceiling += 1 } else { lane.ceiling = .max }
        lanes[name] = lane
    }

    mutating func throttled(_ name: String, until: Instant) {
        guard var lane = lanes[name] else { return }
        running -= 1
        queues[lane.queue].running -= 1
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
