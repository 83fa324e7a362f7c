// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import STS

@Suite("STS sessions of users") struct SessionTokenTests {
    private func sts(_ bench: IdentityBench, as credentials: TestCredentials) -> TestClient {
        bench.server.client(.sts, as: credentials)
    }

    @Test("a user's session is the user, for twelve hours, and makes no further sessions")
    func sessionToken() async throws {
        try await IdentityBench.run { bench in
            let ann = try await bench.makeUser("ann")
            let output = try await sts(bench, as: ann).call(STSOperations.getSessionToken, GetSessionTokenInput())
            let issued = try #require(output.credentials)
            #expect(issued.expiration == bench.server.clock.now + .seconds(43_200))
            let session = TestCredentials(issued.accessKeyId, issued.secretAccessKey, sessionToken: issued.sessionToken)
            let caller = try await sts(bench, as: session).call(
                STSOperations.getCallerIdentity,
                GetCallerIdentityInput()
            )
            #expect(caller.arn == "arn:aws:iam::123456789012:user/ann" && caller.userId?.hasPrefix("AIDA") == true)
            let again = await failure {
                _ = try await sts(bench, as: session).call(STSOperations.getSessionToken, GetSessionTokenInput())
            }
            #expect(
                again
                    == ClientError("AccessDenied", "Cannot call GetSessionToken with session credentials", status: 403)
            )
        }
    }

    @Test("the root's session lasts an hour at most")
    func rootSession() async throws {
        try await IdentityBench.run { bench in
            var input = GetSessionTokenInput()
            input.durationSeconds = 129_600
            let output = try await sts(bench, as: .account(IdentityBench.account)).call(
                STSOperations.getSessionToken,
                input
            )
            #expect(output.credentials?.expiration == bench.server.clock.now + .seconds(3_600))
        }
    }

    @Test("a federated user may do what both its user and its session's policy allow")
    func federation() async throws {
        try await IdentityBench.run(isEnforced: true) { bench in
            let ann = try await bench.makeUser("ann")
            var input = GetFederationTokenInput()
            input.name = "guest"
            let denied = await failure {
                _ = try await sts(bench, as: ann).call(STSOperations.getFederationToken, input)
            }
            #expect(
                denied?.message.contains("no identity-based policy allows the sts:GetFederationToken action") == true
            )
            try await bench.allow("*", toUser: "ann")
            let bare = try await sts(bench, as: ann).call(STSOperations.getFederationToken, input)
            #expect(bare.federatedUser?.arn == "arn:aws:sts::123456789012:federated-user/guest")
            #expect(bare.federatedUser?.federatedUserId == "123456789012:guest")
            let nothing = await failure { try await bench.listRoles(as: try credentials(bare)) }
            #expect(nothing?.message.contains("no session policy allows the iam:ListRoles action") == true)
            input.policy = IdentityBench.document("iam:ListRoles")
            let narrowed = try await sts(bench, as: ann).call(STSOperations.getFederationToken, input)
            try await bench.listRoles(as: try credentials(narrowed))
            let other = await failure { try await bench.getRole("r", as: try credentials(narrowed)) }
            #expect(other?.code == "AccessDenied")
        }
    }

    @Test("the account of a key is read from the key")
    func accessKeyInfo() async throws {
        try await IdentityBench.run { bench in
            var input = GetAccessKeyInfoInput()
            input.accessKeyId = try await bench.makeUser("ann").accessKeyID
            let client = sts(bench, as: .local)
            #expect(try await client.call(STSOperations.getAccessKeyInfo, input).account == IdentityBench.account)
            input.accessKeyId = "AKIA0000000000000000"
            #expect(
                await failure { _ = try await client.call(STSOperations.getAccessKeyInfo, input) }?.code
                    == "InvalidParameterValue"
            )
        }
    }

    private func credentials(_ output: GetFederationTokenOutput) throws -> TestCredentials {
        let issued = try #require(output.credentials)
        return TestCredentials(issued.accessKeyId, issued.secretAccessKey, sessionToken: issued.sessionToken)
    }
}

@Suite("STS session tables and keys") struct SessionTableTests {
    private func known(_ key: String) throws -> SessionTable.Known {
        let account = try #require(AccountID("123456789012"))
        let facts = SessionFacts(
            account: account,
            identity: .root,
            identityID: account.text,
            issuedAt: Instant(milliseconds: 0)
        )
        return SessionTable.Known(
            token: key,
            session: Session(
                accessKeyID: key,
                secretAccessKey: "s",
                expiresAt: Instant(milliseconds: 1),
                face: .root,
                arn: ARN(service: "iam", region: "", account: account.text, resource: "root"),
                userID: account.text,
                facts: facts
            )
        )
    }

    @Test("the table stays within its limit, and a session in use outlives those that are not")
    func bounded() throws {
        let table = SessionTable(limit: 10)
        table.insert(try known("used"))
        for number in 0..<100 {
            table.insert(try known("k\(number)"))
            #expect(table.facts(ofAccessKey: "used") != nil)
        }
        let kept = (0..<100).filter { table.facts(ofAccessKey: "k\($0)") != nil }
        #expect(kept.count <= 10 && kept.contains(99))
    }

    @Test("a session's inside survives sealing", arguments: [nil, [], ["{}"]] as [[String]?])
    func roundTrip(policies: [String]?) throws {
        let account = try #require(AccountID("123456789012"))
        let session = Session(
            accessKeyID: "ASIAX",
            secretAccessKey: "s/+=",
            expiresAt: Instant(milliseconds: 1_769_860_800_000),
            face: .assumedRole(roleName: "r", sessionName: "s"),
            arn: ARN(service: "sts", region: "", account: account.text, resource: "assumed-role/r/s"),
            userID: "AROA:s",
            facts: SessionFacts(
                account: account,
                identity: .role(name: "r"),
                identityID: "AROA",
                policies: policies,
                policyARNs: ["a"],
                tags: ["k": "v", "ö": "\""],
                transitiveTagKeys: ["k"],
                sourceIdentity: "me",
                issuedAt: Instant(milliseconds: 5)
            )
        )
        let json = try JSONValue(parsing: session.json.compactText)
        #expect(Session(json, accessKeyID: "ASIAX") == session)
    }

    @Test(
        "what is not a session's inside is none",
        arguments: ["{}", "[]", "null", #"{"v":1}"#, #"{"v":2,"secret":"x"}"#]
    )
    func foreignInside(text: String) throws {
        #expect(Session(try JSONValue(parsing: text), accessKeyID: "ASIAX") == nil)
    }

    @Test("a key names its account and nothing else does", arguments: ["000000000000", "123456789012", "999999999999"])
    func accessKeyIDs(account: String) throws {
        let account = try #require(AccountID(account))
        for _ in 0..<100 {
            let key = AccessKeyID.make("ASIA", account: account, ids: SystemIDSource())
            #expect(key.utf8.count == 20 && AccessKeyID.account(of: key) == account)
        }
        // A key that AWS once gave, with its account, as published.
        #expect(AccessKeyID.account(of: "ASIAQNZGKIQY56JQ7WML")?.text == "029608264753")
        for other in ["", "AKIA", "AKIA1111111111111111", "AKIAAAAAAAAAAAAAAAAA", String(repeating: "é", count: 10)] {
            #expect(AccessKeyID.account(of: other) == nil)
        }
    }
}
