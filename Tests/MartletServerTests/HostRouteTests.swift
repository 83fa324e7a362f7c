// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import MartletServer
import MartletTesting
import NIOCore
import Testing

/// Answers for `{name}.pages.localhost` with what it was given.
private struct Pages: HostRouted {
    let signingNames = ["pages"]
    let bodyLimit = 1_000

    func serves(host: String) -> Bool { host.hasSuffix(".pages.localhost") }

    func answer(_ request: HostRequest) async throws -> WireResponse {
        if request.request.path == "/fail" { throw CommonError("Forbidden", "No.", status: 403) }
        if request.request.path == "/stream" { return Self.stream() }
        let text = "\(request.host) \(request.principal.arn) \(String(buffer: request.body))"
        return WireResponse(status: 202, headers: [.contentType: "text/plain"], body: .buffer(ByteBuffer(string: text)))
    }
}

extension Pages {
    /// Three pieces whose number nobody knows before.
    private static func stream() -> WireResponse {
        let pieces = AsyncThrowingStream<ByteBuffer, any Error> { stream in
            for piece in ["one ", "two ", "three"] { stream.yield(ByteBuffer(string: piece)) }
            stream.finish()
        }
        return WireResponse(status: 200, body: .sequence(pieces, length: nil))
    }
}

@Suite("Host names of a service's own") struct HostRouteTests {
    @Sendable private func pages(_ ground: TestGround) -> TestAssembly {
        var assembly = ledgers(ground)
        assembly.hostRoutes = [Pages()]
        return assembly
    }

    @Test("a request without a signature is anonymous there, in every mode", arguments: AuthMode.allCases)
    func anonymous(mode: AuthMode) async throws {
        try await TestServer.run(providers: pages, auth: mode) { server in
            let request = SignableRequest(method: "POST", path: "/x", authority: "a.pages.localhost:4566")
            let response = try await server.send(request, body: "hello")
            #expect(response.status == 202)
            #expect(response.text == "a.pages.localhost arn:aws:iam::000000000000:anonymous hello")
        }
    }

    @Test("a signature there is verified, and must be scoped to it")
    func signed() async throws {
        try await TestServer.run(providers: pages, auth: .signed) { server in
            var request = SignableRequest(method: "POST", path: "/x", authority: "a.pages.localhost")
            server.sign(&request, "hello", as: Keys.root, service: "pages")
            let good = try await server.send(request, body: "hello")
            #expect(good.text.contains("arn:aws:iam::111122223333:root"))
            let changed = try await server.send(request, body: "jello")
            #expect(changed.errorCode == "InvalidSignatureException")
            server.sign(&request, "hello", as: Keys.root, service: "rest")
            let elsewhere = try await server.send(request, body: "hello")
            #expect(elsewhere.errorCode == "InvalidSignatureException")
        }
    }

    @Test("an answer in pieces comes in chunks, HEAD gets none of them, and the connection goes on")
    func chunks() async throws {
        try await TestServer.run(providers: pages, over: .live) { server in
            let connection = try await RawConnection(to: try #require(server.endpoint))
            let rest = "Host: a.pages.localhost\r\n"
            try await connection.send("GET /stream HTTP/1.1\r\n\(rest)\r\nHEAD /stream HTTP/1.1\r\n\(rest)\r\n")
            try await connection.send("GET /last HTTP/1.1\r\n\(rest)Connection: close\r\n\r\n")
            let text = try await connection.receiveText()
            #expect(text.contains("\r\n\r\n4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"))
            #expect(text.occurrences(of: "transfer-encoding: chunked\r\n") == 2)
            #expect(text.occurrences(of: "0\r\n\r\n") == 1)
            #expect(
                text.contains("HTTP/1.1 202 Accepted")
                    && text.hasSuffix("a.pages.localhost arn:aws:iam::000000000000:anonymous ")
            )
        }
    }

    @Test("web pages are its own affair: no leave is added, and preflights reach it")
    func leavesBrowsersAlone() async throws {
        try await TestServer.run(providers: pages) { server in
            var request = SignableRequest(method: "OPTIONS", path: "/x", authority: "a.pages.localhost")
            request.headers[.origin] = "https://app.example"
            request.headers[.accessControlRequestMethod] = "POST"
            let response = try await server.send(request)
            #expect(response.status == 202)
            #expect(response.headers[.accessControlAllowOrigin] == nil)
        }
    }

    @Test("its errors and its limit are answered like everybody's")
    func errors() async throws {
        try await TestServer.run(providers: pages) { server in
            let failing = try await server.send(
                SignableRequest(method: "GET", path: "/fail", authority: "a.pages.localhost")
            )
            #expect(failing.status == 403)
            #expect(failing["x-amzn-requestid"] != nil)
            let request = SignableRequest(method: "POST", path: "/", authority: "a.pages.localhost")
            let large = try await server.send(request, body: String(repeating: "x", count: 1_001))
            #expect(large.status == 413)
        }
    }
}

/// Gives the rest of the path back.
private struct Echo: PathRouted {
    let pathPrefix = "/_martlet/echo/"
    func answer(rest: String) async throws -> WireResponse {
        WireResponse(status: 200, body: .buffer(ByteBuffer(string: rest)))
    }
}

@Suite("Paths of a service's own") struct PathRouteTests {
    @Test("they are read without a signature, and only read", arguments: AuthMode.allCases)
    func reads(mode: AuthMode) async throws {
        let assemble: @Sendable (TestGround) -> TestAssembly = { ground in
            var assembly = ledgers(ground)
            assembly.pathRoutes = [Echo()]
            return assembly
        }
        try await TestServer.run(providers: assemble, auth: mode) { server in
            var request = SignableRequest(method: "GET", path: "/_martlet/echo/a%2Fb", authority: "localhost")
            let answer = try await server.send(request)
            #expect(answer.text == "a%2Fb")
            request.method = "POST"
            let refused = try await server.send(request)
            #expect(refused.status == 405)
        }
    }
}

extension String {
    /// How often `part` stands in it.
    fileprivate func occurrences(of part: String) -> Int { ranges(of: part).count }
}
