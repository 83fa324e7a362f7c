// SPDX-License-Identifier: Apache-2.0
import Logging
import NIOCore
import NIOPosix
import Storage
import Testing

@testable import SNS

/// Answers each connection with the same bytes, whatever it says.
private final class RawServer: Sendable {
    let channel: any Channel
    let connections = Recorder<String>()
    var port: Int { channel.localAddress?.port ?? 0 }

    init(answer: [String]) async throws {
        let connections = connections
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { child in
                child.pipeline.addHandler(Answerer(answer: answer, requests: connections))
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    private final class Answerer: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        let answer: [String]
        let requests: Recorder<String>

        init(answer: [String], requests: Recorder<String>) {
            self.answer = answer
            self.requests = requests
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if requests.add(String(buffer: unwrapInboundIn(data))) > 1 { return }
            for part in answer { context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: part)), promise: nil) }
        }
    }
}

@Suite("The client that posts notifications", .timeLimit(.minutes(20))) struct WebClientTests {
    private func post(
        to answer: [String],
        _ policy: AddressPolicy = .withLoopback,
        host: String = "localhost",
        timeoutMilliseconds: Int64 = 5_000
    ) async throws -> (Result<Int, any Error>, [String]) {
        let server = try await RawServer(answer: answer)
        let client = WebClient(
            policy: policy,
            timeoutMilliseconds: timeoutMilliseconds,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let result: Result<Int, any Error>
        do {
            let post = WebPost(url: "http://\(host):\(server.port)/p?q=1", headers: ["x-a": "b"], body: "hello")
            result = .success(try await client.post(post))
        } catch {
            result = .failure(error)
        }
        await client.close()
        try await server.channel.close()
        return (result, server.connections.items)
    }

    @Test("sends the request to the host's address under the host's name")
    func request() async throws {
        let (result, requests) = try await post(to: ["HTTP/1.1 204 No Content\r\n\r\n"])
        #expect(try result.get() == 204)
        let request = requests.joined()
        #expect(request.hasPrefix("POST /p?q=1 HTTP/1.1\r\n"))
        #expect(request.lowercased().contains("host: localhost:"))
        #expect(request.hasSuffix("hello"))
    }

    @Test("follows no redirect")
    func redirect() async throws {
        let answer = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        #expect(try await post(to: [answer]).0.get() == 302)
    }

    @Test("gives up on a server that does not answer, or not to the end", arguments: [[], ["HTTP/1.1 2"]])
    func hanging(answer: [String]) async throws {
        let failure = await #expect(throws: WebFailure.self) {
            try await post(to: answer, timeoutMilliseconds: 200).0.get()
        }
        #expect(failure?.isFinal == false)
    }

    @Test("reads no more of an answer than a bound")
    func hugeAnswer() async throws {
        let start = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"
        let (result, _) = try await post(to: [start, String(repeating: "x", count: 200_000)])
        #expect(try result.get() == 200)
    }

    @Test(
        "takes rubbish for a failure",
        arguments: ["rubbish\r\n\r\n", "HTTP/1.1 x X\r\n\r\n"]
    )
    func rubbish(answer: String) async throws {
        await #expect(throws: WebFailure.self) {
            try await post(to: [answer], timeoutMilliseconds: 500).0.get()
        }
    }

    @Test("does not send a byte to an address that the policy forbids", arguments: ["localhost", "127.0.0.1"])
    func forbidden(host: String) async throws {
        let (result, requests) = try await post(to: [], .withoutLoopback, host: host)
        let failure = #expect(throws: WebFailure.self) { try result.get() }
        #expect(failure?.isFinal == true)
        #expect(requests.isEmpty)
    }

    @Test("takes a host that is not there for a failure")
    func unknownHost() async throws {
        let failure = await #expect(throws: WebFailure.self) {
            try await post(to: [], host: "no-such-host.invalid").0.get()
        }
        #expect(failure?.isFinal == false)
    }
}
