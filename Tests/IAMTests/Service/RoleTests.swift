// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import IAM

@Suite("IAM roles") struct RoleTests {
    private static let trust =
        #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#
    private static let basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"

    private func creation(_ name: String) -> CreateRoleInput {
        var input = CreateRoleInput()
        input.roleName = name
        input.assumeRolePolicyDocument = Self.trust
        return input
    }

    @Test("a role comes back as it was made, its trust policy URL-encoded, and what is unset is absent")
    func createAndGet() async throws {
        try await IdentityBench.run { bench in
            var input = creation("web-worker")
            input.path = "/team/"
            input.tags = [Tag("Env", "test")]
            let made = try await bench.iam().call(IAMOperations.createRole, input).role
            #expect(made.arn == "arn:aws:iam::123456789012:role/team/web-worker")
            #expect(made.roleId.hasPrefix("AROA") && made.roleId.utf8.count == 21)
            #expect(made.assumeRolePolicyDocument == URIEncoding.encode(Self.trust))
            #expect(made.maxSessionDuration == 3_600)
            #expect(made.description == nil && made.permissionsBoundary == nil)

            var get = GetRoleInput()
            get.roleName = "web-worker"
            let role = try await bench.iam().call(IAMOperations.getRole, get).role
            #expect(role.roleId == made.roleId && role.createDate == made.createDate)
            #expect(role.tags?.map(\.key) == ["Env"])
        }
    }

    @Test("names are taken whatever their case, and another account does not see them")
    func names() async throws {
        try await IdentityBench.run { bench in
            _ = try await bench.iam().call(IAMOperations.createRole, creation("Worker"))
            let twin = await failure { _ = try await bench.iam().call(IAMOperations.createRole, creation("worker")) }
            #expect(twin == ClientError("EntityAlreadyExists", "Role with name worker already exists.", status: 409))
            let other = await failure { try await bench.getRole("Worker", as: .account("210987654321")) }
            #expect(other == ClientError("NoSuchEntity", "The role with name Worker cannot be found.", status: 404))
        }
    }

    @Test("a malformed trust policy is refused in IAM's words")
    func malformedTrust() async throws {
        try await IdentityBench.run { bench in
            var input = creation("r")
            input.assumeRolePolicyDocument = "{"
            let error = await failure { _ = try await bench.iam().call(IAMOperations.createRole, input) }
            #expect(error == ClientError("MalformedPolicyDocument", "This policy contains invalid Json", status: 400))
            input.assumeRolePolicyDocument = Self.trust.replacing(
                "sts:AssumeRole",
                with: "s3:Get" + String(repeating: " ", count: 3)
            )
            #expect(
                await failure { _ = try await bench.iam().call(IAMOperations.createRole, input) }?.code
                    == "MalformedPolicyDocument"
            )
        }
    }

    @Test("what Terraform does to a role with a managed and an inline policy works from creation to deletion")
    func terraform() async throws {
        try await IdentityBench.run { bench in
            let iam = bench.iam()
            _ = try await iam.call(IAMOperations.createRole, creation("f"))
            var attach = AttachRolePolicyInput()
            (attach.roleName, attach.policyArn) = ("f", Self.basic)
            _ = try await iam.call(IAMOperations.attachRolePolicy, attach)
            _ = try await iam.call(IAMOperations.attachRolePolicy, attach)
            try await bench.allow("s3:GetObject", to: "f")

            var attached = ListAttachedRolePoliciesInput()
            attached.roleName = "f"
            let list = try await iam.call(IAMOperations.listAttachedRolePolicies, attached)
            #expect(list.attachedPolicies?.map(\.policyName) == ["AWSLambdaBasicExecutionRole"])
            #expect(list.isTruncated == false)
            var inline = GetRolePolicyInput()
            (inline.roleName, inline.policyName) = ("f", "p-Allow")
            let document = try await iam.call(IAMOperations.getRolePolicy, inline).policyDocument
            #expect(document == URIEncoding.encode(IdentityBench.document("s3:GetObject")))

            var delete = DeleteRoleInput()
            delete.roleName = "f"
            let first = await failure { _ = try await iam.call(IAMOperations.deleteRole, delete) }
            #expect(
                first
                    == ClientError(
                        "DeleteConflict",
                        "Cannot delete entity, must detach all policies first.",
                        status: 409
                    )
            )
            var detach = DetachRolePolicyInput()
            (detach.roleName, detach.policyArn) = ("f", Self.basic)
            _ = try await iam.call(IAMOperations.detachRolePolicy, detach)
            let again = await failure { _ = try await iam.call(IAMOperations.detachRolePolicy, detach) }
            #expect(again == ClientError("NoSuchEntity", "Policy \(Self.basic) was not found.", status: 404))
            let second = await failure { _ = try await iam.call(IAMOperations.deleteRole, delete) }
            #expect(
                second
                    == ClientError("DeleteConflict", "Cannot delete entity, must delete policies first.", status: 409)
            )
            try await bench.deleteRole("f")
            #expect(
                await failure { try await bench.getRole("f", as: .account(IdentityBench.account)) }?.code
                    == "NoSuchEntity"
            )
        }
    }

    @Test("a role in an instance profile cannot be deleted, and a profile holds one role")
    func instanceProfiles() async throws {
        try await IdentityBench.run { bench in
            let iam = bench.iam()
            try await bench.makeRole("a")
            try await bench.makeRole("b")
            var create = CreateInstanceProfileInput()
            create.instanceProfileName = "p"
            _ = try await iam.call(IAMOperations.createInstanceProfile, create)
            var add = AddRoleToInstanceProfileInput()
            (add.instanceProfileName, add.roleName) = ("p", "a")
            _ = try await iam.call(IAMOperations.addRoleToInstanceProfile, add)
            add.roleName = "b"
            let second = await failure { _ = try await iam.call(IAMOperations.addRoleToInstanceProfile, add) }
            #expect(second?.message == "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
            let held = await failure { try await bench.deleteRole("a") }
            #expect(held?.message == "Cannot delete entity, must remove roles from instance profile first.")

            var list = ListInstanceProfilesForRoleInput()
            list.roleName = "a"
            let profiles = try await iam.call(IAMOperations.listInstanceProfilesForRole, list).instanceProfiles
            #expect(profiles.map(\.instanceProfileName) == ["p"] && profiles.first?.roles.map(\.roleName) == ["a"])
            var remove = RemoveRoleFromInstanceProfileInput()
            (remove.instanceProfileName, remove.roleName) = ("p", "a")
            _ = try await iam.call(IAMOperations.removeRoleFromInstanceProfile, remove)
            try await bench.deleteRole("a")
            var delete = DeleteInstanceProfileInput()
            delete.instanceProfileName = "p"
            _ = try await iam.call(IAMOperations.deleteInstanceProfile, delete)
        }
    }

    @Test("an update changes what it names; trust, description and duration are stored")
    func updates() async throws {
        try await IdentityBench.run { bench in
            let iam = bench.iam()
            try await bench.makeRole("r")
            var update = UpdateRoleInput()
            (update.roleName, update.description, update.maxSessionDuration) = ("r", "does things", 7_200)
            _ = try await iam.call(IAMOperations.updateRole, update)
            var trust = UpdateAssumeRolePolicyInput()
            (trust.roleName, trust.policyDocument) = ("r", Self.trust)
            _ = try await iam.call(IAMOperations.updateAssumeRolePolicy, trust)
            var get = GetRoleInput()
            get.roleName = "r"
            let role = try await iam.call(IAMOperations.getRole, get).role
            #expect(role.description == "does things" && role.maxSessionDuration == 7_200)
            #expect(role.assumeRolePolicyDocument == URIEncoding.encode(Self.trust))
        }
    }

    @Test("a list goes on where its marker says, and a path prefix narrows it")
    func paging() async throws {
        try await IdentityBench.run { bench in
            for name in ["e", "b", "d", "a", "c"] { try await bench.makeRole(name, path: name == "d" ? "/x/" : nil) }
            var input = ListRolesInput()
            input.maxItems = 2
            var names: [String] = []
            var pages = 0
            repeat {
                let page = try await bench.iam().call(IAMOperations.listRoles, input)
                names += page.roles.map(\.roleName)
                #expect(page.isTruncated == (page.marker != nil))
                input.marker = page.marker
                pages += 1
            } while input.marker != nil
            #expect(names == ["a", "b", "c", "d", "e"] && pages == 3)
            input.pathPrefix = "/x/"
            #expect(try await bench.iam().call(IAMOperations.listRoles, input).roles.map(\.roleName) == ["d"])
            input.marker = "nonsense!"
            #expect(
                await failure { _ = try await bench.iam().call(IAMOperations.listRoles, input) }?.code
                    == "ValidationError"
            )
        }
    }

    @Test("tags are replaced whatever the case of their keys, fifty at most")
    func tags() async throws {
        try await IdentityBench.run { bench in
            try await bench.makeRole("r")
            var tag = TagRoleInput()
            (tag.roleName, tag.tags) = ("r", [Tag("Team", "red")])
            _ = try await bench.iam().call(IAMOperations.tagRole, tag)
            tag.tags = [Tag("team", "blue")]
            _ = try await bench.iam().call(IAMOperations.tagRole, tag)
            var list = ListRoleTagsInput()
            list.roleName = "r"
            let tags = try await bench.iam().call(IAMOperations.listRoleTags, list).tags
            #expect(tags.map(\.key) == ["team"] && tags.map(\.value) == ["blue"])
            tag.tags = (0..<50).map { Tag("k\($0)", "") }
            let error = await failure { _ = try await bench.iam().call(IAMOperations.tagRole, tag) }
            #expect(
                error == ClientError("LimitExceeded", "The number of tags has reached the maximum limit.", status: 409)
            )
            #expect(try await bench.iam().call(IAMOperations.listRoleTags, list).tags.count == 1)
            tag.tags = [Tag("a", ""), Tag("A", "")]
            #expect(
                await failure { _ = try await bench.iam().call(IAMOperations.tagRole, tag) }?.code == "InvalidInput"
            )
            var untag = UntagRoleInput()
            (untag.roleName, untag.tagKeys) = ("r", ["TEAM"])
            _ = try await bench.iam().call(IAMOperations.untagRole, untag)
            #expect(try await bench.iam().call(IAMOperations.listRoleTags, list).tags.isEmpty)
        }
    }

    @Test("ten managed policies can be attached, and inline ones have 10,240 characters together")
    func limits() async throws {
        try await IdentityBench.run { bench in
            try await bench.makeRole("r")
            var attach = AttachRolePolicyInput()
            attach.roleName = "r"
            for policy in AWSManagedPolicies.sorted.prefix(10) {
                attach.policyArn = policy.arn("aws")
                _ = try await bench.iam().call(IAMOperations.attachRolePolicy, attach)
            }
            attach.policyArn = AWSManagedPolicies.sorted[10].arn("aws")
            let eleventh = await failure { _ = try await bench.iam().call(IAMOperations.attachRolePolicy, attach) }
            #expect(
                eleventh == ClientError("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10", status: 409)
            )

            let long = "arn:aws:s3:::" + String(repeating: "b", count: 5_100)
            try await bench.allow("s3:Get", to: "r", on: long)
            let second = await failure { try await bench.allow("s3:Get", to: "r", on: long, effect: "Deny") }
            #expect(second?.message == "Maximum policy size of 10240 bytes exceeded for role r")
        }
    }

    @Test("only policies that exist can be attached or be a boundary")
    func missingPolicies() async throws {
        try await IdentityBench.run { bench in
            try await bench.makeRole("r")
            var attach = AttachRolePolicyInput()
            attach.roleName = "r"
            for arn in ["arn:aws:iam::123456789012:policy/nope", "arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole"]
            {
                attach.policyArn = arn
                let error = await failure { _ = try await bench.iam().call(IAMOperations.attachRolePolicy, attach) }
                #expect(
                    error
                        == ClientError(
                            "NoSuchEntity",
                            "Policy \(arn) does not exist or is not attachable.",
                            status: 404
                        )
                )
            }
            attach.policyArn = "this is no ARN at all"
            #expect(
                await failure { _ = try await bench.iam().call(IAMOperations.attachRolePolicy, attach) }?.code
                    == "InvalidInput"
            )
            var boundary = PutRolePermissionsBoundaryInput()
            (boundary.roleName, boundary.permissionsBoundary) = ("r", "arn:aws:iam::123456789012:policy/nope")
            #expect(
                await failure { _ = try await bench.iam().call(IAMOperations.putRolePermissionsBoundary, boundary) }?
                    .code == "NoSuchEntity"
            )
        }
    }
}
