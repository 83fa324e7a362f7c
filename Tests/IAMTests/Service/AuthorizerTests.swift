// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import IAM

@Suite("IAM authorisation") struct AuthorizerTests {
    private static let function = ARN(
        service: "lambda",
        region: "eu-west-1",
        account: IdentityBench.account,
        resource: "function:f"
    )

    /// One resource's policy.
    private struct OnePolicy: ResourcePolicySource {
        var service = "lambda"
        var text: String
        func policy(of resource: ARN) async throws -> String? { resource == AuthorizerTests.function ? text : nil }
    }

    private func request(
        _ principal: Principal,
        _ action: String = "lambda:InvokeFunction",
        on resources: [ARN] = [function],
        keys: [String: [String]] = [:]
    ) throws -> AuthorizationRequest {
        let region = try #require(Region("eu-west-1"))
        return AuthorizationRequest(
            principal: principal,
            action: action,
            resources: resources,
            scope: Scope(account: principal.account, region: region),
            sourceAddress: "203.0.113.7",
            userAgent: "test",
            at: Instant(milliseconds: 1_769_860_800_000),
            conditionKeys: keys
        )
    }

    private func principal(_ key: TestCredentials, _ bench: IdentityBench) async throws -> Principal {
        try #require(try await bench.parts.keys.credential(accessKeyID: key.accessKeyID, sessionToken: nil)).principal
    }

    private func refusal(_ bench: IdentityBench, _ request: AuthorizationRequest) async -> CommonError? {
        do {
            try await bench.parts.authorizer.authorize(request)
            return nil
        } catch {
            return error as? CommonError ?? CommonError("Unexpected", "\(error)")
        }
    }

    @Test(
        "a user may do what its policies and its groups' say, as soon as they say it, and AWS's words tell what is missing"
    )
    func users() async throws {
        try await IdentityBench.run(isEnforced: true) { bench in
            let ann = try await bench.makeUser("ann")
            let asked = try request(try await principal(ann, bench))
            #expect(
                await refusal(bench, asked)
                    == CommonError(
                        "AccessDeniedException",
                        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: lambda:InvokeFunction on resource: "
                            + "arn:aws:lambda:eu-west-1:123456789012:function:f because no identity-based policy allows the "
                            + "lambda:InvokeFunction action",
                        status: 403
                    )
            )
            var group = CreateGroupInput()
            group.groupName = "g"
            _ = try await bench.iam().call(IAMOperations.createGroup, group)
            var attach = AttachGroupPolicyInput()
            (attach.groupName, attach.policyArn) = ("g", "arn:aws:iam::aws:policy/service-role/AWSLambdaRole")
            _ = try await bench.iam().call(IAMOperations.attachGroupPolicy, attach)
            var add = AddUserToGroupInput()
            (add.groupName, add.userName) = ("g", "ann")
            _ = try await bench.iam().call(IAMOperations.addUserToGroup, add)
            #expect(await refusal(bench, asked) == nil)
            var remove = RemoveUserFromGroupInput()
            (remove.groupName, remove.userName) = ("g", "ann")
            _ = try await bench.iam().call(IAMOperations.removeUserFromGroup, remove)
            #expect(await refusal(bench, asked)?.code == "AccessDeniedException")
        }
    }

    @Test("over the wire: a user without permission gets AccessDenied, with it an answer; anyone may ask who he is")
    func overTheWire() async throws {
        try await IdentityBench.run(isEnforced: true) { bench in
            let ann = try await bench.makeUser("ann")
            let denied = await failure { try await bench.listRoles(as: ann) }
            #expect(
                denied
                    == ClientError(
                        "AccessDenied",
                        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: iam:ListRoles on resource: * "
                            + "because no identity-based policy allows the iam:ListRoles action",
                        status: 403
                    )
            )
            try await bench.allow("iam:ListRoles", toUser: "ann")
            try await bench.listRoles(as: ann)
        }
    }

    @Test("IAM's own resources are known with their paths")
    func pathsOfResources() async throws {
        try await IdentityBench.run(isEnforced: true) { bench in
            let ann = try await bench.makeUser("ann")
            try await bench.makeRole("mine", path: "/team/")
            try await bench.makeRole("other")
            try await bench.allow("iam:GetRole", toUser: "ann", on: "arn:aws:iam::123456789012:role/team/*")
            try await bench.getRole("mine", as: ann)
            #expect(await failure { try await bench.getRole("other", as: ann) }?.code == "AccessDenied")
        }
    }

    @Test("a user may look after its own keys, named or not, where a policy says so with a variable")
    func ownKeys() async throws {
        try await IdentityBench.run(isEnforced: true) { bench in
            let ann = try await bench.makeUser("ann")
            _ = try await bench.makeUser("bob")
            try await bench.allow("iam:*AccessKey*", toUser: "ann", on: "arn:aws:iam::*:user/${aws:username}")
            var list = ListAccessKeysInput()
            #expect(try await bench.iam(as: ann).call(IAMOperations.listAccessKeys, list).accessKeyMetadata.count == 1)
            list.userName = "ann"
            #expect(try await bench.iam(as: ann).call(IAMOperations.listAccessKeys, list).accessKeyMetadata.count == 1)
            list.userName = "bob"
            let other = await failure { _ = try await bench.iam(as: ann).call(IAMOperations.listAccessKeys, list) }
            #expect(other?.code == "AccessDenied")
        }
    }

    @Test("a boundary limits a role, and a role that is gone may do nothing")
    func roles() async throws {
        try await IdentityBench.run(isEnforced: true) { bench in
            let role = try #require(ARN(try await bench.makeRole()))
            try await bench.allow("*", to: "worker")
            let asked = try request(try #require(try await bench.session(of: role)))
            #expect(await refusal(bench, asked) == nil)
            var boundary = PutRolePermissionsBoundaryInput()
            (boundary.roleName, boundary.permissionsBoundary) = ("worker", "arn:aws:iam::aws:policy/AmazonS3FullAccess")
            _ = try await bench.iam().call(IAMOperations.putRolePermissionsBoundary, boundary)
            #expect(
                await refusal(bench, asked)?.message.hasSuffix(
                    "because no permissions boundary allows the lambda:InvokeFunction action"
                ) == true
            )
            try await bench.deleteRole("worker")
            #expect(
                await refusal(bench, asked)?.message.hasSuffix(
                    "because no identity-based policy allows the lambda:InvokeFunction action"
                ) == true
            )
        }
    }

    @Test("a function's policy lets another account and a service in")
    func resourcePolicies() async throws {
        try await IdentityBench.run(isEnforced: true) { bench in
            bench.parts.resourcePolicies.register(
                OnePolicy(
                    text:
                        #"{"Version":"2012-10-17","Statement":[{"Sid":"a-b","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:f"},{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"*","Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"}}}]}"#
                )
            )
            let other = try #require(AccountID("210987654321"))
            #expect(await refusal(bench, try request(.root(of: other))) == nil)
            #expect(
                await refusal(bench, try request(.root(of: other), "lambda:GetFunction"))?.message.hasSuffix(
                    "because no resource-based policy allows the lambda:GetFunction action"
                ) == true
            )
            let s3 = Principal(
                account: .local,
                kind: .service("s3.amazonaws.com"),
                arn: ARN(service: "iam", region: "", account: AccountID.local.text, resource: "s3.amazonaws.com"),
                userID: "s3"
            )
            #expect(await refusal(bench, try request(s3))?.code == "AccessDeniedException")
            #expect(await refusal(bench, try request(s3, keys: ["aws:sourceaccount": [IdentityBench.account]])) == nil)
        }
    }

    @Test("a resource policy that cannot be read lets nobody in")
    func brokenResourcePolicy() async throws {
        try await IdentityBench.run(isEnforced: true) { bench in
            bench.parts.resourcePolicies.register(OnePolicy(text: "{"))
            let root = Principal.root(of: try #require(AccountID(IdentityBench.account)))
            #expect(await refusal(bench, try request(root))?.code == "Unexpected")
        }
    }

    @Test("a session that this node has not verified may do nothing")
    func unknownSession() async throws {
        try await IdentityBench.run(isEnforced: true) { bench in
            var root = Principal.root(of: try #require(AccountID(IdentityBench.account)))
            root.accessKeyID = "ASIAUNKNOWN"
            #expect(await refusal(bench, try request(root))?.code == "Unexpected")
        }
    }

    @Test("policies see who calls, from where, when and under which tags")
    func conditionKeys() async throws {
        try await IdentityBench.run(isEnforced: true) { bench in
            let ann = try await bench.makeUser("ann")
            var tag = TagUserInput()
            (tag.userName, tag.tags) = ("ann", [Tag("Team", "red")])
            _ = try await bench.iam().call(IAMOperations.tagUser, tag)
            var put = PutUserPolicyInput()
            (put.userName, put.policyName) = ("ann", "p")
            let asked = try request(try await principal(ann, bench))
            for (condition, isAllowed) in [
                (
                    #"{"StringEquals":{"aws:PrincipalTag/team":"red","aws:username":"ann","aws:RequestedRegion":"eu-west-1"}}"#,
                    true
                ),
                (#"{"StringEquals":{"aws:PrincipalTag/team":"blue"}}"#, false),
                (#"{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#, true),
                (#"{"DateGreaterThan":{"aws:CurrentTime":"2026-02-01T00:00:00Z"}}"#, false),
                (
                    #"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/a*"},"StringEquals":{"aws:PrincipalType":"User","aws:ResourceAccount":"123456789012"}}"#,
                    true
                ),
                (#"{"Bool":{"aws:PrincipalIsAWSService":"true"}}"#, false),
            ] {
                put.policyDocument =
                    #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"lambda:*","Resource":"*","Condition":\#(condition)}}"#
                _ = try await bench.iam().call(IAMOperations.putUserPolicy, put)
                #expect((await refusal(bench, asked) == nil) == isAllowed, "\(condition)")
            }
        }
    }

    @Test("a role stands as its trust policy says")
    func standing() async throws {
        try await IdentityBench.run { bench in
            let lambda = try #require(ARN(try await bench.makeRole("a")))
            let ec2 = try #require(ARN(try await bench.makeRole("b", trust: #"{"Service":"ec2.amazonaws.com"}"#)))
            let service = "lambda.amazonaws.com"
            #expect(try await bench.parts.roles.standing(of: lambda, for: service) == .trusts)
            #expect(try await bench.parts.roles.standing(of: ec2, for: service) == .exists)
            var missing = lambda
            missing.resource = "role/x/a"
            #expect(try await bench.parts.roles.standing(of: missing, for: service) == .missing)
        }
    }
}
