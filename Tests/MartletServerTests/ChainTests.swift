// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import MartletServer
import MartletTesting
import NIOCore
import Testing

@Suite("Request chain") struct ChainTests {
    @Test(
        "an operation answers typed, over every protocol and both ways in",
        arguments: Wire.allCases,
        TestServer.Transport.allCases
    )
    func answers(wire: Wire, transport: TestServer.Transport) async throws {
        try await TestServer.run(providers: ledgers, over: transport) { server in
            let answer = try await server.client(wire.ledger.model).call(Ledger.put, .init("grüße & <more>"))
            #expect(answer.text == "grüße & <more>")
            #expect(answer.account == "000000000000")
            #expect(answer.endpoint == server.endpoint?.description ?? "http://localhost:4566")
        }
    }

    @Test("the request id is the same for the handler, the header and the error's body", arguments: Wire.allCases)
    func carriesRequestID(wire: Wire) async throws {
        try await TestServer.run(providers: ledgers, ids: SequentialIDSource()) { server in
            let (request, body) = wire.put()
            let good = try await server.send(request, body: body)
            #expect(good["x-amzn-requestid"] == "00000000-0000-4000-8000-000000000001")
            #expect(good.text.contains("00000000-0000-4000-8000-000000000001"))
            let (failing, failingBody) = wire.put("explode")
            let bad = try await server.send(failing, body: failingBody)
            #expect(bad["x-amzn-requestid"] == "00000000-0000-4000-8000-000000000002")
        }
    }

    @Test("a modelled error keeps its code, message and status", arguments: Wire.allCases)
    func modelledError(wire: Wire) async throws {
        try await TestServer.run(providers: ledgers) { server in
            await #expect(throws: ClientError("LedgerClosed", "The ledger is closed.", status: 409)) {
                try await server.client(wire.ledger.model).call(Ledger.put, .init("forbid"))
            }
        }
    }

    @Test("an internal failure shows nothing of its cause", arguments: Wire.allCases)
    func internalFailure(wire: Wire) async throws {
        try await TestServer.run(providers: ledgers) { server in
            let (request, body) = wire.put("explode")
            let response = try await server.send(request, body: body)
            #expect(response.status == 500)
            #expect(response.errorCode == "InternalFailure")
            #expect(!response.text.contains("secret"))
            #expect(!response.text.contains("ledger.disk"))
        }
    }

    @Test("an operation that AWS has and Martlet has not answers 501 with its name")
    func notImplemented() async throws {
        try await TestServer.run(providers: ledgers) { server in
            var (target, body) = Wire.target.put()
            target.headers[.amzTarget] = "Ledger_2020.Audit"
            let answers = [
                try await server.send(
                    SignableRequest(method: "GET", path: "/2020-01-01/audit", authority: "localhost")
                ),
                try await server.send(target, body: body),
                try await server.send(Wire.form.put().0, body: "Action=Audit&Version=2020-01-01"),
            ]
            for answer in answers {
                #expect(answer.status == 501)
                #expect(answer.errorCode == "NotImplemented")
                #expect(answer.text.contains("Audit"))
            }
        }
    }

    @Test("an operation that nobody knows gets AWS's error")
    func unknownOperation() async throws {
        try await TestServer.run(providers: ledgers) { server in
            var (target, body) = Wire.target.put()
            target.headers[.amzTarget] = "Ledger_2020.Nonsense"
            #expect(try await server.send(target, body: body).errorCode == "UnknownOperationException")
            let form = try await server.send(
                Wire.form.put(authority: "form.us-east-1.amazonaws.com").0,
                body: "Action=Nonsense&Version=2020-01-01"
            )
            #expect(form.errorCode == "InvalidAction")
        }
    }

    @Test("a service that AWS has and Martlet has not answers 501 with its name", arguments: Wire.allCases)
    func unknownService(wire: Wire) async throws {
        try await TestServer.run(providers: ledgers) { server in
            var (request, body) = wire.put()
            request.headers[.amzTarget] = wire == .target ? "DynamoDB_20120810.ListTables" : nil
            server.sign(&request, body, as: .local, service: "dynamodb")
            let response = try await server.send(request, body: body)
            #expect(response.status == 501)
            #expect(response.errorCode == "NotImplemented")
            #expect(response.text.contains("dynamodb"))
        }
    }

    @Test("a body over the limit is refused in AWS's words, before it is read")
    func limitsBodies() async throws {
        try await TestServer.run(providers: ledgers) { server in
            let (request, _) = Wire.rest.put()
            let response = try await server.send(request, body: String(repeating: "x", count: 10 * 1_048_576 + 1))
            #expect(response.status == 413)
            #expect(response.errorCode == "RequestEntityTooLargeException")
            #expect(response.text.contains("Request must be smaller than 10485760 bytes for the Put operation"))
        }
    }

    @Test("a request that names no service is told so")
    func namesNoService() async throws {
        try await TestServer.run(providers: ledgers) { server in
            let response = try await server.send(SignableRequest(method: "GET", path: "/", authority: "localhost"))
            #expect(response.status == 404)
            #expect(response.errorCode == "UnknownOperationException")
        }
    }
}

@Suite("Service recognition") struct RecognitionTests {
    @Test("the target's prefix, the credential scope, the host, the path and the query each suffice")
    func recognises() async throws {
        try await TestServer.run(providers: ledgers) { server in
            let (byTarget, targetBody) = Wire.target.put()
            var (byScope, scopeBody) = Wire.form.put()
            server.sign(&byScope, scopeBody, as: .local, service: "form")
            let (byHost, hostBody) = Wire.form.put(authority: "form.eu-west-1.amazonaws.com")
            let (byShortHost, shortBody) = Wire.form.put(authority: "form.localhost:4566")
            let (byPath, pathBody) = Wire.rest.put()
            var byQuery = SignableRequest(method: "GET", path: "/", authority: "localhost")
            byQuery.query = "Action=Put&Version=2020-01-01&Text=hello"
            let requests = [
                (byTarget, targetBody), (byScope, scopeBody), (byHost, hostBody), (byShortHost, shortBody),
                (byPath, pathBody),
                (byQuery, ""),
            ]
            for (request, body) in requests {
                let response = try await server.send(request, body: body)
                #expect(response.status == 200, "\(request.authority)\(request.path): \(response.text)")
                #expect(response.text.contains("hello"))
            }
        }
    }
}
