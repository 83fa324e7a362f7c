// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

@testable import SandboxMicroVM

/// The guest's side is played by the tests, well and badly.
@Suite("The way to a guest") struct GuestLineTests {
    @Test("a message comes with the stream that it announces") func stream() async throws {
        try await withGuest { line, guest async throws in
            let stream = try guest.dial(7)
            guest.say(answer(1, contents: [0, 5, 0, 0]), descriptors: [(1, 7), (2, 9_001), (0, 0)])
            let message = try #require(line.receive())
            #expect(message.kind == .answer && message.request == 1 && message.descriptors.count == 1)
            _ = Socket.write(Array("out".utf8), to: stream)
            stream.close()
            #expect(await message.descriptors[0].readToEnd() == "out")
        }
    }

    @Test("streams are told apart by their numbers, whatever order they come in") func order() async throws {
        try await withGuest { line, guest async throws in
            let streams = try [3, 2, 1].map { (number: UInt32) in try guest.dial(number) }
            for number in [UInt32(1), 2, 3] { guest.say(answer(number, contents: [0]), descriptors: [(1, number)]) }
            for (index, stream) in streams.enumerated() {
                _ = Socket.write(Array("\(3 - index)".utf8), to: stream)
                stream.close()
            }
            for number in 1...3 {
                let message = try #require(line.receive())
                #expect(await message.descriptors.first?.readToEnd() == "\(number)")
            }
        }
    }

    @Test("who connects and says nothing, or not enough, is passed over") func silentConnections() async throws {
        try await withGuest { line, guest async throws in
            let silent = try (0..<3).map { _ in try guest.dial(saying: []) }
            let halting = try guest.dial(saying: [7, 0])
            try guest.dial(saying: [1]).close()
            let stream = try guest.dial(7)
            guest.say(answer(1, contents: [0]), descriptors: [(1, 7)])
            let message = try #require(line.receive())
            _ = Socket.write(Array("out".utf8), to: stream)
            stream.close()
            #expect(await message.descriptors.first?.readToEnd() == "out")
            #expect(!line.hasEnded)
            // It may still say what it wants.
            try #require(Socket.write([0, 0], to: halting))
            guest.say(answer(2, contents: [0]), descriptors: [(1, 7)])
            #expect(try #require(line.receive()).descriptors.count == 1)
            (silent + [halting]).closeAll()
        }
    }

    @Test("of many that say nothing the oldest are closed, and a stream still comes through") func manySilent()
        async throws
    {
        try await withGuest(.init(messageSeconds: 5, streams: 4)) { line, guest async throws in
            let silent = try (0..<40).map { _ in try guest.dial(saying: []) }
            _ = try guest.dial(9)
            guest.say(answer(1, contents: [0]), descriptors: [(1, 9)])
            #expect(try #require(line.receive()).descriptors.count == 1)
            let closed = silent.filter { Socket.waits($0, for: Socket.peerHasEnded, seconds: 0) }
            #expect(closed == Array(silent.prefix(closed.count)) && closed.count >= 36)
            silent.closeAll()
        }
    }

    @Test("streams without end that nobody announces end the conversation") func manyNumbers() async throws {
        try await withGuest(.init(messageSeconds: 5, streams: 4)) { line, guest async throws in
            let streams = try (1...8).map { try guest.dial($0) }
            guest.say(answer(1, contents: [0]), descriptors: [(1, 99)])
            #expect(line.receive() == nil)
            #expect(line.hasEnded)
            streams.closeAll()
        }
    }

    @Test("an exit is told when the output has come to its end") func exitAfterOutput() async throws {
        try await withGuest { line, guest async throws in
            let stream = try guest.dial(1)
            // Status, handle 9, no peak file.
            guest.say(answer(1, contents: [0, 9, 0, 0]), descriptors: [(1, 1)])
            let output = try #require(line.receive()?.descriptors.first)
            guest.say(exitNotice(handle: 9))
            async let told = output.offThread { _ in line.receive()?.kind == .exit }
            _ = Socket.write(Array("the last words".utf8), to: stream)
            stream.close()
            #expect(await told)
            #expect(await output.readToEnd() == "the last words")
        }
    }

    @Test("what is too long, announces too much or breaks off ends the conversation", arguments: Hostile.all)
    func hostile(case hostile: Hostile) async throws {
        try await withGuest { line, guest async throws in
            guest.write(hostile.bytes)
            if hostile.endsThere { Socket.shutDown(guest.control) }
            #expect(line.receive() == nil)
            #expect(line.hasEnded)
        }
    }

    @Test("noise of any kind never traps, and comes to an end", arguments: 0..<40)
    func noise(seed: UInt64) async throws {
        try await withGuest { line, guest async throws in
            var random = Xorshift(state: seed &* 0x9e37_79b9_7f4a_7c15 | 1)
            for _ in 0..<20 {
                let length = Int(random.next() % 40)
                var body = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                if random.next() % 4 == 0 { body = [] }
                let kind = [0x100, 0x101, 0x102, UInt32(truncatingIfNeeded: random.next())][Int(random.next() % 4)]
                guest.say(header(kind, UInt32(random.next() % 3), UInt32(body.count), 0) + body)
            }
            Socket.shutDown(guest.control)
            while let message = line.receive() { message.descriptors.closeAll() }
            #expect(line.hasEnded)
        }
    }

    @Test("a request that is not answered in time ends the conversation") func silence() async throws {
        let limits = GuestLine.Limits(messageSeconds: 1, answerSeconds: -1, lookUpSeconds: 0)
        try await withGuest(limits) { line, guest async throws in
            try line.send(.usage, request: 4, body: [])
            #expect(Socket.read(16, from: guest.control, seconds: 5)?.first == UInt8(JailerOperation.usage.number))
            #expect(line.receive() == nil)
        }
    }

    @Test("nothing can be sent once it is over") func afterwards() async throws {
        try await withGuest { line, _ async throws in
            line.hangUp()
            #expect(line.receive() == nil)
            line.dispose()
            line.dispose()
            line.hangUp()
            #expect(throws: SystemError.self) { try line.send(.usage, request: 1, body: []) }
        }
    }
}

struct Hostile: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var bytes: [UInt8]
    var endsThere = true

    static let all = [
        Hostile(testDescription: "a body of 4 GiB", bytes: header(0x100, 1, .max, 0), endsThere: false),
        Hostile(testDescription: "half a header", bytes: Array(header(0x100, 1, 0, 0).prefix(9))),
        Hostile(testDescription: "half a body", bytes: header(0x100, 1, 8, 0) + [1, 2]),
        Hostile(testDescription: "descriptors without end", bytes: header(0x100, 1, 0, .max), endsThere: false),
        Hostile(testDescription: "descriptors that do not come", bytes: header(0x100, 1, 0, 2) + [1]),
        Hostile(
            testDescription: "a stream that does not come",
            bytes: header(0x100, 1, 0, 1) + number(1) + number(77),
            endsThere: false
        ),
    ]
}

/// The other end of a line.
private struct Guest {
    let control: FileDescriptor
    let streamPort: UInt16

    func write(_ bytes: [UInt8]) { _ = Socket.write(bytes, to: control) }

    func say(_ message: [UInt8], descriptors: [(UInt32, UInt32)] = []) {
        var bytes = message
        bytes.replaceSubrange(12..<16, with: number(UInt32(descriptors.count)))
        write(bytes + descriptors.flatMap { number($0) + number($1) })
    }

    func dial(_ number: UInt32) throws -> FileDescriptor { try dial(saying: SandboxTests.number(number)) }

    func dial(saying bytes: [UInt8]) throws -> FileDescriptor {
        let socket = try FileDescriptor.tcpSocket()
        try socket.beginConnecting(toLoopback: streamPort)
        try #require(Socket.waits(socket, for: POLLOUT, seconds: 5))
        try #require(Socket.write(bytes, to: socket))
        return socket
    }
}

private func withGuest(
    _ limits: GuestLine.Limits = .init(messageSeconds: 1),
    _ body: (GuestLine, Guest) async throws -> Void
) async throws {
    var pair: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
    let listener = try FileDescriptor.listeningOnLoopback()
    let guest = Guest(control: FileDescriptor(pair[1]), streamPort: try listener.localPort())
    let line = GuestLine(control: FileDescriptor(pair[0]), streams: listener, limits: limits)
    defer {
        line.dispose()
        guest.control.close()
    }
    try await body(line, guest)
}

private func number(_ number: UInt32) -> [UInt8] { withUnsafeBytes(of: number) { Array($0) } }

private func header(_ kind: UInt32, _ request: UInt32, _ length: UInt32, _ descriptors: UInt32) -> [UInt8] {
    number(kind) + number(request) + number(length) + number(descriptors)
}

private func answer(_ request: UInt32, contents: [UInt32]) -> [UInt8] {
    header(0x100, request, UInt32(contents.count * 4), 0) + contents.flatMap(number)
}

private func exitNotice(handle: UInt32) -> [UInt8] {
    let contents: [UInt32] = [handle, 0, 0, 0, 0, 0, 0, 0, 0]
    return header(0x101, 0, UInt32(contents.count * 4), 0) + contents.flatMap(number)
}

private struct Xorshift {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
