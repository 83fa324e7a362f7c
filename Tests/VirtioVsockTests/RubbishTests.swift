// SPDX-License-Identifier: Apache-2.0
import CEpoll
import Glibc
import LinuxSystem
import Testing

@testable import VirtioVsock

/// The same numbers in each run, so that a failure can be had again.
struct Dice: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let mixed = (state ^ (state >> 33)) &* 0xff51_afd7_ed55_8ccd
        return mixed ^ (mixed >> 33)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
    mutating func pick<Value>(_ values: [Value]) -> Value { values[Int.random(in: 0..<values.count, using: &self)] }
    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

/// A device without a thread, whose parts are called by hand, before a front end and a guest who talk rubbish.
@Suite("Rubbish", .serialized) struct RubbishTests {
    private static let interesting: [UInt64] = [
        0, 1, 2, 3, 4, 5, 7, 8, 32, 44, 45, 128, 255, 256, 0x1000, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x1_0001,
        TestFrontend.guestStart, TestFrontend.guestStart + 0x4000, TestFrontend.frontendStart,
        TestFrontend.frontendStart + UInt64(TestFrontend.memoryBytes) - 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
        0x1_0000_0000, .max / 2, .max - 1, .max,
    ]

    @Test("Thousands of messages without sense are answered or end the device, and leave nothing open")
    func messages() throws {
        var dice = Dice(1)
        var handled = 0
        let before = try openDescriptors()
        for _ in 0..<400 {
            let frontend = try TestFrontend()
            let device = VsockDevice(frontend: frontend.deviceSocket, path: "/nowhere/v")
            if dice.chance(60) { try frontend.introduce(features: Feature.eventIndex) }
            if dice.chance(40) {
                try frontend.startRing(0, size: 32, place: 0)
                try frontend.startRing(1, size: 32, place: 0x4000)
            }
            // Message by message, so that they do not fill the socket.
            var isOpen = hear(device)
            for _ in 0..<40 where isOpen {
                try sayNonsense(frontend, &dice)
                isOpen = hear(device)
                device.exercise()
                handled += 1
            }
            // Returns at once: the front end is gone.
            shutdown(frontend.socket.number, Int32(SHUT_RDWR))
            device.run()
        }
        #expect(handled > 4_000)
        // Other tests open some, too; one left open of each device would be more.
        #expect(try openDescriptors() < before + 200)
    }

    private func sayNonsense(_ frontend: TestFrontend, _ dice: inout Dice) throws {
        let known: [UInt32] = [1, 2, 3, 4, 5, 8, 8, 9, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 18, 24, 25]
        let request = dice.chance(99) ? dice.pick(known) : UInt32(truncatingIfNeeded: dice.next())
        let ring = dice.chance(99) ? UInt32.random(in: 0...2, using: &dice) : .random(in: 0...300, using: &dice)
        func wild() -> UInt64 { dice.pick(Self.interesting) }
        func number() -> UInt32 {
            dice.chance(95) ? dice.pick([0, 1, 2, 8, 32, 64]) : UInt32(truncatingIfNeeded: wild())
        }
        func place() -> UInt64 {
            dice.chance(95) ? TestFrontend.frontendStart + UInt64.random(in: 0..<256, using: &dice) * 0x1000 : wild()
        }
        var (payload, files): ([UInt8], [FileDescriptor]) = ([], [])
        switch request {
        case 2, 16: payload = frontend.bytes(wild() & ~Feature.packedRings)
        case 5:
            let size = dice.chance(80) ? UInt64.random(in: 1...UInt64(TestFrontend.memoryBytes), using: &dice) : wild()
            payload = frontend.bytes(UInt32(1), 0) + frontend.bytes(wild(), size, place(), 0)
            files = [frontend.file]
        case 8, 10, 11, 18: payload = frontend.bytes(ring, number())
        case 9: payload = frontend.bytes(ring, 0) + frontend.bytes(place(), place(), place(), wild())
        case 12, 13, 14:
            let given = request == 12 || dice.chance(70)
            payload = frontend.bytes(UInt64(ring) | (given ? 0 : 0x100))
            files = given ? [dice.chance(97) ? dice.pick(frontend.kicks + frontend.calls) : frontend.socket] : []
        case 24, 25: payload = frontend.bytes(number(), number(), number()) + dice.bytes(8)
        default: break
        }
        if dice.chance(1) { payload += dice.bytes(Int.random(in: 1...5_000, using: &dice)) }
        if dice.chance(1) { files.append(frontend.file) }
        var message = TestFrontend.message(request, payload, flags: dice.chance(90) ? 1 : 9)
        if dice.chance(1) { message[Int.random(in: 0..<12, using: &dice)] = UInt8.random(in: 0...255, using: &dice) }
        try frontend.send(message, files)
    }

    @Test("Bytes that are no messages end the device") func noise() throws {
        var dice = Dice(2)
        for _ in 0..<1_000 {
            let frontend = try TestFrontend()
            let device = VsockDevice(frontend: frontend.deviceSocket, path: "/nowhere/v")
            try frontend.send(dice.bytes(Int.random(in: 1...400, using: &dice)), dice.chance(20) ? [frontend.file] : [])
            shutdown(frontend.socket.number, Int32(SHUT_RDWR))
            device.run()
        }
    }

    @Test("Rings full of rubbish neither trap nor hang, and a front end can set them up again") func rings() throws {
        var dice = Dice(3)
        let frontend = try TestFrontend()
        let device = VsockDevice(frontend: frontend.deviceSocket, path: "/nowhere/v")
        for round in 0..<3_000 {
            if round % 10 == 0 {
                UnsafeMutableRawBufferPointer(rebasing: frontend.memory[..<0x8000]).initializeMemory(
                    as: UInt8.self,
                    repeating: 0
                )
                try frontend.introduce(features: dice.pick([0, Feature.eventIndex]))
                for ring in UInt32(0)...1 {
                    try frontend.startRing(ring, size: 32, place: Int(ring) * 0x4000, base: 0)
                }
                #expect(hear(device))
            }
            scribble(frontend.memory, &dice)
            device.exercise()
            #expect(device.resets.count <= device.limits.pendingResets)
        }
        shutdown(frontend.socket.number, Int32(SHUT_RDWR))
        device.run()
    }

    /// A plausible ring with a few wild values.
    private func scribble(_ memory: UnsafeMutableRawBufferPointer, _ dice: inout Dice) {
        for place in [0, 0x4000] {
            for index in 0..<32 where dice.chance(30) {
                let entry = place + 16 * index
                let address =
                    dice.chance(80)
                    ? TestFrontend.guestStart + UInt64.random(in: 0..<0x10_0000, using: &dice)
                    : dice.pick(Self.interesting)
                let length =
                    dice.chance(80)
                    ? UInt32.random(in: 0...5_000, using: &dice) : UInt32(truncatingIfNeeded: dice.next())
                let flags: UInt16 =
                    dice.chance(90) ? dice.pick(place == 0 ? [2, 3, 4] : [0, 1, 4]) : .random(in: 0...7, using: &dice)
                memory.storeBytes(of: address, toByteOffset: entry, as: UInt64.self)
                memory.storeBytes(of: length, toByteOffset: entry + 8, as: UInt32.self)
                memory.storeBytes(of: flags, toByteOffset: entry + 12, as: UInt16.self)
                memory.storeBytes(of: .random(in: 0...33, using: &dice), toByteOffset: entry + 14, as: UInt16.self)
            }
            for slot in 0..<32 {
                let head: UInt16 =
                    dice.chance(99) ? .random(in: 0..<32, using: &dice) : .random(in: 0...40, using: &dice)
                memory.storeBytes(of: head, toByteOffset: place + 0x1004 + 2 * slot, as: UInt16.self)
            }
            let used = memory.load(fromByteOffset: place + 0x2002, as: UInt16.self)
            let ahead: UInt16 = .random(in: 0...(dice.chance(99) ? 32 : 60), using: &dice)
            memory.storeBytes(of: used &+ ahead, toByteOffset: place + 0x1002, as: UInt16.self)
            memory.storeBytes(of: .random(in: 0...3, using: &dice), toByteOffset: place + 0x1000, as: UInt16.self)
        }
    }

    @Test("Tens of thousands of packets without sense are answered by resets at most, and hold no more than the limits")
    func packets() throws {
        var dice = Dice(4)
        var limits = VsockLimits()
        (limits.connections, limits.bufferBytes, limits.minimumBufferBytes) = (20, 5_000, 1_000)
        let bench = try Bench(limits: limits)
        let host = try bench.host(5)
        let guest = try TestGuest(bench.frontend, features: Feature.eventIndex | Feature.indirectDescriptors)
        let peers = Peers()
        try peers.acceptAndScatter(host, seed: 5)
        for _ in 0..<30_000 {
            let wild = UInt32(truncatingIfNeeded: dice.next())
            var header = PacketHeader(
                sourceCID: dice.chance(98) ? 3 : dice.next(),
                destinationCID: dice.chance(98) ? 2 : dice.next(),
                sourcePort: .random(in: 0..<40, using: &dice),
                destinationPort: dice.chance(95) ? 5 : 6,
                type: dice.chance(98) ? 1 : .random(in: 0...3, using: &dice),
                operation: dice.chance(95)
                    ? dice.pick([1, 1, 5, 5, 5, 5, 6, 6, 4, 7, 3]) : .random(in: 0...9, using: &dice),
                flags: dice.chance(80) ? 0 : .random(in: 0...4, using: &dice),
                bufferSize: dice.chance(80) ? 100_000 : wild,
                forwarded: dice.chance(80) ? 0 : wild
            )
            let payload = header.operation == PacketOperation.data ? dice.bytes(.random(in: 0...100, using: &dice)) : []
            header.length = dice.chance(98) ? UInt32(payload.count) : wild
            try guest.send(header, payload)
            while try guest.receive(waits: false) != nil {}
        }
        try guest.settle()
        while try guest.receive(waits: false) != nil {}
        // Whatever it has made of all that, it serves whoever speaks sense.
        for port in 0..<UInt32(40) { try GuestStream(guest, port: port, to: 5).say(PacketOperation.reset) }
        var stream = GuestStream(guest, port: 1_000, to: 5)
        #expect(try stream.connect())
        try bench.end()
    }

    /// Whether it still listens afterwards.
    private func hear(_ device: VsockDevice) -> Bool { (try? device.hearFrontend()) != nil }

    private func openDescriptors() throws -> Int {
        guard let folder = opendir("/proc/self/fd") else { throw TestFailure("/proc") }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return count
    }
}

extension VsockDevice {
    /// A look at both rings.
    func exercise() {
        mayTransmit = true
        isStarved = false
        if rings[Self.fromGuest].queue != nil { transmit() }
        if rings[Self.toGuest].queue != nil { receive() }
    }
}

/// Accepts what comes, sends a little on some, and closes some.
final class Peers: Sendable {
    func acceptAndScatter(_ host: HostPeer, seed: UInt64) throws {
        let listener = host.listener
        try detachThread(named: "peers") {
            var dice = Dice(seed)
            var open: [FileDescriptor] = []
            while let connection = try? listener.accept() {
                open.append(connection)
                try? connection.sendAtOnce(dice.bytes(.random(in: 1...2_000, using: &dice)))
                if open.count > 10 || dice.chance(30) {
                    open.remove(at: .random(in: 0..<open.count, using: &dice)).close()
                }
            }
            open.closeAll()
            listener.close()
        }
    }
}
