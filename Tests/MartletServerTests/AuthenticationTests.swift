// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import MartletServer
import MartletTesting
import NIOCore
import Testing

@Suite("Authentication") struct AuthenticationTests {
    @Test(
        "a valid signature gives its principal, account and region",
        arguments: Wire.allCases,
        [AuthMode.signed, .open]
    )
    func accepts(wire: Wire, mode: AuthMode) async throws {
        try await TestServer.run(providers: ledgers, auth: mode) { server in
            let client = server.client(wire.ledger.model, as: Keys.root, region: "eu-west-1")
            let answer = try await client.call(Ledger.put, .init("hello"))
            #expect(answer.account == "111122223333")
            #expect(answer.region == "eu-west-1")
            #expect(answer.caller == "arn:aws:iam::111122223333:root")
            let role = try await client.signing(as: Keys.session).call(Ledger.put, .init("hello"))
            #expect(role.caller == "arn:aws:sts::111122223333:assumed-role/app/s")
        }
    }

    /// What one mistake gets in each protocol.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let rest: (code: String, status: Int)
        let target: (code: String, status: Int)
        let form: (code: String, status: Int)
        let make: @Sendable (TestServer, inout SignableRequest, inout String, String) -> Void

        init(
            _ name: String,
            json: String,
            form: (String, Int),
            _ make: @escaping @Sendable (TestServer, inout SignableRequest, inout String, String) -> Void
        ) {
            testDescription = name
            rest = (json, 403)
            target = (json, 400)
            self.form = form
            self.make = make
        }

        func expected(_ wire: Wire) -> (code: String, status: Int) {
            switch wire {
            case .rest: rest
            case .target: target
            case .form: form
            }
        }
    }

    static let mistakes = [
        Mistake("no signature", json: "MissingAuthenticationTokenException", form: ("MissingAuthenticationToken", 403))
        {
            _,
            _,
            _,
            _ in
        },
        Mistake("another scheme", json: "IncompleteSignatureException", form: ("IncompleteSignature", 400)) {
            _,
            request,
            _,
            _ in request.headers[.authorization] = "Bearer abc"
        },
        Mistake("no date", json: "IncompleteSignatureException", form: ("IncompleteSignature", 400)) {
            server,
            request,
            body,
            service in
            server.sign(&request, body, as: Keys.root, service: service)
            request.headers[.amzDate] = nil
        },
        Mistake("a scope of three parts", json: "IncompleteSignatureException", form: ("IncompleteSignature", 400)) {
            server,
            request,
            body,
            service in
            request.headers[.amzDate] = server.clock.now.basicISO8601
            request.headers[.authorization] =
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/eu-west-1/\(service), SignedHeaders=host, Signature=ab"
        },
        Mistake("an unknown key", json: "UnrecognizedClientException", form: ("InvalidClientTokenId", 403)) {
            server,
            request,
            body,
            service in
            server.sign(&request, body, as: TestCredentials("AKIDNOBODY", "x"), service: service)
        },
        Mistake(
            "a session's key without its token",
            json: "UnrecognizedClientException",
            form: ("InvalidClientTokenId", 403)
        ) {
            server,
            request,
            body,
            service in
            server.sign(&request, body, as: TestCredentials("ASIAEXAMPLE", "secret of the session"), service: service)
        },
        Mistake(
            "a token that is not the key's",
            json: "UnrecognizedClientException",
            form: ("InvalidClientTokenId", 403)
        ) {
            server,
            request,
            body,
            service in
            server.sign(
                &request,
                body,
                as: TestCredentials("ASIAEXAMPLE", "secret of the session", sessionToken: "other"),
                service: service
            )
        },
        Mistake("a wrong secret", json: "InvalidSignatureException", form: ("SignatureDoesNotMatch", 403)) {
            server,
            request,
            body,
            service in
            server.sign(&request, body, as: TestCredentials("AKIDEXAMPLE", "wrong"), service: service)
        },
        Mistake("a changed body", json: "InvalidSignatureException", form: ("SignatureDoesNotMatch", 403)) {
            server,
            request,
            body,
            service in
            server.sign(&request, body, as: Keys.root, service: service)
            body += " "
        },
        Mistake(
            "a body that is not what its hash says",
            json: "InvalidSignatureException",
            form: ("SignatureDoesNotMatch", 403)
        ) {
            server,
            request,
            body,
            service in
            SigV4Signer(Keys.root, region: "eu-west-1", service: service)
                .sign(&request, payload: .stated(SigV4.emptyHash), at: server.clock.now)
        },
        Mistake("an added x-amz header", json: "InvalidSignatureException", form: ("SignatureDoesNotMatch", 403)) {
            server,
            request,
            body,
            service in
            server.sign(&request, body, as: Keys.root, service: service)
            request.headers[.amzTrailer] = "x"
        },
        Mistake("a scope of another service", json: "InvalidSignatureException", form: ("SignatureDoesNotMatch", 403)) {
            server,
            request,
            body,
            service in
            request.path = "/2020-01-01/entries"
            request.headers[.amzTarget] = service == "target" ? "Ledger_2020.Put" : nil
            server.sign(&request, body, as: Keys.root, service: service)
            let authorization = request.headers[.authorization] ?? ""
            request.headers[.authorization] = authorization.replacing("/20260131/", with: "/20260130/")
        },
        Mistake("six minutes late", json: "InvalidSignatureException", form: ("SignatureDoesNotMatch", 403)) {
            server,
            request,
            body,
            service in
            server.sign(&request, body, as: Keys.root, service: service, at: server.clock.now - .seconds(360))
        },
        Mistake("six minutes early", json: "InvalidSignatureException", form: ("SignatureDoesNotMatch", 403)) {
            server,
            request,
            body,
            service in
            server.sign(&request, body, as: Keys.root, service: service, at: server.clock.now + .seconds(360))
        },
        Mistake("credentials past their end", json: "ExpiredTokenException", form: ("ExpiredToken", 403)) {
            server,
            request,
            body,
            service in
            server.sign(&request, body, as: Keys.expired, service: service)
        },
        Mistake("a presigned request past its end", json: "InvalidSignatureException", form: ("RequestExpired", 400)) {
            server,
            request,
            body,
            service in
            SigV4Signer(Keys.root, region: "eu-west-1", service: service).presign(
                &request,
                expiresAfterSeconds: 60,
                payload: .bytes(Array(body.utf8)),
                at: server.clock.now - .seconds(61)
            )
        },
        Mistake(
            "a presigned request for eight days",
            json: "IncompleteSignatureException",
            form: ("IncompleteSignature", 400)
        ) {
            server,
            request,
            body,
            service in
            SigV4Signer(Keys.root, region: "eu-west-1", service: service).presign(
                &request,
                expiresAfterSeconds: 691_200,
                payload: .bytes(Array(body.utf8)),
                at: server.clock.now
            )
        },
    ]

    @Test("every mistake gets the name and status that its protocol has for it", arguments: mistakes, Wire.allCases)
    func refuses(mistake: Mistake, wire: Wire) async throws {
        try await TestServer.run(providers: ledgers, auth: .signed) { server in
            var (request, body) = wire.put(authority: "\(wire.rawValue).eu-west-1.amazonaws.com")
            mistake.make(server, &request, &body, wire.rawValue)
            let response = try await server.send(request, body: body)
            #expect(response.errorCode == mistake.expected(wire).code, "\(response.text)")
            #expect(response.status == mistake.expected(wire).status)
            #expect(response["x-amzn-requestid"] != nil)
        }
    }

    @Test("a presigned request is good until its last second", arguments: Wire.allCases)
    func presigned(wire: Wire) async throws {
        try await TestServer.run(providers: ledgers, auth: .signed) { server in
            var (request, body) = wire.put()
            SigV4Signer(Keys.session, region: "eu-west-1", service: wire.rawValue).presign(
                &request,
                expiresAfterSeconds: 604_800,
                payload: .bytes(Array(body.utf8)),
                at: server.clock.now
            )
            let response = try await server.send(request, body: body)
            #expect(response.status == 200)
        }
    }

    @Test("UNSIGNED-PAYLOAD leaves the body free")
    func unsignedPayload() async throws {
        try await TestServer.run(providers: ledgers, auth: .signed) { server in
            var (request, body) = Wire.rest.put()
            SigV4Signer(Keys.root, region: "eu-west-1", service: "rest")
                .sign(&request, payload: .stated("UNSIGNED-PAYLOAD"), at: server.clock.now)
            body += "  "
            let response = try await server.send(request, body: body)
            #expect(response.status == 200)
        }
    }

    @Test("a body in signed chunks arrives whole, and a changed chunk does not")
    func chunked() async throws {
        try await TestServer.run(providers: ledgers, auth: .signed) { server in
            let (plain, body) = Wire.rest.put()
            var request = plain
            request.headers[.amzDecodedContentLength] = String(body.utf8.count)
            let signer = SigV4Signer(Keys.root, region: "eu-west-1", service: "rest")
            let seed = signer.sign(
                &request,
                payload: .stated("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
                at: server.clock.now
            )
            var chain = signer.chunkChain(seed: seed, at: server.clock.now)
            let first = chain.next(dataHash: SigV4.sha256(body.utf8))
            let last = chain.next(dataHash: SigV4.emptyHash)
            let size = String(body.utf8.count, radix: 16)
            func framed(_ body: String) -> String {
                "\(size);chunk-signature=\(first)\r\n\(body)\r\n0;chunk-signature=\(last)\r\n\r\n"
            }
            #expect(try await server.send(request, body: framed(body)).status == 200)
            let forged = try await server.send(request, body: framed(body.replacing("hello", with: "jello")))
            #expect(forged.errorCode == "InvalidSignatureException")
        }
    }

    @Suite("in open mode") struct Open {
        @Test("twelve digits name the account, anything else means 000000000000", arguments: Wire.allCases)
        func takesAnyKey(wire: Wire) async throws {
            try await TestServer.run(providers: ledgers) { server in
                let client = server.client(wire.ledger.model, as: .account("444455556666"), region: "ap-south-1")
                let answer = try await client.call(Ledger.put, .init("x"))
                #expect(answer.account == "444455556666")
                #expect(answer.region == "ap-south-1")
                #expect(answer.caller == "arn:aws:iam::444455556666:root")
                #expect(try await client.signing(as: .local).call(Ledger.put, .init("x")).account == "000000000000")
            }
        }

        @Test("unsigned requests are the root's of 000000000000, in the host's region or us-east-1")
        func takesUnsigned() async throws {
            try await TestServer.run(providers: ledgers) { server in
                let plain = server.client(Ledger.rest.model, as: nil)
                let answer = try await plain.call(Ledger.put, .init("x"))
                #expect(answer.account == "000000000000")
                #expect(answer.region == "us-east-1")
                let (request, body) = Wire.rest.put(authority: "rest.eu-north-1.localhost:4566")
                #expect(try await server.send(request, body: body).text.contains(#""eu-north-1""#))
            }
        }

        @Test("a key that Martlet issued is verified all the same", arguments: Wire.allCases)
        func verifiesOwnKeys(wire: Wire) async throws {
            try await TestServer.run(providers: ledgers) { server in
                let forged = TestCredentials("ASIAEXAMPLE", "guessed", sessionToken: "token")
                let client = server.client(wire.ledger.model, as: forged)
                await #expect(throws: ClientError.self) { try await client.call(Ledger.put, .init("x")) }
                let right = try await client.signing(as: Keys.session).call(Ledger.put, .init("x"))
                #expect(right.caller == "arn:aws:sts::111122223333:assumed-role/app/s")
            }
        }

        @Test(
            "rubbish in the Authorization header is nobody in particular",
            arguments: ["", "Bearer x", "AWS a:b", "Credential="]
        )
        func takesRubbish(header: String) async throws {
            try await TestServer.run(providers: ledgers) { server in
                var (request, body) = Wire.rest.put()
                request.headers[.authorization] = header
                let response = try await server.send(request, body: body)
                #expect(response.text.contains("000000000000"))
            }
        }
    }
}
