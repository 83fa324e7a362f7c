// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Sandbox
import Testing

@testable import Egress

/// The host's side of a way out, at whose sockets sits somebody who means it no good. What the sockets of a real sandbox do
/// besides is with the sandboxes' tests.
@Suite(
    "A way out and those who abuse it",
    .timeLimit(.minutes(20)),
    .enabled(if: geteuid() == 0, "name servers have port 53")
)
struct EgressAbuseTests {
    @Test("ten thousand connections that are opened and dropped take nothing with them") func dropped() async throws {
        try await WayOut.run(connections: 24) { way in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for caller in 0..<8 { tasks.addTask { try await openAndDrop(1_250, seed: caller, at: way.names) } }
                try await tasks.waitForAll()
            }
            try await way.expectRoom(for: 24)
        }
    }

    @Sendable private func openAndDrop(_ count: Int, seed: Int, at port: Int) async throws {
        var rubbish = Rubbish(seed: UInt64(seed), like: "\u{0}\u{1d}\u{1}\u{1}\u{0}\u{0}example\u{3}com\u{0}")
        for number in 0..<count {
            let connection = try await RawConnection(to: Endpoint(host: "127.0.0.1", port: port))
            do {
                if number % 3 > 0 { try await connection.send(rubbish.request()) }
                if number % 21 == 7 { _ = try await connection.receive() }
            } catch let error as MartletError where error.code == "test.reset" {
                continue  // it was one too many
            }
            if number % 2 == 0 { connection.endsWithReset() }
        }
    }

    @Test("of more than may be the surplus is closed, and the others go on") func surplus() async throws {
        try await WayOut.run(connections: 8) { way in
            var held = try await way.echoing(8)
            for _ in 0..<20 {
                let one = try await RawConnection(to: Endpoint(host: "127.0.0.1", port: way.names))
                #expect(try await one.receiveAll().isEmpty)
            }
            #expect(way.upstream.accepted == 8)
            for connection in held { #expect(try await connection.echoes("still")) }
            held.removeLast(3)
            try await way.expectRoom(for: 3)
            #expect(way.upstream.accepted >= 11)
        }
    }

    @Test("what arrives without a record of where it was going is reset, whatever it says") func noDestination()
        async throws
    {
        try await WayOut.run(connections: 8) { way in
            var rubbish = Rubbish(seed: 7, like: "GET / HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n")
            for _ in 0..<500 {
                let connection = try await RawConnection(to: Endpoint(host: "127.0.0.1", port: way.connections))
                do {
                    try await connection.send(rubbish.request())
                    #expect(try await connection.receiveAll().isEmpty)
                } catch let error as MartletError where error.code == "test.reset" {
                    continue
                }
            }
            #expect(way.upstream.accepted == 0)
            try await way.expectRoom(for: 8)
        }
    }

    @Test("who does not read holds up the writer, and everything comes when he does") func slowReader() async throws {
        try await WayOut.run(connections: 2) { way in
            let total = 48 << 20
            way.upstream.floodsWith = total
            let slow = try await RawConnection(to: Endpoint(host: "127.0.0.1", port: way.names))
            try await slow.send("flood")
            // Another one passes meanwhile: nothing waits for the slow one.
            let quick = try await RawConnection(to: Endpoint(host: "127.0.0.1", port: way.names))
            #expect(try await quick.echoes("quick"))
            #expect(way.upstream.flooded < total, "all of it was taken, and lies in memory")
            var read = 0
            while read < total {
                let piece = try await slow.receive()
                try #require(!piece.isEmpty)
                read += piece.count
            }
            #expect(read == total)
        }
    }

    @Test("lookups that nobody answers are so many at most, and their places are given again") func lookups()
        async throws
    {
        try await WayOut.run(connections: 2, lookups: 6) { way in
            let asker = try Asker(port: way.lookups)
            var rubbish = Rubbish(seed: 99, like: String(repeating: "lookup", count: 40))
            for _ in 0..<4_000 { asker.ask(rubbish.request()) }
            for size in [0, 1, 4_097, 60_000] { asker.ask([UInt8](repeating: 0xff, count: size)) }
            while way.upstream.questions < 6 {
                asker.ask([1])
                try await Task.sleep(for: .milliseconds(5))
            }
            let connection = try await RawConnection(to: Endpoint(host: "127.0.0.1", port: way.names))
            #expect(try await connection.echoes("a stream beside them"))
            #expect(way.upstream.questions == 6)
            way.upstream.answerAll(with: "garbage that no resolver would send")
            way.upstream.answers = true
            while try await !asker.hears("an answer") {
                asker.ask(Array("an answer".utf8))
            }
            asker.close()
        }
    }
}

/// The front of one sandbox, whose sockets lie on this host's loopback.
private struct WayOut: Sendable {
    let connections: Int
    let names: Int
    let lookups: Int
    let upstream: Upstream

    static func run(
        connections: Int,
        lookups: Int = 64,
        _ body: @Sendable (WayOut) async throws -> Void
    ) async throws {
        let upstream = try await Upstream()
        let file = "/tmp/martlet-egress-\(getpid())-\(upstream.address)"
        let stream = try #require(fopen(file, "w"))
        fputs("nameserver \(upstream.address)\n", stream)
        fclose(stream)
        defer { unlink(file) }
        var limits = EgressLimits()
        (limits.connections, limits.lookups) = (connections, lookups)
        // Nothing here ends by time.
        (limits.connectTimeout, limits.lookupTimeout) = (.seconds(120), .seconds(120))
        let front = EgressFront(
            policy: EgressPolicy(),
            limits: limits,
            clock: MemoryClock(),
            group: MultiThreadedEventLoopGroup.singleton,
            resolverFile: file
        )
        let sockets = SandboxEgress(
            connections: try .listeningOnLoopback(),
            nameStreams: try .listeningOnLoopback(),
            names: try datagramSocket()
        )
        let way = WayOut(
            connections: Int(try sockets.connections.localPort()),
            names: Int(try sockets.nameStreams.localPort()),
            lookups: Int(try sockets.names.localPort()),
            upstream: upstream
        )
        let stop = try await front.serve(sockets)
        let result: Result<Void, any Error>
        do { result = .success(try await body(way)) } catch { result = .failure(error) }
        stop()
        await upstream.close()
        try result.get()
    }

    /// Connections that have been carried there and back.
    func echoing(_ count: Int) async throws -> [RawConnection] {
        var all: [RawConnection] = []
        for number in 0..<count {
            let connection = try await RawConnection(to: Endpoint(host: "127.0.0.1", port: names))
            try #require(try await connection.echoes("number \(number)"))
            all.append(connection)
        }
        return all
    }

    /// The last that were closed may still be going.
    func expectRoom(for count: Int) async throws {
        while true {
            var all: [RawConnection] = []
            while all.count < count {
                let connection = try await RawConnection(to: Endpoint(host: "127.0.0.1", port: names))
                guard try await connection.echoes("room") else { break }
                all.append(connection)
            }
            if all.count == count { return }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

extension RawConnection {
    /// False when it was closed instead.
    fileprivate func echoes(_ text: String) async throws -> Bool {
        do {
            try await send(text)
            var heard = ""
            while heard.utf8.count < text.utf8.count {
                let piece = try await receive()
                if piece.isEmpty { return false }
                heard += String(decoding: piece, as: UTF8.self)
            }
            return heard == text
        } catch let error as MartletError where error.code == "test.reset" {
            return false
        }
    }
}

private func datagramSocket() throws -> LinuxSystem.FileDescriptor {
    let number = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    try #require(number >= 0)
    var address = loopback(port: 0)
    let bound = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    try #require(bound == 0)
    return LinuxSystem.FileDescriptor(number)
}

private func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
}

/// Who looks names up in the sandbox.
private struct Asker {
    let socket: LinuxSystem.FileDescriptor
    let port: Int

    init(port: Int) throws { (socket, self.port) = (try datagramSocket(), port) }

    /// What finds no room in the kernel is lost, as datagrams are.
    func ask(_ bytes: [UInt8]) {
        var address = loopback(port: port)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(socket.number, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// Whether that is among what has come by now, or comes at once.
    func hears(_ text: String) async throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        for _ in 0..<10 {
            while true {
                let count = recv(socket.number, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                guard count >= 0 else { break }
                if String(decoding: buffer[..<count], as: UTF8.self) == text { return true }
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    func close() { socket.close() }
}

/// The host's name server: streams it echoes, or floods, and of lookups it keeps who has asked.
private final class Upstream: Sendable {
    private struct State {
        var accepted = 0
        var questions: [AddressedEnvelope<ByteBuffer>] = []
        var answers = false
        var floodsWith = 0
        var flooded = 0
    }

    let address: String
    private let state: NIOLockedValueBox<State>
    private let streams: any Channel
    private let lookups: any Channel

    init() async throws {
        let state = NIOLockedValueBox(State())
        let group = MultiThreadedEventLoopGroup.singleton
        // Any of 127.0.0.0/8 is this host's.
        let address = "127.\(Int.random(in: 64..<250)).\(Int.random(in: 1..<250)).\(Int.random(in: 1..<250))"
        streams = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                state.withLockedValue { $0.accepted += 1 }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Stream(state))
                }
            }
            .bind(host: address, port: 53).get()
        lookups = try await DatagramBootstrap(group: group)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Lookups(state)) }
            }
            .bind(host: address, port: 53).get()
        (self.address, self.state) = (address, state)
    }

    func close() async {
        try? await streams.close()
        try? await lookups.close()
    }

    var accepted: Int { state.withLockedValue { $0.accepted } }
    var questions: Int { state.withLockedValue { $0.questions.count } }
    var flooded: Int { state.withLockedValue { $0.flooded } }
    var floodsWith: Int {
        get { state.withLockedValue { $0.floodsWith } }
        set { state.withLockedValue { $0.floodsWith = newValue } }
    }
    var answers: Bool {
        get { state.withLockedValue { $0.answers } }
        set { state.withLockedValue { $0.answers = newValue } }
    }

    func answerAll(with text: String) {
        for question in state.withLockedValue({ $0.questions }) {
            let answer = AddressedEnvelope(remoteAddress: question.remoteAddress, data: ByteBuffer(string: text))
            lookups.writeAndFlush(answer, promise: nil)
        }
    }

    private final class Stream: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let state: NIOLockedValueBox<State>
        private var left = 0

        init(_ state: NIOLockedValueBox<State>) { self.state = state }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            guard String(buffer: bytes) == "flood" else {
                return context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
            }
            left = state.withLockedValue { $0.floodsWith }
            flood(context)
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) { flood(context) }

        /// As much as the other end takes.
        private func flood(_ context: ChannelHandlerContext) {
            while left > 0, context.channel.isWritable {
                let piece = min(left, 65_536)
                left -= piece
                state.withLockedValue { $0.flooded += piece }
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(repeating: 0x78, count: piece)), promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private final class Lookups: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>
        private let state: NIOLockedValueBox<State>

        init(_ state: NIOLockedValueBox<State>) { self.state = state }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let question = unwrapInboundIn(data)
            let answers = state.withLockedValue { state in
                state.questions.append(question)
                return state.answers
            }
            if answers { context.writeAndFlush(wrapOutboundOut(question), promise: nil) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }
}
