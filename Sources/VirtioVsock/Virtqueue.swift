// SPDX-License-Identifier: Apache-2.0
internal import CLinux

/// Where a queue lies in memory of the guest, which may write to any of it at any time.
struct VirtqueuePlaces {
    let size: UInt16
    let descriptors: UnsafeMutableRawPointer
    let available: UnsafeMutableRawPointer
    let used: UnsafeMutableRawPointer

    /// Nil unless each part lies in one region, in line as the specification demands it.
    init?(size: UInt16, addresses: RingAddresses, memory: GuestMemory) {
        let count = UInt64(size)
        guard size > 0, size & (size - 1) == 0, Int(size) <= VsockLimits.queueSize,
            addresses.descriptors % 16 == 0, addresses.available % 2 == 0, addresses.used % 4 == 0,
            let descriptors = memory.frontend(addresses.descriptors, 16 * count),
            let available = memory.frontend(addresses.available, 6 + 2 * count),
            let used = memory.frontend(addresses.used, 6 + 8 * count),
            Int(bitPattern: descriptors) % 8 == 0, Int(bitPattern: available) % 2 == 0, Int(bitPattern: used) % 4 == 0
        else { return nil }
        self.size = size
        self.descriptors = descriptors
        self.available = available
        self.used = used
    }
}

/// The device's side of a split virtqueue. What is wrong with one chain is the chain's fault (`chain` returns nil); what is
/// wrong with the ring itself breaks the queue for good (`isBroken`), and it offers nothing from then on.
struct Virtqueue {
    private let places: VirtqueuePlaces
    private let mask: UInt16
    private let usesEventIndex: Bool
    /// The next entry of the available ring that has not been taken.
    private(set) var position: UInt16
    private var usedPosition: UInt16
    /// `usedPosition` when the guest was last thought of signalling.
    private var judged: UInt16
    private var hasUnpublished = false
    private(set) var isBroken = false

    init(_ places: VirtqueuePlaces, position: UInt16, usesEventIndex: Bool) {
        self.places = places
        mask = places.size - 1
        self.usesEventIndex = usesEventIndex
        self.position = position
        usedPosition = martlet_load_16(places.used + 2)
        judged = usedPosition
    }

    /// How many chains are offered and not taken.
    mutating func offered() -> Int {
        guard !isBroken else { return 0 }
        let count = martlet_acquire_16(places.available + 2) &- position
        guard count <= places.size else {
            isBroken = true
            return 0
        }
        return Int(count)
    }

    /// The first descriptor of the chain at `offset` behind the next; `offset` is less than `offered()` has said.
    mutating func head(at offset: Int = 0) -> UInt16? {
        guard !isBroken else { return nil }
        let slot = Int((position &+ UInt16(truncatingIfNeeded: offset)) & mask)
        let head = martlet_load_16(places.available + 4 + 2 * slot)
        guard head < places.size else {
            isBroken = true
            return nil
        }
        return head
    }

    /// Gives the next chain back, with so many bytes written into it.
    mutating func complete(_ head: UInt16, written: Int = 0) {
        let slot = places.used + 4 + 8 * Int(usedPosition & mask)
        martlet_store_32(slot, UInt32(head))
        martlet_store_32(slot + 4, UInt32(truncatingIfNeeded: written))
        usedPosition &+= 1
        position &+= 1
        hasUnpublished = true
    }

    /// Shows the guest what was completed. Returns whether it wants to be signalled for it.
    mutating func publish() -> Bool {
        guard hasUnpublished else { return false }
        hasUnpublished = false
        martlet_release_16(places.used + 2, usedPosition)
        // Either the guest sees the new index after it has asked for signals, or we see that it has asked.
        martlet_full_fence()
        let before = judged
        judged = usedPosition
        guard usesEventIndex else { return martlet_load_16(places.available) & 1 == 0 }
        let event = martlet_load_16(places.available + 4 + 2 * Int(places.size))
        return usedPosition &- event &- 1 < usedPosition &- before
    }

    /// Asks for a kick with the next chain. Returns whether there is one already, for which none may come.
    mutating func awaitKick() -> Bool {
        guard !isBroken else { return false }
        if usesEventIndex {
            martlet_store_16(places.used + 4 + 8 * Int(places.size), position)
        } else {
            martlet_store_16(places.used, 0)
        }
        martlet_full_fence()
        return offered() > 0
    }

    /// Asks for no kicks. With event indices, not asking for one is enough.
    func spareKicks() {
        guard !usesEventIndex, !isBroken else { return }
        martlet_store_16(places.used, 1)
    }
}

// MARK: Chains

extension Virtqueue {
    private static let next: UInt16 = 1
    private static let writable: UInt16 = 2
    private static let indirect: UInt16 = 4

    /// Appends the pieces of a chain to `segments`: for `writing`, those that the device may write to, and no others may be
    /// there; else those to read, up to the first other. Each descriptor is read once. Returns their bytes, or nil for a
    /// chain that is broken, loops, or leaves the guest's memory; then some of its pieces may have been appended.
    func chain(_ head: UInt16, writing: Bool, to segments: SegmentList, _ memory: GuestMemory) -> Int? {
        var table = places.descriptors
        var tableSize = UInt32(places.size)
        var index = UInt32(head)
        var isIndirect = false
        var bytes = 0
        // A chain cannot be longer than its queue, which ends loops, too; one descriptor more leads to a table.
        for _ in 0...VsockLimits.queueSize {
            guard index < tableSize else { return nil }
            let descriptor = Descriptor(table + 16 * Int(index))
            if descriptor.flags & Self.indirect != 0 {
                guard !isIndirect, descriptor.flags & Self.next == 0, descriptor.length % 16 == 0,
                    descriptor.length > 0, descriptor.address % 8 == 0,
                    let inner = memory.guest(descriptor.address, UInt64(descriptor.length)),
                    Int(bitPattern: inner) % 8 == 0
                else { return nil }
                (table, tableSize, index, isIndirect) = (inner, descriptor.length / 16, 0, true)
                continue
            }
            if descriptor.flags & Self.writable != 0 {
                guard writing else { return bytes }
            } else if writing {
                return nil
            }
            if descriptor.length > 0 {
                guard let start = memory.guest(descriptor.address, UInt64(descriptor.length)),
                    segments.append(start, Int(descriptor.length))
                else { return nil }
                bytes += Int(descriptor.length)
            }
            guard descriptor.flags & Self.next != 0 else { return bytes }
            index = UInt32(descriptor.next)
        }
        return nil
    }
}

/// A copy, taken once: what the guest makes of the original afterwards does not matter.
private struct Descriptor {
    let address: UInt64
    let length: UInt32
    let flags: UInt16
    let next: UInt16

    init(_ place: UnsafeMutableRawPointer) {
        address = martlet_load_64(place)
        length = martlet_load_32(place + 8)
        flags = martlet_load_16(place + 12)
        next = martlet_load_16(place + 14)
    }
}
