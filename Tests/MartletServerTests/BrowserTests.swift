// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import MartletServer
import MartletTesting
import NIOCore
import Testing

@Suite("Browsers and strange names") struct BrowserTests {
    @Test("a local page's preflight is answered, and its request may be read")
    func preflight() async throws {
        try await TestServer.run(providers: ledgers) { server in
            var ask = SignableRequest(method: "OPTIONS", path: "/2020-01-01/entries", authority: "localhost:4566")
            ask.headers[.origin] = "http://localhost:3000"
            ask.headers[.accessControlRequestMethod] = "POST"
            ask.headers[.accessControlRequestHeaders] = "x-own"
            let leave = try await server.send(ask)
            #expect(leave.status == 200)
            #expect(leave.headers[.accessControlAllowOrigin] == "http://localhost:3000")
            #expect(leave.headers[.accessControlAllowHeaders] == "x-own")
            #expect(leave.headers[.accessControlAllowMethods]?.contains("POST") == true)

            var (request, body) = Wire.rest.put()
            request.headers[.origin] = "http://localhost:3000"
            let answer = try await server.send(request, body: body)
            #expect(answer.headers[.accessControlAllowOrigin] == "http://localhost:3000")
            #expect(answer.headers[.accessControlExposeHeaders]?.contains("x-amzn-requestid") == true)
        }
    }

    @Test(
        "in open mode a foreign page is refused and may not even read the refusal",
        arguments: [
            "https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1.evil.example",
            "http://evil.example:4566",
            "", "localhost",
        ]
    )
    func foreignOrigin(origin: String) async throws {
        try await TestServer.run(providers: ledgers) { server in
            for method in ["POST", "OPTIONS"] {
                var (request, body) = Wire.rest.put()
                request.method = method
                request.headers[.origin] = origin
                request.headers[.accessControlRequestMethod] = "POST"
                let response = try await server.send(request, body: body)
                #expect(response.status == 403)
                #expect(response.headers[.accessControlAllowOrigin] == nil)
            }
        }
    }

    @Test("in signed mode the signature is what counts")
    func foreignOriginSigned() async throws {
        try await TestServer.run(providers: ledgers, auth: .signed) { server in
            var (request, body) = Wire.rest.put(authority: "martlet.example")
            request.headers[.origin] = "https://app.example"
            server.sign(&request, body, as: Keys.root, service: "rest")
            let response = try await server.send(request, body: body)
            #expect(response.status == 200)
            #expect(response.headers[.accessControlAllowOrigin] == "https://app.example")
        }
    }

    @Test(
        "open mode answers to local names, to AWS's, and to those that are configured",
        arguments: [
            ("localhost", 200), ("LOCALHOST:4566", 200), ("api.localhost:1", 200), ("127.0.0.1:4566", 200),
            ("127.9.9.9", 200),
            ("[::1]:4566", 200), ("rest.eu-west-1.amazonaws.com", 200), ("martlet.test", 200), ("a.martlet.test", 200),
            ("", 200),
            ("evil.example", 403), ("localhost.evil.example", 403), ("10.0.0.1", 403), ("127.0.0.1.evil.example", 403),
            ("notlocalhost", 403), ("martlet.test.evil", 403), ("127.0.0.999", 403), ("[::2]", 403),
        ]
    )
    func hosts(host: String, status: Int) async throws {
        let assemble: @Sendable (TestGround) -> TestAssembly = { ground in
            var assembly = ledgers(ground)
            assembly.allowedHosts = ["martlet.test"]
            return assembly
        }
        try await TestServer.run(providers: assemble) { server in
            let (request, body) = Wire.rest.put(authority: host)
            let response = try await server.send(request, body: body)
            #expect(response.status == status)
        }
    }
}

@Suite("The server's own API") struct ControlTests {
    @Test("health lists what runs", arguments: ["/_martlet/health", "/_localstack/health"], AuthMode.allCases)
    func health(path: String, mode: AuthMode) async throws {
        try await TestServer.run(providers: ledgers, auth: mode) { server in
            let response = try await server.send(SignableRequest(method: "GET", path: path, authority: "localhost"))
            #expect(response.status == 200)
            #expect(response.headers[.contentType] == "application/json")
            #expect(response.text.contains(#""rest":"running""#))
            #expect(response.text.contains(#""edition":"community""#))
        }
    }

    /// Remembers what was asked to be forgotten.
    actor Forgotten {
        var accounts: [AccountID?] = []
        func add(_ account: AccountID?) { accounts.append(account) }
    }

    @Test(
        "a reset reaches everything that holds state, for one account or all",
        arguments: ["/_martlet", "/_localstack"]
    )
    func reset(prefix: String) async throws {
        let forgotten = Forgotten()
        let assemble: @Sendable (TestGround) -> TestAssembly = { ground in
            var assembly = ledgers(ground)
            assembly.resettables = [ResetAction { await forgotten.add($0) }, ResetAction { await forgotten.add($0) }]
            return assembly
        }
        try await TestServer.run(providers: assemble) { server in
            var request = SignableRequest(method: "POST", path: "\(prefix)/state/reset", authority: "localhost")
            let all = try await server.send(request)
            #expect(all.status == 200)
            request.query = "account=111122223333"
            let one = try await server.send(request)
            #expect(one.status == 200)
            request.query = "account=nonsense"
            let none = try await server.send(request)
            #expect(none.status == 400)
            request.method = "GET"
            let wrong = try await server.send(request)
            #expect(wrong.status == 405)
        }
        #expect(await forgotten.accounts == [nil, nil, Keys.account, Keys.account])
    }

    @Test("outside open mode nobody resets anything", arguments: [AuthMode.signed, .enforced])
    func refusesReset(mode: AuthMode) async throws {
        let forgotten = Forgotten()
        let assemble: @Sendable (TestGround) -> TestAssembly = { ground in
            var assembly = ledgers(ground)
            assembly.resettables = [ResetAction { await forgotten.add($0) }]
            return assembly
        }
        try await TestServer.run(providers: assemble, auth: mode) { server in
            let request = SignableRequest(method: "POST", path: "/_martlet/state/reset", authority: "localhost")
            let response = try await server.send(request)
            #expect(response.status == 403)
        }
        #expect(await forgotten.accounts.isEmpty)
    }

    @Test("metrics say that they are not there yet, and unknown paths that they are not there")
    func others() async throws {
        try await TestServer.run(providers: ledgers) { server in
            let metrics = try await server.send(
                SignableRequest(method: "GET", path: "/_martlet/metrics", authority: "localhost")
            )
            #expect(metrics.status == 501)
            let nothing = try await server.send(
                SignableRequest(method: "GET", path: "/_martlet/x", authority: "localhost")
            )
            #expect(nothing.status == 404)
        }
    }
}
