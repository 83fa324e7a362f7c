// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import MartletCore
import MartletTesting
import NIOCore
import NIOPosix
import Testing

@testable import Lambda

@Suite("Telemetry on the wire", .timeLimit(.minutes(20))) struct TelemetryDeliveryTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()

    /// A listener that gives this answer to its first connection; returns what it has read.
    private func sink(answering answer: String) throws -> (port: UInt16, received: EventLoopFuture<String>) {
        let listener = try LinuxSystem.FileDescriptor.listeningOnLoopback()
        let port = try listener.localPort()
        let received = loop.makePromise(of: String.self)
        _ = try ServerBootstrap(group: loop).childChannelInitializer { child in
            child.eventLoop.makeCompletedFuture {
                try child.pipeline.syncOperations.addHandler(Sink(answer, received))
            }
        }.withBoundSocket(listener.number).wait()
        return (port, received.futureResult)
    }

    private func post(_ destination: TelemetrySubscription.Destination) async throws -> Bool {
        let socket = try LinuxSystem.FileDescriptor.tcpSocket()
        do {
            try socket.beginConnecting(toLoopback: destination.port)
        } catch {
            socket.close()
            return false
        }
        // Other tests want the processors, too.
        let post = TelemetryPost(destination: destination, eventLoop: loop, patience: .seconds(60))
        return await post.send(["1", "2"], over: socket)
    }

    @Test("a batch is a JSON array in a POST, and has arrived when the status says so")
    func http() async throws {
        let (port, received) = try sink(answering: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(try await post(.http(port: port, path: "/x", method: "POST")))
        let text = try await received.get()
        #expect(text.hasPrefix("POST /x HTTP/1.1\r\nHost: sandbox.localdomain:\(port)\r\n"))
        #expect(text.hasSuffix("\r\n\r\n[1,2]"))
    }

    @Test("over TCP it is a document a line")
    func tcp() async throws {
        let (port, received) = try sink(answering: "")
        #expect(try await post(.tcp(port: port)))
        #expect(try await received.get() == "1\n2\n")
    }

    @Test(
        "an answer that is no success, no HTTP or none at all is a failure",
        arguments: [
            "HTTP/1.1 500 No\r\n\r\n", "SSH-2.0-x\r\n\r\n----------", "HTTP/1.1 2", "close",
            String(repeating: "x", count: 200_000),
        ]
    )
    func failures(answer: String) async throws {
        let (port, _) = try sink(answering: answer)
        #expect(try await !post(.http(port: port, path: "/", method: "POST")))
    }

    @Test("where nobody listens nothing arrives")
    func nobody() async throws {
        let listener = try LinuxSystem.FileDescriptor.listeningOnLoopback()
        let port = try listener.localPort()
        listener.close()
        #expect(try await !post(.http(port: port, path: "/", method: "POST")))
    }
}

/// Reads until the end of what one post is, answers, and closes.
private final class Sink: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: String
    private let received: EventLoopPromise<String>
    private var text = ""

    init(_ answer: String, _ received: EventLoopPromise<String>) {
        self.answer = answer
        self.received = received
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: unwrapInboundIn(data))
        guard text.hasSuffix("[1,2]") || text.hasSuffix("2\n") else { return }
        received.succeed(text)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer == "close" ? "" : answer)), promise: nil)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { received.succeed(text) }
}
