// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import LinuxSystem

@testable import VirtioVsock

/// Acts as the driver in a guest: offers buffers, sends packets, kicks and sleeps by the rules.
final class TestGuest {
    static let ringSize = 32
    static let bufferBytes = 4_096
    private static let toGuestPlace = 0x0
    private static let fromGuestPlace = 0x4000
    private static let buffersPlace = 0x1_0000
    private static let packetsPlace = 0x4_0000
    private static let packetBytes = 0x1_1000

    let frontend: TestFrontend
    let features: UInt64
    /// How many buffers it offers at most.
    let buffers: Int
    private var offered: UInt16 = 0
    private var received: UInt16 = 0
    private var sent: UInt16 = 0
    private var reclaimed: UInt16 = 0
    private var kicks: [UInt64] = [0, 0]

    init(_ frontend: TestFrontend, features: UInt64 = 0, buffers: Int = TestGuest.ringSize) throws {
        self.frontend = frontend
        self.features = features
        self.buffers = buffers
        try frontend.introduce(features: features)
        try startRings()
        for index in 0..<buffers { offer(index) }
    }

    func startRings() throws {
        let size = UInt16(Self.ringSize)
        try frontend.startRing(0, size: size, place: Self.toGuestPlace, base: received)
        try frontend.startRing(1, size: size, place: Self.fromGuestPlace, base: reclaimed)
    }

    private var usesEventIndex: Bool { features & Feature.eventIndex != 0 }
    private func pointer(_ place: Int) -> UnsafeMutableRawPointer {
        frontend.memory.baseAddress.unsafelyUnwrapped + place
    }
    private func address(_ place: Int) -> UInt64 { TestFrontend.guestStart + UInt64(place) }

    private func describe(_ table: Int, _ index: Int, _ place: Int, _ length: Int, flags: UInt16 = 0, next: Int = 0) {
        let entry = pointer(table) + 16 * index
        entry.storeBytes(of: address(place), as: UInt64.self)
        (entry + 8).storeBytes(of: UInt32(length), as: UInt32.self)
        (entry + 12).storeBytes(of: flags, as: UInt16.self)
        (entry + 14).storeBytes(of: UInt16(next), as: UInt16.self)
    }

    /// Shows the device the chain that begins at `head`, and kicks if it wants to be.
    private func publish(_ ring: Int, _ head: Int, _ index: inout UInt16) {
        let place = ring == 0 ? Self.toGuestPlace : Self.fromGuestPlace
        let available = pointer(place + 0x1000)
        martlet_store_16(available + 4 + 2 * (Int(index) % Self.ringSize), UInt16(head))
        index &+= 1
        martlet_release_16(available + 2, index)
        martlet_full_fence()
        let used = pointer(place + 0x2000)
        let wanted =
            usesEventIndex
            ? martlet_load_16(used + 4 + 8 * Self.ringSize) == index &- 1 : martlet_load_16(used) & 1 == 0
        guard wanted else { return }
        kicks[ring] += 1
        withUnsafeBytes(of: UInt64(1)) { _ = write(frontend.kicks[ring].number, $0.baseAddress, 8) }
    }

    /// Whether the device has used more than `count`; waits for it if asked to.
    private func awaitUse(_ ring: Int, beyond count: UInt16, waits: Bool) throws -> Bool {
        let place = ring == 0 ? Self.toGuestPlace : Self.fromGuestPlace
        let used = pointer(place + 0x2000)
        while martlet_acquire_16(used + 2) == count {
            guard waits else { return false }
            martlet_store_16(pointer(place + 0x1000) + 4 + 2 * Self.ringSize, count)
            martlet_full_fence()
            guard martlet_acquire_16(used + 2) == count else { break }
            try HostPeer.wait(frontend.calls[ring], for: POLLIN)
            var signals: UInt64 = 0
            _ = read(frontend.calls[ring].number, &signals, 8)
        }
        return true
    }
}

extension TestGuest {
    private func offer(_ index: Int) {
        // Every other one in two pieces, the header across them.
        let place = Self.buffersPlace + index * Self.bufferBytes
        let table = Self.toGuestPlace
        if index % 2 == 1, index + 1 < Self.ringSize, buffers < Self.ringSize / 2 {
            let second = Self.ringSize / 2 + index
            describe(table, index, place, 20, flags: 3, next: second)
            describe(table, second, place + 20, Self.bufferBytes - 20, flags: 2)
        } else {
            describe(table, index, place, Self.bufferBytes, flags: 2)
        }
        publish(0, index, &offered)
    }

    /// The next packet for the guest, whose buffer is offered again at once. Nil if there is none and it is not to wait.
    func receive(waits: Bool = true) throws -> (PacketHeader, [UInt8])? {
        guard try awaitUse(0, beyond: received, waits: waits) else { return nil }
        let entry = pointer(Self.toGuestPlace + 0x2004) + 8 * (Int(received) % Self.ringSize)
        let index = Int(entry.load(as: UInt32.self))
        let length = Int((entry + 4).load(as: UInt32.self))
        received &+= 1
        let start = pointer(Self.buffersPlace + index * Self.bufferBytes)
        let header = PacketHeader(UnsafeRawBufferPointer(start: start, count: PacketHeader.size))
        guard length == PacketHeader.size + Int(header.length) else { throw TestFailure("\(length) for \(header)") }
        let bytes = Array(UnsafeRawBufferPointer(start: start + PacketHeader.size, count: Int(header.length)))
        offer(index)
        return (header, bytes)
    }

    /// Sends a packet; waits while all places for packets are taken.
    func send(_ header: PacketHeader, _ bytes: [UInt8] = []) throws {
        let slots = Self.ringSize / 2
        while Int(sent &- reclaimed) >= slots {
            _ = try awaitUse(1, beyond: reclaimed, waits: true)
            reclaimed &+= 1
        }
        let slot = Int(sent) % slots
        let place = Self.packetsPlace + slot * Self.packetBytes
        header.write(to: UnsafeMutableRawBufferPointer(start: pointer(place), count: PacketHeader.size))
        _ = bytes.withUnsafeBytes {
            memcpy(pointer(place) + 64, $0.baseAddress ?? UnsafeRawPointer(pointer(0)), $0.count)
        }
        let isIndirect = features & Feature.indirectDescriptors != 0
        let table = isIndirect ? place + Self.packetBytes - 64 : Self.fromGuestPlace
        let first = isIndirect ? 0 : 2 * slot
        describe(table, first, place, PacketHeader.size, flags: bytes.isEmpty ? 0 : 1, next: first + 1)
        describe(table, first + 1, place + 64, bytes.count)
        if isIndirect { describe(Self.fromGuestPlace, 2 * slot, table, bytes.isEmpty ? 16 : 32, flags: 4) }
        publish(1, 2 * slot, &sent)
    }

    /// Until the device has taken everything that was sent.
    func settle() throws {
        while reclaimed != sent {
            _ = try awaitUse(1, beyond: reclaimed, waits: true)
            reclaimed &+= 1
        }
    }

    func offerAll(_ count: Int) { for index in 0..<count { offer(index) } }

    /// Kicks that it has made.
    var kickCount: UInt64 { kicks[0] + kicks[1] }
}
