// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import IAM

@Suite("IAM managed policies") struct ManagedPolicyTests {
    private func make(
        _ name: String,
        _ bench: IdentityBench,
        document: String = IdentityBench.document("s3:*")
    ) async throws -> String {
        var input = CreatePolicyInput()
        (input.policyName, input.policyDocument) = (name, document)
        return try await bench.iam().call(IAMOperations.createPolicy, input).policy?.arn ?? ""
    }

    @Test("a policy has up to five versions, one of which is in force")
    func versions() async throws {
        try await IdentityBench.run { bench in
            let iam = bench.iam()
            let arn = try await make("p", bench)
            #expect(arn == "arn:aws:iam::123456789012:policy/p")
            var create = CreatePolicyVersionInput()
            (create.policyArn, create.policyDocument, create.setAsDefault) = (
                arn, IdentityBench.document("sqs:*"), true
            )
            let second = try await iam.call(IAMOperations.createPolicyVersion, create).policyVersion
            #expect(second?.versionId == "v2" && second?.isDefaultVersion == true)
            create.setAsDefault = false
            for _ in 0..<3 { _ = try await iam.call(IAMOperations.createPolicyVersion, create) }
            let sixth = await failure { _ = try await iam.call(IAMOperations.createPolicyVersion, create) }
            #expect(sixth?.code == "LimitExceeded")

            var list = ListPolicyVersionsInput()
            list.policyArn = arn
            let versions = try await iam.call(IAMOperations.listPolicyVersions, list).versions ?? []
            #expect(versions.map(\.versionId) == ["v5", "v4", "v3", "v2", "v1"])
            #expect(versions.filter { $0.isDefaultVersion == true }.map(\.versionId) == ["v2"])

            var delete = DeletePolicyVersionInput()
            (delete.policyArn, delete.versionId) = (arn, "v2")
            let inForce = await failure { _ = try await iam.call(IAMOperations.deletePolicyVersion, delete) }
            #expect(
                inForce == ClientError("DeleteConflict", "Cannot delete the default version of a policy.", status: 409)
            )
            delete.versionId = "v5"
            _ = try await iam.call(IAMOperations.deletePolicyVersion, delete)
            // Numbers are not used again.
            #expect(try await iam.call(IAMOperations.createPolicyVersion, create).policyVersion?.versionId == "v6")
            var get = GetPolicyVersionInput()
            (get.policyArn, get.versionId) = (arn, "v9")
            let missing = await failure { _ = try await iam.call(IAMOperations.getPolicyVersion, get) }
            #expect(missing?.message == "Policy \(arn) version v9 does not exist or is not attachable.")
        }
    }

    @Test("a policy that is attached, bounds somebody or has further versions cannot be deleted")
    func deletion() async throws {
        try await IdentityBench.run { bench in
            let iam = bench.iam()
            let arn = try await make("p", bench)
            try await bench.makeRole("r")
            var attach = AttachRolePolicyInput()
            (attach.roleName, attach.policyArn) = ("r", arn)
            _ = try await iam.call(IAMOperations.attachRolePolicy, attach)
            var get = GetPolicyInput()
            get.policyArn = arn
            #expect(try await iam.call(IAMOperations.getPolicy, get).policy?.attachmentCount == 1)
            var entities = ListEntitiesForPolicyInput()
            entities.policyArn = arn
            #expect(
                try await iam.call(IAMOperations.listEntitiesForPolicy, entities).policyRoles?.map(\.roleName) == ["r"]
            )

            var delete = DeletePolicyInput()
            delete.policyArn = arn
            let attached = await failure { _ = try await iam.call(IAMOperations.deletePolicy, delete) }
            #expect(
                attached == ClientError("DeleteConflict", "Cannot delete a policy attached to entities.", status: 409)
            )
            var detach = DetachRolePolicyInput()
            (detach.roleName, detach.policyArn) = ("r", arn)
            _ = try await iam.call(IAMOperations.detachRolePolicy, detach)
            var boundary = PutRolePermissionsBoundaryInput()
            (boundary.roleName, boundary.permissionsBoundary) = ("r", arn)
            _ = try await iam.call(IAMOperations.putRolePermissionsBoundary, boundary)
            #expect(
                await failure { _ = try await iam.call(IAMOperations.deletePolicy, delete) }?.code == "DeleteConflict"
            )
            var unbound = DeleteRolePermissionsBoundaryInput()
            unbound.roleName = "r"
            _ = try await iam.call(IAMOperations.deleteRolePermissionsBoundary, unbound)
            _ = try await iam.call(IAMOperations.deletePolicy, delete)
            let gone = await failure { _ = try await iam.call(IAMOperations.getPolicy, get) }
            #expect(gone == ClientError("NoSuchEntity", "Policy \(arn) was not found.", status: 404))
        }
    }

    @Test("names are taken once, and documents have 6,144 characters without their white space")
    func limits() async throws {
        try await IdentityBench.run { bench in
            _ = try await make("p", bench)
            let twin = await failure { _ = try await make("P", bench) }
            #expect(twin?.message == "A policy called P already exists. Duplicate names are not allowed.")
            let spaced = IdentityBench.document("s3:*").replacing(",", with: "," + String(repeating: " ", count: 3_000))
            _ = try await make("spaced", bench, document: spaced)
            let long = IdentityBench.document("s3:*", on: "arn:aws:s3:::" + String(repeating: "b", count: 6_144))
            let error = await failure { _ = try await make("long", bench, document: long) }
            #expect(error == ClientError("LimitExceeded", "Cannot exceed quota for PolicySize: 6144", status: 409))
        }
    }

    @Test("AWS's policies can be read and not changed")
    func awsManaged() async throws {
        try await IdentityBench.run { bench in
            let arn = "arn:aws:iam::aws:policy/AdministratorAccess"
            var get = GetPolicyVersionInput()
            (get.policyArn, get.versionId) = (arn, "v1")
            let document = try await bench.iam().call(IAMOperations.getPolicyVersion, get).policyVersion?.document
            #expect(
                document
                    == URIEncoding.encode(
                        #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#
                    )
            )
            var delete = DeletePolicyInput()
            delete.policyArn = arn
            #expect(
                await failure { _ = try await bench.iam().call(IAMOperations.deletePolicy, delete) }?.code
                    == "AccessDenied"
            )
        }
    }

    @Test("the list goes from the account's policies over to AWS's, page by page, each once")
    func listing() async throws {
        try await IdentityBench.run { bench in
            for name in ["c", "a", "b"] { _ = try await make(name, bench) }
            var input = ListPoliciesInput()
            input.maxItems = 2
            var names: [String] = []
            repeat {
                let page = try await bench.iam().call(IAMOperations.listPolicies, input)
                names += page.policies?.compactMap(\.policyName) ?? []
                input.marker = page.marker
            } while input.marker != nil
            #expect(names == ["a", "b", "c"] + AWSManagedPolicies.sorted.map(\.name))
            input.scope = .local
            input.maxItems = nil
            #expect(try await bench.iam().call(IAMOperations.listPolicies, input).policies?.count == 3)
            input.onlyAttached = true
            #expect(try await bench.iam().call(IAMOperations.listPolicies, input).policies?.isEmpty != false)
        }
    }

    @Test("the simulator answers for each action and resource, and names the keys it missed")
    func simulation() async throws {
        try await IdentityBench.run { bench in
            var input = SimulateCustomPolicyInput()
            input.policyInputList = [
                #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::b/*","Condition":{"Bool":{"aws:SecureTransport":"true"}}},{"Effect":"Deny","Action":"s3:GetSecret","Resource":"*"}]}"#
            ]
            input.actionNames = ["s3:GetObject", "s3:PutObject", "s3:GetSecret"]
            input.resourceArns = ["arn:aws:s3:::b/x"]
            func decisions() async throws -> [String] {
                try await bench.iam().call(IAMOperations.simulateCustomPolicy, input).evaluationResults?.map(
                    \.evalDecision.rawValue
                ) ?? []
            }
            #expect(try await decisions() == ["implicitDeny", "implicitDeny", "explicitDeny"])
            let first = try await bench.iam().call(IAMOperations.simulateCustomPolicy, input).evaluationResults?.first
            #expect(first?.missingContextValues == ["aws:securetransport"])
            var entry = ContextEntry()
            (entry.contextKeyName, entry.contextKeyValues, entry.contextKeyType) = (
                "aws:SecureTransport", ["true"], .boolean
            )
            input.contextEntries = [entry]
            #expect(try await decisions() == ["allowed", "implicitDeny", "explicitDeny"])
        }
    }

    @Test("the simulator knows what a role may do")
    func principalSimulation() async throws {
        try await IdentityBench.run { bench in
            let arn = try await bench.makeRole("r")
            try await bench.allow("sqs:*", to: "r")
            var input = SimulatePrincipalPolicyInput()
            (input.policySourceArn, input.actionNames) = (arn, ["sqs:SendMessage", "sns:Publish"])
            let results =
                try await bench.iam().call(IAMOperations.simulatePrincipalPolicy, input).evaluationResults ?? []
            #expect(results.map(\.evalDecision) == [.allowed, .implicitDeny])
            #expect(results.first?.matchedStatements?.first?.sourcePolicyId == "role_r_p-Allow")
        }
    }
}
