// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import VirtioVsock

/// A ring in 64 KiB of plain memory, which is the guest's from 0x1000 on: descriptors at its start, then the other parts.
final class PlainRing {
    static let start: UInt64 = 0x1000
    static let bytes = 64 << 10
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: PlainRing.bytes, alignment: 4_096)
    let size: UInt16
    let addresses = RingAddresses(descriptors: start, available: start + 0x1000, used: start + 0x2000)

    init(size: UInt16 = 8) {
        self.size = size
        memory.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { memory.deallocate() }

    var guest: GuestMemory {
        let regions = memory.baseAddress.flatMap {
            MemoryRegion(
                guestAddress: Self.start,
                frontendAddress: Self.start,
                size: UInt64(Self.bytes),
                base: $0
            )
        }
        return GuestMemory(regions: regions.map { [$0] } ?? [])
    }

    func describe(
        _ index: Int,
        at address: UInt64,
        _ length: UInt32,
        flags: UInt16 = 0,
        next: UInt16 = 0,
        table: Int = 0
    ) {
        let place = table + 16 * index
        memory.storeBytes(of: address, toByteOffset: place, as: UInt64.self)
        memory.storeBytes(of: length, toByteOffset: place + 8, as: UInt32.self)
        memory.storeBytes(of: flags, toByteOffset: place + 12, as: UInt16.self)
        memory.storeBytes(of: next, toByteOffset: place + 14, as: UInt16.self)
    }

    func put(_ value: UInt16, at place: Int) { memory.storeBytes(of: value, toByteOffset: place, as: UInt16.self) }
    func value(at place: Int) -> UInt16 { memory.load(fromByteOffset: place, as: UInt16.self) }

    var availableFlags: Int { 0x1000 }
    var availableIndex: Int { 0x1002 }
    func available(_ slot: Int) -> Int { 0x1004 + 2 * slot }
    var usedEvent: Int { available(Int(size)) }
    var usedFlags: Int { 0x2000 }
    var usedIndex: Int { 0x2002 }
    var availableEvent: Int { 0x2004 + 8 * Int(size) }

    func queue(position: UInt16 = 0, usesEventIndex: Bool = false) throws -> Virtqueue {
        let places = try #require(VirtqueuePlaces(size: size, addresses: addresses, memory: guest))
        return Virtqueue(places, position: position, usesEventIndex: usesEventIndex)
    }

    func chain(_ head: UInt16 = 0, writing: Bool = false) throws -> (bytes: Int?, pieces: Int) {
        let segments = SegmentList()
        let bytes = try queue().chain(head, writing: writing, to: segments, guest)
        return (bytes, segments.count)
    }
}

@Suite("Virtqueue") struct VirtqueueTests {
    @Test(
        "A ring must lie in the guest's memory, in line, with a size that is a power of two",
        arguments: [
            (0, 0, 0, 0), (7, 0, 0, 0), (2_048, 0, 0, 0), (8, 8, 0, 0), (8, 0, 1, 0), (8, 0, 0, 2), (8, 0x10000, 0, 0),
            (8, 0, 0xf000 - 2, 0), (8, 0, 0, .max - 0x3000 + 1),
        ] as [(UInt16, UInt64, UInt64, UInt64)]
    ) func places(size: UInt16, descriptors: UInt64, available: UInt64, used: UInt64) {
        let ring = PlainRing()
        var addresses = ring.addresses
        #expect(VirtqueuePlaces(size: 8, addresses: addresses, memory: ring.guest) != nil)
        addresses.descriptors &+= descriptors
        addresses.available &+= available
        addresses.used &+= used
        #expect(VirtqueuePlaces(size: size, addresses: addresses, memory: ring.guest) == nil)
    }

    @Test("Chains are taken in their order and given back with what was written") func order() throws {
        let ring = PlainRing()
        var queue = try ring.queue()
        let offer1 = queue.offered()
        #expect(offer1 == 0)
        ring.put(5, at: ring.available(0))
        ring.put(2, at: ring.available(1))
        ring.put(2, at: ring.availableIndex)
        let offer2 = queue.offered()
        #expect(offer2 == 2)
        let head1 = queue.head()
        let head2 = queue.head(at: 1)
        #expect(head1 == 5 && head2 == 2)
        queue.complete(5, written: 44)
        #expect(ring.value(at: ring.usedIndex) == 0)
        let head3 = queue.head()
        #expect(head3 == 2)
        queue.complete(2)
        let signals = queue.publish()
        #expect(signals)
        #expect(ring.value(at: ring.usedIndex) == 2)
        #expect(ring.value(at: 0x2004) == 5 && ring.value(at: 0x2008) == 44)
        #expect(ring.value(at: 0x200c) == 2 && ring.value(at: 0x2010) == 0)
        let offer3 = queue.offered()
        #expect(offer3 == 0)
        let again = queue.publish()
        #expect(!again)
    }

    @Test("Positions wrap") func wrapping() throws {
        let ring = PlainRing()
        ring.put(0xffff, at: ring.usedIndex)
        var queue = try ring.queue(position: 0xffff)
        ring.put(3, at: ring.available(7))
        ring.put(4, at: ring.available(0))
        ring.put(1, at: ring.availableIndex)
        let offer4 = queue.offered()
        #expect(offer4 == 2)
        let head4 = queue.head()
        let head5 = queue.head(at: 1)
        #expect(head4 == 3 && head5 == 4)
        queue.complete(3)
        queue.complete(4)
        _ = queue.publish()
        #expect(ring.value(at: ring.usedIndex) == 1 && queue.position == 1)
    }

    @Test("An index that has run away breaks the queue, which offers nothing any more") func runaway() throws {
        let ring = PlainRing()
        var queue = try ring.queue()
        ring.put(9, at: ring.availableIndex)
        let offer5 = queue.offered()
        #expect(offer5 == 0 && queue.isBroken)
        ring.put(1, at: ring.availableIndex)
        let offer6 = queue.offered()
        let head6 = queue.head()
        #expect(offer6 == 0 && head6 == nil)
        let more = queue.awaitKick()
        #expect(!more)
    }

    @Test("A head outside of the table breaks the queue") func badHead() throws {
        let ring = PlainRing()
        var queue = try ring.queue()
        ring.put(8, at: ring.available(0))
        ring.put(1, at: ring.availableIndex)
        let offer7 = queue.offered()
        #expect(offer7 == 1)
        let head7 = queue.head()
        #expect(head7 == nil && queue.isBroken)
    }

    @Test("A chain's pieces are gathered, those for the device to write apart from those to read") func chains() throws
    {
        let ring = PlainRing()
        ring.describe(0, at: 0x4000, 44, flags: 1, next: 3)
        ring.describe(3, at: 0x5000, 0, flags: 1, next: 1)
        ring.describe(1, at: 0x6000, 100, flags: 1, next: 2)
        ring.describe(2, at: 0x7000, 7, flags: 2)
        let read = try ring.chain()
        #expect(read == (144, 2))
        let written = try ring.chain(writing: true)
        #expect(written.bytes == nil)
        let writable = try ring.chain(2, writing: true)
        #expect(writable == (7, 1))
    }

    @Test("A loop ends") func loop() throws {
        let ring = PlainRing()
        ring.describe(0, at: 0x4000, 1, flags: 1, next: 1)
        ring.describe(1, at: 0x4000, 0, flags: 1, next: 0)
        #expect(try ring.chain().bytes == nil)
        ring.describe(0, at: 0x4000, 0, flags: 1, next: 0)
        #expect(try ring.chain().bytes == nil)
    }

    @Test(
        "A piece outside of the memory, or across its end, breaks its chain",
        arguments: [
            (0, 1), (0xfff, 2), (0x11000, 1), (0x10fff, 2), (.max, 1), (0x1000, .max), (.max - 1, 4),
        ] as [(UInt64, UInt32)]
    ) func outside(address: UInt64, length: UInt32) throws {
        let ring = PlainRing()
        ring.describe(0, at: address, length)
        #expect(try ring.chain().bytes == nil)
    }

    @Test("A piece across two regions breaks its chain, even where they touch") func acrossRegions() throws {
        let ring = PlainRing()
        let start = try #require(ring.memory.baseAddress)
        let first = MemoryRegion(guestAddress: 0x1000, frontendAddress: 0x1000, size: 0x8000, base: start)
        let second = MemoryRegion(
            guestAddress: 0x9000,
            frontendAddress: 0x9000,
            size: 0x8000,
            base: start + 0x8000
        )
        let memory = GuestMemory(regions: [first, second].compactMap { $0 })
        #expect(memory.guest(0x8fff, 1) != nil && memory.guest(0x9000, 1) == start + 0x8000)
        #expect(memory.guest(0x8fff, 2) == nil)
    }

    @Test("A region that would reach beyond the last address is none") func hugeRegion() throws {
        let start = try #require(PlainRing().memory.baseAddress)
        #expect(MemoryRegion(guestAddress: .max, frontendAddress: 0, size: 2, base: start) == nil)
        #expect(MemoryRegion(guestAddress: 0, frontendAddress: .max, size: 2, base: start) == nil)
        #expect(MemoryRegion(guestAddress: 0, frontendAddress: 0, size: 0, base: start) == nil)
    }

    @Test("A table elsewhere is followed once") func indirect() throws {
        let ring = PlainRing()
        ring.describe(0, at: 0x4000, 32, flags: 4)
        ring.describe(0, at: 0x5000, 44, flags: 1, next: 1, table: 0x3000)
        ring.describe(1, at: 0x6000, 56, table: 0x3000)
        let good = try ring.chain()
        #expect(good == (100, 2))
        // Beyond its end, another table in it, a size that is no table's, and one that goes on behind it.
        ring.describe(1, at: 0x6000, 56, flags: 1, next: 2, table: 0x3000)
        #expect(try ring.chain().bytes == nil)
        ring.describe(1, at: 0x4000, 32, flags: 4, table: 0x3000)
        #expect(try ring.chain().bytes == nil)
        ring.describe(1, at: 0x6000, 56, table: 0x3000)
        for (length, flags) in [(UInt32(0), UInt16(4)), (31, 4), (32, 5), (.max - 15, 4)] {
            ring.describe(0, at: 0x4000, length, flags: flags)
            #expect(try ring.chain().bytes == nil)
        }
        ring.describe(0, at: 0x4001, 32, flags: 4)
        #expect(try ring.chain().bytes == nil)
    }

    @Test("A table may have more entries than the ring, but not without end") func longTable() throws {
        let ring = PlainRing()
        for index in 0..<1_024 {
            ring.describe(index, at: 0x1000, 1, flags: index < 1_023 ? 1 : 0, next: UInt16(index + 1), table: 0x4000)
        }
        ring.describe(0, at: 0x5000, 1_024 * 16, flags: 4)
        let most = try ring.chain()
        #expect(most == (1_024, 1_024))
        ring.describe(1_023, at: 0x1000, 1, flags: 1, next: 0, table: 0x4000)
        #expect(try ring.chain().bytes == nil)
    }

    @Test("With flags, the guest is signalled unless it has said that it need not be") func flags() throws {
        let ring = PlainRing()
        var queue = try ring.queue()
        ring.put(8, at: ring.availableIndex)
        ring.put(1, at: ring.availableFlags)
        queue.complete(0)
        let muted = queue.publish()
        #expect(!muted)
        ring.put(0, at: ring.availableFlags)
        queue.complete(0)
        let heard = queue.publish()
        #expect(heard)
        queue.spareKicks()
        #expect(ring.value(at: ring.usedFlags) == 1)
        let more = queue.awaitKick()
        #expect(more && ring.value(at: ring.usedFlags) == 0)
    }

    @Test("With event indices, the guest is signalled when its entry is among those completed") func events() throws {
        let ring = PlainRing()
        var queue = try ring.queue(usesEventIndex: true)
        ring.put(8, at: ring.availableIndex)
        ring.put(1, at: ring.usedEvent)
        queue.complete(0)
        let early = queue.publish()
        #expect(!early)
        queue.complete(0)
        queue.complete(0)
        let hit = queue.publish()
        #expect(hit)
        queue.complete(0)
        let late = queue.publish()
        #expect(!late)
        let more = queue.awaitKick()
        #expect(more && ring.value(at: ring.availableEvent) == 4)
        #expect(ring.value(at: ring.usedFlags) == 0)
    }
}
