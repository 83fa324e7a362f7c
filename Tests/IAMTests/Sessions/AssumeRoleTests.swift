// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import STS

@Suite("STS AssumeRole") struct AssumeRoleTests {
    private static let anyone = #"{"AWS":"*"}"#

    private func assume(
        _ role: String,
        _ bench: IdentityBench,
        as credentials: TestCredentials = .account(IdentityBench.account),
        _ change: (inout AssumeRoleInput) -> Void = { _ in }
    ) async throws -> AssumeRoleOutput {
        var input = AssumeRoleInput()
        (input.roleArn, input.roleSessionName) = (role, "s1")
        change(&input)
        return try await bench.server.client(.sts, as: credentials).call(STSOperations.assumeRole, input)
    }

    private func identity(
        _ bench: IdentityBench,
        as credentials: TestCredentials
    ) async throws -> GetCallerIdentityOutput {
        try await bench.server.client(.sts, as: credentials).call(
            STSOperations.getCallerIdentity,
            GetCallerIdentityInput()
        )
    }

    @Test("a session is the role under its name, for an hour, and its keys really sign")
    func session() async throws {
        try await IdentityBench.run { bench in
            let role = try await bench.makeRole("worker", path: "/team/")
            let output = try await assume(role, bench)
            let credentials = try #require(output.credentials)
            #expect(credentials.accessKeyId.hasPrefix("ASIA") && credentials.accessKeyId.utf8.count == 20)
            #expect(credentials.expiration == bench.server.clock.now + .seconds(3_600))
            #expect(output.assumedRoleUser?.arn == "arn:aws:sts::123456789012:assumed-role/worker/s1")
            #expect(output.packedPolicySize == nil)
            let caller = try await identity(bench, as: TestCredentials(credentials))
            #expect(caller.arn == output.assumedRoleUser?.arn && caller.account == IdentityBench.account)
            #expect(caller.userId == output.assumedRoleUser?.assumedRoleId && caller.userId?.hasSuffix(":s1") == true)
        }
    }

    @Test("a session whose secret or token is not the issued one is refused; it ends at its time")
    func forgery() async throws {
        try await IdentityBench.run { bench in
            let role = try await bench.makeRole()
            let issued = TestCredentials(try #require(try await assume(role, bench).credentials))
            var forged = issued
            forged.secretAccessKey = String(issued.secretAccessKey.reversed())
            #expect(await failure { _ = try await identity(bench, as: forged) }?.code == "SignatureDoesNotMatch")
            let sessions = bench.parts.sessions
            let token = try #require(issued.sessionToken)
            #expect(try await sessions.credential(accessKeyID: issued.accessKeyID, sessionToken: token) != nil)
            #expect(try await sessions.credential(accessKeyID: issued.accessKeyID, sessionToken: nil) == nil)
            for wrong in [
                "", "AAAA", "!", String(token.dropLast(4)), token + "AAAA", String(repeating: "A", count: 100_000),
            ] {
                #expect(
                    try await sessions.credential(accessKeyID: issued.accessKeyID, sessionToken: wrong) == nil,
                    "\(wrong.prefix(9))"
                )
            }
            // A token belongs to its key.
            let other = TestCredentials(try #require(try await assume(role, bench).credentials))
            #expect(try await sessions.credential(accessKeyID: other.accessKeyID, sessionToken: token) == nil)
            await bench.server.clock.advance(by: .seconds(3_600))
            #expect(await failure { _ = try await identity(bench, as: issued) }?.code == "ExpiredToken")
        }
    }

    @Test(
        "deleting the role ends its sessions at once, in every mode, and a new role of its name does not revive them",
        arguments: [false, true]
    )
    func revocation(isEnforced: Bool) async throws {
        try await IdentityBench.run(isEnforced: isEnforced) { bench in
            let user = try await bench.makeUser()
            let role = try await bench.makeRole(trust: Self.anyone)
            let session = TestCredentials(try #require(try await assume(role, bench, as: user).credentials))
            _ = try await identity(bench, as: session)
            try await bench.deleteRole("worker")
            #expect(await failure { _ = try await identity(bench, as: session) }?.code == "InvalidClientTokenId")
            try await bench.makeRole(trust: Self.anyone)
            #expect(await failure { _ = try await identity(bench, as: session) }?.code == "InvalidClientTokenId")
        }
    }

    @Test("the trust policy decides: who is not in it is refused, and so is the account's root")
    func trust() async throws {
        try await IdentityBench.run(isEnforced: true) { bench in
            let ann = try await bench.makeUser("ann")
            let toLambda = try await bench.makeRole("a")
            let toAnn = try await bench.makeRole("b", trust: #"{"AWS":"arn:aws:iam::123456789012:user/ann"}"#)
            let toAccount = try await bench.makeRole("c", trust: #"{"AWS":"123456789012"}"#)
            let refused = await failure { _ = try await assume(toLambda, bench, as: ann) }
            #expect(
                refused
                    == ClientError(
                        "AccessDenied",
                        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: sts:AssumeRole on resource: \(toLambda)",
                        status: 403
                    )
            )
            _ = try await assume(toAnn, bench, as: ann)
            let silent = await failure { _ = try await assume(toAccount, bench, as: ann) }
            #expect(
                silent?.message.hasSuffix("because no identity-based policy allows the sts:AssumeRole action") == true
            )
            try await bench.allow("sts:AssumeRole", toUser: "ann", on: toAccount)
            _ = try await assume(toAccount, bench, as: ann)
            let root = await failure { _ = try await assume(toAccount, bench) }
            #expect(root == ClientError("AccessDenied", "Roles may not be assumed by root accounts.", status: 403))
        }
    }

    @Test("across accounts the trust policy and the caller's own policy have to allow, and the external id has to fit")
    func crossAccount() async throws {
        try await IdentityBench.run(isEnforced: true) { bench in
            let ann = try await bench.makeUser("ann")
            let role = try await bench.makeRole(
                "partner",
                trust: #"{"AWS":"123456789012"}"#,
                condition: #"{"StringEquals":{"sts:ExternalId":"secret-7"}}"#,
                account: "210987654321"
            )
            #expect(
                await failure { _ = try await assume(role, bench, as: ann) { $0.externalId = "secret-7" } }?.code
                    == "AccessDenied"
            )
            try await bench.allow("sts:AssumeRole", toUser: "ann", on: role)
            #expect(await failure { _ = try await assume(role, bench, as: ann) }?.code == "AccessDenied")
            #expect(
                await failure { _ = try await assume(role, bench, as: ann) { $0.externalId = "secret-8" } }?.code
                    == "AccessDenied"
            )
            let output = try await assume(role, bench, as: ann) { $0.externalId = "secret-7" }
            #expect(output.assumedRoleUser?.arn == "arn:aws:sts::210987654321:assumed-role/partner/s1")
        }
    }

    @Test("outside enforced mode principals are not looked at, conditions are")
    func openTrust() async throws {
        try await IdentityBench.run { bench in
            let role = try await bench.makeRole(condition: #"{"StringEquals":{"sts:ExternalId":"x1"}}"#)
            #expect(await failure { _ = try await assume(role, bench) }?.code == "AccessDenied")
            _ = try await assume(role, bench) { $0.externalId = "x1" }
        }
    }

    @Test("a role that nobody created can be assumed in open mode only")
    func madeUp() async throws {
        let made = "arn:aws:iam::123456789012:role/made-up"
        try await IdentityBench.run { bench in
            let output = try await assume(made, bench)
            let caller = try await identity(bench, as: TestCredentials(try #require(output.credentials)))
            #expect(caller.arn == "arn:aws:sts::123456789012:assumed-role/made-up/s1")
        }
        try await IdentityBench.run(isEnforced: true) { bench in
            let user = try await bench.makeUser()
            #expect(await failure { _ = try await assume(made, bench, as: user) }?.code == "AccessDenied")
            let role = try await bench.makeRole("r", path: "/team/", trust: Self.anyone)
            _ = try await assume(role, bench, as: user)
            // The path belongs to the name.
            let withoutPath = "arn:aws:iam::123456789012:role/r"
            #expect(await failure { _ = try await assume(withoutPath, bench, as: user) }?.code == "AccessDenied")
        }
    }

    @Test("a session lasts no longer than the role allows, and an hour when a role assumes it")
    func durations() async throws {
        try await IdentityBench.run { bench in
            let short = try await bench.makeRole("short")
            let long = try await bench.makeRole("long", maxSeconds: 43_200)
            let tooLong = await failure { _ = try await assume(short, bench) { $0.durationSeconds = 3_601 } }
            #expect(
                tooLong
                    == ClientError(
                        "ValidationError",
                        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
                        status: 400
                    )
            )
            let session = TestCredentials(
                try #require(try await assume(long, bench) { $0.durationSeconds = 43_200 }.credentials)
            )
            let chained = await failure {
                _ = try await assume(long, bench, as: session) { $0.durationSeconds = 3_601 }
            }
            #expect(
                chained?.message
                    == "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
            )
            _ = try await assume(long, bench, as: session)
            let below = await failure { _ = try await assume(long, bench) { $0.durationSeconds = 899 } }
            #expect(below?.code == "ValidationError")
        }
    }

    @Test("transitive tags and the source identity go down the chain and cannot be replaced there")
    func tagsInChains() async throws {
        try await IdentityBench.run { bench in
            let role = try await bench.makeRole()
            let first = try await assume(role, bench) { input in
                input.tags = [tag("team", "red"), tag("own", "x")]
                input.transitiveTagKeys = ["team"]
                input.sourceIdentity = "ann"
            }
            #expect(first.sourceIdentity == "ann" && (first.packedPolicySize ?? 0) > 0)
            let session = TestCredentials(try #require(first.credentials))
            #expect(
                await failure { _ = try await assume(role, bench, as: session) { $0.tags = [tag("Team", "blue")] } }?
                    .code == "InvalidParameterValue"
            )
            #expect(
                await failure { _ = try await assume(role, bench, as: session) { $0.sourceIdentity = "bob" } }?.code
                    == "AccessDenied"
            )
            let second = try await assume(role, bench, as: session)
            #expect(second.sourceIdentity == "ann")
            let chained = TestCredentials(try #require(second.credentials))
            _ = try await identity(bench, as: chained)
            let facts = try #require(bench.parts.table.facts(ofAccessKey: chained.accessKeyID))
            #expect(facts.tags == ["team": "red"] && facts.transitiveTagKeys == ["team"])
            #expect(
                await failure { _ = try await assume(role, bench) { $0.transitiveTagKeys = ["nope"] } }?.code
                    == "InvalidParameterValue"
            )
        }
    }

    @Test("policies that cannot narrow a session are refused")
    func badPolicies() async throws {
        try await IdentityBench.run { bench in
            let role = try await bench.makeRole()
            #expect(
                await failure { _ = try await assume(role, bench) { $0.policy = "{}" } }?.code
                    == "MalformedPolicyDocument"
            )
            let long = IdentityBench.document("s3:*", on: "arn:aws:s3:::" + String(repeating: "b", count: 2_048))
            #expect(
                await failure { _ = try await assume(role, bench) { $0.policy = long } }?.code == "PackedPolicyTooLarge"
            )
            var unknown = PolicyDescriptorType()
            unknown.arn = "arn:aws:iam::123456789012:policy/nope"
            #expect(
                await failure { _ = try await assume(role, bench) { $0.policyArns = [unknown] } }?.code
                    == "ValidationError"
            )
            #expect(
                await failure { _ = try await assume("x:iam::123456789012:role/r", bench) }?.code == "ValidationError"
            )
            #expect(
                await failure { _ = try await assume(role, bench) { $0.tokenCode = "123456" } }?.code == "AccessDenied"
            )
        }
    }

    @Test("credentials that Lambda gets for a role cost the store no write")
    func vendor() async throws {
        try await IdentityBench.run { bench in
            let role = try #require(ARN(try await bench.makeRole()))
            let before = bench.changeCount
            let credentials = try await bench.parts.vendor.credentials(
                forRole: role,
                sessionName: "f",
                lifetime: .seconds(900)
            )
            #expect(bench.changeCount == before)
            #expect(credentials.expiresAt == bench.server.clock.now + .seconds(900))
            let caller = try await identity(bench, as: TestCredentials(credentials))
            #expect(caller.arn == "arn:aws:sts::123456789012:assumed-role/worker/f")
        }
        try await IdentityBench.run(isEnforced: true) { bench in
            let gone = ARN(service: "iam", region: "", account: IdentityBench.account, resource: "role/gone")
            await #expect(throws: CommonError.self) {
                try await bench.parts.vendor.credentials(forRole: gone, sessionName: "f", lifetime: .seconds(900))
            }
        }
    }

    private func tag(_ key: String, _ value: String) -> STS.Tag {
        var tag = STS.Tag()
        (tag.key, tag.value) = (key, value)
        return tag
    }
}

extension TestCredentials {
    fileprivate init(_ credentials: Credentials) {
        self.init(credentials.accessKeyId, credentials.secretAccessKey, sessionToken: credentials.sessionToken)
    }
}
