// SPDX-License-Identifier: Apache-2.0
import CEpoll
import Glibc
import LinuxSystem
import Testing

@testable import VirtioVsock

/// A device on a thread of its own, the folder of its sockets, and a guest.
final class Bench {
    let frontend: TestFrontend
    let folder: String
    private let ended: FileDescriptor

    var path: String { "\(folder)/v" }

    init(limits: VsockLimits = .init()) throws {
        var template = Array("/tmp/vsock-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp") }
        folder = template.withUnsafeBytes { String(decoding: $0.dropLast(), as: UTF8.self) }
        frontend = try TestFrontend()
        ended = TestFrontend.event()
        let (socket, path, ended) = (frontend.deviceSocket, "\(folder)/v", ended)
        try detachThread(named: "device") {
            VsockDevice(frontend: socket, path: path, limits: limits).run()
            withUnsafeBytes(of: UInt64(1)) { _ = write(ended.number, $0.baseAddress, 8) }
        }
    }

    /// Hangs up, and waits for the device's end.
    func end() throws {
        shutdown(frontend.socket.number, Int32(SHUT_RDWR))
        try awaitEnd()
    }

    func awaitEnd() throws {
        try HostPeer.wait(ended, for: POLLIN)
        ended.close()
        rmdir(folder)
    }

    func host(_ port: UInt32, backlog: Int32 = 4_096) throws -> HostPeer {
        try HostPeer(path: "\(path)_\(port)", backlog: backlog)
    }
}

/// Bytes of a sequence that repeats itself after a number that nothing else here is a multiple of.
func pattern(_ count: Int, from start: Int = 0) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
        let position = (start + bytes.count) % patternTable.count
        bytes += patternTable[position..<min(position + count - bytes.count, patternTable.count)]
    }
    return bytes
}

private let patternTable = (0..<64_507).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &* 7) }

@Suite("Socket device", .serialized) struct VsockDeviceTests {
    @Test("The front end is told what the device can do") func questions() throws {
        let bench = try Bench()
        let frontend = bench.frontend
        #expect(try frontend.ask(1) == FrontendHeader.bytes(of: Feature.offered))
        #expect(try frontend.ask(15) == FrontendHeader.bytes(of: Feature.offeredToProtocol))
        try frontend.introduce(features: 0)
        #expect(try frontend.ask(17) == FrontendHeader.bytes(of: UInt64(3)))
        let configuration = try frontend.ask(24, frontend.bytes(UInt32(0), 8, 0) + frontend.bytes(UInt64(0)))
        #expect(configuration == frontend.bytes(UInt32(0), 8, 0) + frontend.bytes(UInt64(3)))
        let part = try frontend.ask(24, frontend.bytes(UInt32(7), 3, 0) + [0, 0, 0])
        #expect(part == frontend.bytes(UInt32(7), 3, 0) + [0, 0, 0])
        #expect(try frontend.agree(3) == 0)
        #expect(try frontend.agree(25, frontend.bytes(UInt32(0), 8, 0) + frontend.bytes(UInt64(9))) == 1)
        try bench.end()
    }

    @Test(
        "Megabytes go there and back under little credit, whatever the driver can do",
        arguments: [
            0, Feature.eventIndex, Feature.indirectDescriptors, Feature.eventIndex | Feature.indirectDescriptors,
        ]
    ) func echo(features: UInt64) throws {
        let bench = try Bench()
        let host = try bench.host(5)
        try host.echo()
        let guest = try TestGuest(bench.frontend, features: features, buffers: 6)
        var stream = GuestStream(guest, port: 1_024, to: 5, bufferBytes: 10_000)
        #expect(try stream.connect())
        let total = 3 << 20
        var (sent, received) = (0, 0)
        var isRight = true
        while received < total {
            let piece = min(total - sent, stream.credit, 1 + sent % 65_536)
            if piece > 0 {
                try stream.write(pattern(piece, from: sent))
                sent += piece
                if sent == total { try stream.say(PacketOperation.shutdown, flags: 2) }
            }
            while let (_, bytes) = try stream.take(waits: piece <= 0) {
                isRight = isRight && bytes == pattern(bytes.count, from: received)
                received += bytes.count
                if piece <= 0 { break }
            }
        }
        #expect(isRight && received == total)
        while stream.hostDone & 2 == 0 { _ = try stream.take() }
        try stream.say(PacketOperation.shutdown, flags: 3)
        while !stream.isReset { _ = try stream.take() }
        try bench.end()
    }

    @Test("A port without a socket, another type and a stray packet are refused") func refusals() throws {
        let bench = try Bench()
        let host = try bench.host(5)
        let guest = try TestGuest(bench.frontend)
        var stream = GuestStream(guest, port: 1_024, to: 6)
        #expect(try !stream.connect())
        #expect(stream.isReset)
        var other = GuestStream(guest, port: 1_025, to: 5).header(PacketOperation.request)
        other.type = 2
        try guest.send(other)
        let refusal = try guest.receive()
        #expect(refusal?.0.operation == PacketOperation.reset && refusal?.0.type == 2)
        try GuestStream(guest, port: 1_026, to: 5).say(PacketOperation.data, [1, 2, 3])
        #expect(try guest.receive()?.0.operation == PacketOperation.reset)
        // Nobody answers a reset, another guest's packet, or one for somebody else.
        try GuestStream(guest, port: 1_027, to: 5).say(PacketOperation.reset)
        for (source, destination) in [(UInt64(4), UInt64(2)), (3, 1), (3, 3)] {
            var stray = GuestStream(guest, port: 1_028, to: 5).header(PacketOperation.request)
            (stray.sourceCID, stray.destinationCID) = (source, destination)
            try guest.send(stray)
        }
        try guest.settle()
        var good = GuestStream(guest, port: 1_029, to: 5)
        #expect(try good.connect())
        withExtendedLifetime(host) {}
        try bench.end()
    }

    @Test("The guest ends sending, and still gets the answer") func guestEnds() throws {
        let bench = try Bench()
        let host = try bench.host(5)
        let guest = try TestGuest(bench.frontend)
        var stream = GuestStream(guest, port: 1_024, to: 5)
        #expect(try stream.connect())
        let peer = try host.accept()
        try stream.write([1, 2, 3])
        try stream.say(PacketOperation.shutdown, flags: 2)
        #expect(try HostPeer.readAll(peer, 3) == [1, 2, 3])
        #expect(try HostPeer.read(peer, 1) == [])
        try [4, 5].withUnsafeBytes { try peer.sendAll(UnsafeRawBufferPointer(rebasing: $0.prefix(1))) }
        #expect(try stream.take()?.1 == [4])
        peer.close()
        #expect(try stream.take()?.0.operation == PacketOperation.shutdown)
        #expect(stream.hostDone & 2 == 2)
        try bench.end()
    }

    @Test("The host ends sending, and still hears the guest") func hostEnds() throws {
        let bench = try Bench()
        let host = try bench.host(5)
        let guest = try TestGuest(bench.frontend)
        var stream = GuestStream(guest, port: 1_024, to: 5)
        #expect(try stream.connect())
        let peer = try host.accept()
        shutdown(peer.number, Int32(SHUT_WR))
        #expect(try stream.take()?.0.flags == 2)
        try stream.write([7])
        #expect(try HostPeer.readAll(peer, 1) == [7])
        peer.close()
        // Told when it is noticed: at the next byte at the latest.
        while stream.hostDone != 3, !stream.isReset {
            try stream.write([8])
            _ = try stream.take()
        }
        try stream.say(PacketOperation.shutdown, flags: 3)
        while !stream.isReset { _ = try stream.take() }
        try bench.end()
    }

    @Test("A guest that wants no more is sent no more, and its peer cannot write") func guestStopsReceiving() throws {
        let bench = try Bench()
        let host = try bench.host(5)
        let guest = try TestGuest(bench.frontend)
        var stream = GuestStream(guest, port: 1_024, to: 5)
        #expect(try stream.connect())
        let peer = try host.accept()
        try stream.say(PacketOperation.shutdown, flags: 1)
        try stream.write([9])
        #expect(try HostPeer.readAll(peer, 1) == [9])
        #expect(throws: SystemError("send", EPIPE)) { try peer.sendAtOnce([1]) }
        peer.close()
        try bench.end()
    }

    @Test("While a socket takes nothing, only what was given credit for waits; one byte more resets") func overrun()
        throws
    {
        var limits = VsockLimits()
        limits.bufferBytes = 100_000
        let bench = try Bench(limits: limits)
        let host = try bench.host(5)
        let guest = try TestGuest(bench.frontend, features: Feature.eventIndex)
        var stream = GuestStream(guest, port: 1_024, to: 5)
        #expect(try stream.connect())
        #expect(stream.hostBuffer == 100_000)
        let peer = try host.accept()
        try fill(&stream)
        #expect(stream.sent &- stream.hostForwarded == 100_000)
        // Others are served meanwhile.
        var other = GuestStream(guest, port: 1_025, to: 5)
        #expect(try other.connect())
        // And what waits goes on when there is room.
        let first = try HostPeer.readAll(peer, Int(stream.sent))
        #expect(first == pattern(first.count))
        try fill(&stream)
        try stream.write([1])
        while !stream.isReset { _ = try stream.take() }
        peer.close()
        try bench.end()
    }

    /// Sends until the socket takes nothing and all credit is used up.
    private func fill(_ stream: inout GuestStream) throws {
        repeat {
            while stream.credit > 0 { try stream.write(pattern(min(stream.credit, 20_000), from: Int(stream.sent))) }
            try stream.guest.settle()
            // More may have been passed on than it has heard of. With the second answer the turn of the first is over.
            for _ in 0..<2 { _ = try stream.guest.frontend.ask(17) }
            while try stream.take(waits: false) != nil {}
            try stream.say(PacketOperation.creditRequest)
            while try stream.take()?.0.operation != PacketOperation.creditUpdate {}
        } while stream.credit > 0
    }

    @Test("A packet that announces more than 64 KiB, or more than it has, is nothing's") func lengths() throws {
        let bench = try Bench()
        let host = try bench.host(5)
        let guest = try TestGuest(bench.frontend)
        var stream = GuestStream(guest, port: 1_024, to: 5)
        #expect(try stream.connect())
        try guest.send(stream.header(PacketOperation.data, length: 4), [1, 2, 3])
        try stream.write([4])
        let peer = try host.accept()
        #expect(try HostPeer.readAll(peer, 1) == [4])
        let long = pattern(65_537)
        try guest.send(stream.header(PacketOperation.data, length: long.count), long)
        #expect(try stream.take()?.0.operation == PacketOperation.reset)
        #expect(try HostPeer.read(peer, 1) == [])
        try bench.end()
    }

    @Test("Many connections are served at a time, and one more than the limit is reset") func many() throws {
        var limits = VsockLimits()
        limits.connections = 300
        let bench = try Bench(limits: limits)
        let host = try bench.host(5)
        try host.echo()
        let guest = try TestGuest(bench.frontend, features: Feature.eventIndex)
        var open: Set<UInt32> = []
        for port in 0..<UInt32(300) {
            var stream = GuestStream(guest, port: port, to: 5)
            #expect(try stream.connect())
            open.insert(port)
        }
        var extra = GuestStream(guest, port: 1_000, to: 5)
        #expect(try !extra.connect())
        for port in open { try GuestStream(guest, port: port, to: 5).say(PacketOperation.data, [UInt8(port % 256)]) }
        while !open.isEmpty {
            guard let (header, bytes) = try guest.receive() else { continue }
            #expect(bytes == [UInt8(header.destinationPort % 256)])
            open.remove(header.destinationPort)
        }
        // Closing one makes room.
        try GuestStream(guest, port: 7, to: 5).say(PacketOperation.shutdown, flags: 3)
        #expect(try guest.receive()?.0.operation == PacketOperation.reset)
        #expect(try extra.connect())
        try bench.end()
    }

    @Test("Connections get less room as more of it is promised, but never none") func promises() throws {
        var limits = VsockLimits()
        (limits.bufferBytes, limits.allBuffersBytes, limits.minimumBufferBytes) = (1_000, 4_000, 100)
        let bench = try Bench(limits: limits)
        let host = try bench.host(5)
        let guest = try TestGuest(bench.frontend)
        var rooms: [UInt32] = []
        for port in 0..<UInt32(30) {
            var stream = GuestStream(guest, port: port, to: 5)
            #expect(try stream.connect())
            rooms.append(stream.hostBuffer)
        }
        #expect(rooms.prefix(3) == [500, 437, 382] && rooms.last == 100)
        withExtendedLifetime(host) {}
        try bench.end()
    }

    @Test("A full backlog is tried again, so often and no more; who is not waited for is reset") func fullBacklog()
        throws
    {
        var limits = VsockLimits()
        (limits.pendingConnections, limits.connectTries, limits.connectPauseMilliseconds) = (2, 3, 1)
        let bench = try Bench(limits: limits)
        let host = try bench.host(5, backlog: 0)
        let guest = try TestGuest(bench.frontend)
        for port in 0..<UInt32(4) { try GuestStream(guest, port: port, to: 5).say(PacketOperation.request) }
        var outcomes: [UInt32: UInt16] = [:]
        while outcomes.count < 4, let (header, _) = try guest.receive() {
            outcomes[header.destinationPort] = header.operation
        }
        #expect(outcomes[0] == PacketOperation.response)
        #expect([1, 2, 3].allSatisfy { outcomes[$0] == PacketOperation.reset })
        _ = try host.accept()
        var next = GuestStream(guest, port: 5, to: 5)
        #expect(try next.connect())
        try bench.end()
    }

    @Test("A guest that offers no buffers is heard until so many resets wait for it, and none is lost") func starved()
        throws
    {
        var limits = VsockLimits()
        limits.pendingResets = 8
        let bench = try Bench(limits: limits)
        let guest = try TestGuest(bench.frontend, features: Feature.eventIndex, buffers: 0)
        for port in 0..<UInt32(14) { try GuestStream(guest, port: port, to: 9).say(PacketOperation.request) }
        // The device's answer to a question shows that it is neither stuck nor gone.
        #expect(try bench.frontend.ask(17).count == 8)
        guest.offerAll(4)
        for port in 0..<UInt32(14) {
            let packet = try guest.receive()
            #expect(packet?.0.operation == PacketOperation.reset && packet?.0.destinationPort == port)
        }
        try bench.end()
    }

    @Test("The rings stop and go on where they stood, with their connections") func pause() throws {
        let bench = try Bench()
        let host = try bench.host(5)
        let guest = try TestGuest(bench.frontend)
        var stream = GuestStream(guest, port: 1_024, to: 5)
        #expect(try stream.connect())
        let peer = try host.accept()
        try guest.settle()
        let frontend = bench.frontend
        #expect(try frontend.ask(11, frontend.bytes(UInt32(0), 0)) == frontend.bytes(UInt32(0), 1))
        #expect(try frontend.ask(11, frontend.bytes(UInt32(1), 0)) == frontend.bytes(UInt32(1), 1))
        try peer.sendAtOnce([1, 2])
        try frontend.shareMemory()
        try guest.startRings()
        #expect(try stream.take()?.1 == [1, 2])
        // A driver that begins anew knows of no connection.
        try frontend.say(10, frontend.bytes(UInt32(1), 0))
        #expect(try HostPeer.read(peer, 1) == [])
        try bench.end()
    }

    @Test("A driver kicks once for many packets, and is interrupted once, if it asked") func suppression() throws {
        let frontend = try TestFrontend()
        let device = VsockDevice(frontend: frontend.deviceSocket, path: "/nowhere/v")
        let guest = try TestGuest(frontend, features: Feature.eventIndex)
        try device.hearFrontend()
        #expect(guest.kickCount == 1)
        let unanswered = GuestStream(guest, port: 1, to: 1)
        for _ in 0..<10 { try unanswered.say(PacketOperation.reset) }
        #expect(guest.kickCount == 2)
        device.exercise()
        #expect(signals(frontend.calls[1]) == 1)
        for _ in 0..<5 { try unanswered.say(PacketOperation.reset) }
        #expect(guest.kickCount == 3)
        device.exercise()
        // It has not asked again.
        #expect(signals(frontend.calls[1]) == 0)
        shutdown(frontend.socket.number, Int32(SHUT_RDWR))
        device.run()
    }

    private func signals(_ counter: FileDescriptor) -> UInt64 {
        var count: UInt64 = 0
        return read(counter.number, &count, 8) == 8 ? count : 0
    }

    @Test("The end of the front end is the device's, and that of its connections") func hangUp() throws {
        let bench = try Bench()
        let host = try bench.host(5)
        let guest = try TestGuest(bench.frontend)
        var stream = GuestStream(guest, port: 1_024, to: 5)
        #expect(try stream.connect())
        let peer = try host.accept()
        try bench.end()
        #expect(try HostPeer.read(peer, 1) == [])
    }

    @Test("A descriptor that is no event's is refused, and the device ends") func foreignDescriptors() throws {
        for request in [UInt32(12), 13] {
            let bench = try Bench()
            try bench.frontend.introduce(features: 0)
            try bench.frontend.say(request, bench.frontend.bytes(UInt64(0)), [bench.frontend.file])
            try bench.awaitEnd()
        }
    }

    @Test("Memory that its file does not have is refused, and the device ends") func shortFile() throws {
        let start = UInt64(TestFrontend.memoryBytes)
        for (size, offset) in [(start + 1, UInt64(0)), (1, start), (.max, 0), (1 << 41, 0), (1, .max), (0, 0)] {
            let bench = try Bench()
            let frontend = bench.frontend
            try frontend.say(
                5,
                frontend.bytes(UInt32(1), 0) + frontend.bytes(0x1000, size, 0x1000, offset),
                [frontend.file]
            )
            try bench.awaitEnd()
        }
    }
}
