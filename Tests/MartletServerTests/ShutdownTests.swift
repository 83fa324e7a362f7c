// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Glibc
import HTTPTypes
import MartletCore
import MartletServer
import MartletTesting
import NIOCore
import Testing

@Suite("Shutting down, and sockets of others") struct ShutdownTests {
    @Test("a request under way is finished, and no new one is taken")
    func drains() async throws {
        try await TestServer.run(providers: ledgers, over: .live) { server in
            let endpoint = try #require(server.endpoint)
            let idle = try await RawConnection(to: endpoint)
            try await idle.send("GET /_martlet/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            _ = try await idle.receive()
            async let answer = server.client(Ledger.rest.model).call(Ledger.wait, .init("drain"))
            await Gate.shared.untilArrived("drain")

            server.server?.shutDown()
            #expect(try await idle.receiveAll().isEmpty)
            await #expect(throws: MartletError.self) {
                let late = try await RawConnection(to: endpoint)
                try await late.send("GET /_martlet/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                guard try await late.receive().isEmpty == false else { throw MartletError("test.closed", "closed") }
            }
            await Gate.shared.open("drain")
            #expect(try await answer.text == "drain")
        }
    }

    @Test("what outlasts the drain limit is cut")
    func cuts() async throws {
        var limits = HTTPLimits()
        limits.drain = .milliseconds(50)
        try await TestServer.run(providers: ledgers, over: .live, limits: limits) { server in
            let answer = Task { try await server.client(Ledger.rest.model).call(Ledger.wait, .init("cut")) }
            await Gate.shared.untilArrived("cut")
            server.server?.shutDown()
            await #expect(throws: MartletError.self) { try await answer.value }
            await Gate.shared.open("cut")
        }
    }

    private static func client(of server: TestServer, at endpoint: Endpoint, as who: TestCredentials?) -> TestClient {
        TestClient(
            Ledger.rest.model,
            speaking: nil,
            as: who,
            region: "us-east-1",
            over: SocketTransport(endpoint),
            clock: server.clock
        )
    }

    @Test("inside a sandbox open mode takes no made-up key, no unsigned call, and resets nothing")
    func sandboxIsNotOpen() async throws {
        try await TestServer.run(providers: ledgers, over: .live) { server in
            let (descriptor, port) = try Self.listeningSocket()
            let served = try await #require(server.server).serve(listener: descriptor, as: "sandbox")
            let endpoint = Endpoint(host: "127.0.0.1", port: port)
            for who in [TestCredentials.account("444455556666"), nil] {
                let client = Self.client(of: server, at: endpoint, as: who)
                await #expect(throws: ClientError.self) { try await client.call(Ledger.put, .init("inside")) }
            }
            let connection = try await RawConnection(to: endpoint)
            try await connection.send(
                "POST /_martlet/state/reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            #expect(try await connection.receiveText().hasPrefix("HTTP/1.1 403"))
            served.stop()
        }
    }

    @Test("a sandbox cannot take more than its share of connections")
    func sandboxConnections() async throws {
        var limits = HTTPLimits()
        limits.sandboxConnections = 2
        try await TestServer.run(providers: ledgers, over: .live, limits: limits) { server in
            let (descriptor, port) = try Self.listeningSocket()
            let served = try await #require(server.server).serve(listener: descriptor, as: "sandbox")
            let endpoint = Endpoint(host: "127.0.0.1", port: port)
            var held: [RawConnection] = []
            for _ in 0..<2 {
                let connection = try await RawConnection(to: endpoint)
                try await connection.send("GET /_martlet/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try await !connection.receive().isEmpty)
                held.append(connection)
            }
            #expect(try await RawConnection(to: endpoint).receiveAll().isEmpty)
            // Those outside are not its share.
            #expect(try await server.client(Ledger.rest.model).call(Ledger.put, .init("outside")).text == "outside")
            served.stop()
        }
    }

    @Test("a listening socket that somebody else made is served, until it is stopped")
    func adopts() async throws {
        try await TestServer.run(providers: ledgers, over: .live) { server in
            let (descriptor, port) = try Self.listeningSocket()
            let served = try await #require(server.server).serve(listener: descriptor, as: "sandbox")
            let endpoint = Endpoint(host: "127.0.0.1", port: port)
            let client = Self.client(of: server, at: endpoint, as: Keys.root)
            let answer = try await client.call(Ledger.put, .init("inside"))
            #expect(answer.account == Keys.account.text)
            #expect(answer.endpoint == endpoint.description)

            served.stop()
            await #expect(throws: MartletError.self) {
                for _ in 0..<100 { _ = try await client.call(Ledger.put, .init("inside")) }
            }
            #expect(try await server.client(Ledger.rest.model).call(Ledger.put, .init("outside")).text == "outside")
        }
    }

    @Test(
        "in open mode an address that others can reach is refused, with the flag that helps",
        arguments: ["0.0.0.0", "::"]
    )
    func refusesPublicAddress(host: String) async throws {
        try await TestServer.run(providers: ledgers) { server in
            let public_ = MartletServer(
                ServerConfiguration(host: host, port: 0),
                auth: .open,
                chain: server.chain,
                logger: server.ground.logger
            )
            let error = await #expect(throws: MartletError.self) { try await public_.run() }
            #expect(error?.code == "server.address")
            #expect(error?.message.contains("--auth") == true)
        }
    }

    @Test("a port that is taken is named")
    func namesTakenPort() async throws {
        try await TestServer.run(providers: ledgers, over: .live) { server in
            let port = try #require(server.endpoint).port
            let second = MartletServer(
                ServerConfiguration(port: port),
                auth: .open,
                chain: server.chain,
                logger: server.ground.logger
            )
            let error = await #expect(throws: MartletError.self) { try await second.run() }
            #expect(error?.message.contains("127.0.0.1:\(port)") == true)
        }
    }

    private static func listeningSocket() throws -> (Int32, Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw -> Int32 in
                guard bind(descriptor, raw, length) == 0, listen(descriptor, 16) == 0 else { return -1 }
                return getsockname(descriptor, raw, &length)
            }
        }
        try #require(port == 0)
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }
}
