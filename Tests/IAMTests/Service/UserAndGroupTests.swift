// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import IAM

@Suite("IAM users and groups") struct UserAndGroupTests {
    @Test("an access key has AWS's form, its secret is shown once, and a user has two at most")
    func accessKeys() async throws {
        try await IdentityBench.run { bench in
            let key = try await bench.makeUser("ann")
            #expect(
                key.accessKeyID.hasPrefix("AKIA") && key.accessKeyID.utf8.count == 20
                    && key.secretAccessKey.utf8.count == 40
            )
            #expect(AccessKeyID.account(of: key.accessKeyID)?.text == IdentityBench.account)
            _ = try await bench.makeKey(of: "ann")
            let third = await failure { _ = try await bench.makeKey(of: "ann") }
            #expect(third == ClientError("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", status: 409))
            var list = ListAccessKeysInput()
            list.userName = "ann"
            let keys = try await bench.iam().call(IAMOperations.listAccessKeys, list).accessKeyMetadata
            #expect(keys.count == 2 && keys.allSatisfy { $0.status == .active && $0.userName == "ann" })
        }
    }

    @Test("the secret is stored sealed, bound to its key")
    func sealedSecret() async throws {
        try await IdentityBench.run { bench in
            let key = try await bench.makeUser("ann")
            let account = try #require(AccountID(IdentityBench.account))
            let stored = try #require(try await bench.parts.store.read(account) { try $0.accessKey(key.accessKeyID) })
            #expect(stored.sealedSecret != Array(key.secretAccessKey.utf8))
            #expect(
                try bench.parts.cipher.open(stored.sealedSecret, context: stored.sealingContext)
                    == Array(key.secretAccessKey.utf8)
            )
            #expect(throws: BoundCipher.Broken.self) {
                try bench.parts.cipher.open(stored.sealedSecret, context: StoredAccessKey.sealingContext("AKIAOTHER"))
            }
        }
    }

    @Test("an inactive or deleted key signs nothing")
    func inactiveKey() async throws {
        try await IdentityBench.run { bench in
            let key = try await bench.makeUser("ann")
            #expect(
                try await bench.parts.keys.credential(accessKeyID: key.accessKeyID, sessionToken: nil)?.secretAccessKey
                    == key.secretAccessKey
            )
            var update = UpdateAccessKeyInput()
            (update.userName, update.accessKeyId, update.status) = ("ann", key.accessKeyID, .inactive)
            _ = try await bench.iam().call(IAMOperations.updateAccessKey, update)
            #expect(try await bench.parts.keys.credential(accessKeyID: key.accessKeyID, sessionToken: nil) == nil)
            update.status = .active
            _ = try await bench.iam().call(IAMOperations.updateAccessKey, update)
            let found = try await bench.parts.keys.credential(accessKeyID: key.accessKeyID, sessionToken: nil)
            #expect(found?.principal.arn.description == "arn:aws:iam::123456789012:user/ann")
            var delete = DeleteAccessKeyInput()
            (delete.userName, delete.accessKeyId) = ("ann", key.accessKeyID)
            _ = try await bench.iam().call(IAMOperations.deleteAccessKey, delete)
            #expect(try await bench.parts.keys.credential(accessKeyID: key.accessKeyID, sessionToken: nil) == nil)
        }
    }

    @Test(
        "keys that nobody issued are not known",
        arguments: ["", "AKIA", "AKIAIOSFODNN7EXAMPLE", "test", "ASIAIOSFODNN7EXAMPLE"]
    )
    func unknownKeys(id: String) async throws {
        try await IdentityBench.run { bench in
            let found = try await bench.parts.keys.credential(accessKeyID: id, sessionToken: nil)
            #expect(found == nil)
        }
    }

    @Test("the last use of a key is written down once a minute, and only then seen")
    func lastUsed() async throws {
        try await IdentityBench.run { bench in
            let key = try await bench.makeUser("ann")
            var input = GetAccessKeyLastUsedInput()
            input.accessKeyId = key.accessKeyID
            let ann = bench.iam(as: key)
            #expect(
                try await bench.iam().call(IAMOperations.getAccessKeyLastUsed, input).accessKeyLastUsed?.serviceName
                    == "N/A"
            )
            _ = try await ann.call(IAMOperations.listRoles, ListRolesInput())
            #expect(
                try await bench.iam().call(IAMOperations.getAccessKeyLastUsed, input).accessKeyLastUsed?.lastUsedDate
                    == nil
            )
            let running = Task { try await bench.parts.usage.run() }
            await bench.server.clock.untilSleepers(1)
            let usedAt = bench.server.clock.now
            await bench.server.clock.advance(by: .seconds(60))
            await bench.server.clock.untilSleepers(1)
            let used = try await bench.iam().call(IAMOperations.getAccessKeyLastUsed, input)
            #expect(used.userName == "ann" && used.accessKeyLastUsed?.lastUsedDate == usedAt)
            running.cancel()
            _ = await running.result
        }
    }

    @Test("a user with keys, policies or groups cannot be deleted")
    func deleteConflicts() async throws {
        try await IdentityBench.run { bench in
            let iam = bench.iam()
            let key = try await bench.makeUser("ann")
            try await bench.allow("s3:*", toUser: "ann")
            var group = CreateGroupInput()
            group.groupName = "g"
            _ = try await iam.call(IAMOperations.createGroup, group)
            var add = AddUserToGroupInput()
            (add.groupName, add.userName) = ("g", "ann")
            _ = try await iam.call(IAMOperations.addUserToGroup, add)

            var delete = DeleteUserInput()
            delete.userName = "ann"
            func deletion() async -> String? {
                await failure { _ = try await iam.call(IAMOperations.deleteUser, delete) }?.message
            }
            #expect(await deletion() == "Cannot delete entity, must delete access keys first.")
            var deleteKey = DeleteAccessKeyInput()
            (deleteKey.userName, deleteKey.accessKeyId) = ("ann", key.accessKeyID)
            _ = try await iam.call(IAMOperations.deleteAccessKey, deleteKey)
            #expect(await deletion() == "Cannot delete entity, must delete policies first.")
            var deletePolicy = DeleteUserPolicyInput()
            (deletePolicy.userName, deletePolicy.policyName) = ("ann", "p")
            _ = try await iam.call(IAMOperations.deleteUserPolicy, deletePolicy)
            #expect(await deletion() == "Cannot delete entity, must remove users from group first.")
            var deleteGroup = DeleteGroupInput()
            deleteGroup.groupName = "g"
            #expect(
                await failure { _ = try await iam.call(IAMOperations.deleteGroup, deleteGroup) }?.code
                    == "DeleteConflict"
            )
            var remove = RemoveUserFromGroupInput()
            (remove.groupName, remove.userName) = ("g", "ann")
            _ = try await iam.call(IAMOperations.removeUserFromGroup, remove)
            #expect(await deletion() == nil)
            _ = try await iam.call(IAMOperations.deleteGroup, deleteGroup)
        }
    }

    @Test("a renamed user keeps its id, keys and groups")
    func rename() async throws {
        try await IdentityBench.run { bench in
            let key = try await bench.makeUser("ann")
            var update = UpdateUserInput()
            (update.userName, update.newUserName, update.newPath) = ("ann", "Ann.B", "/people/")
            _ = try await bench.iam().call(IAMOperations.updateUser, update)
            // Without a name: the caller itself.
            let user = try await bench.iam(as: key).call(IAMOperations.getUser, GetUserInput()).user
            #expect(user.arn == "arn:aws:iam::123456789012:user/people/Ann.B")
        }
    }

    @Test("GetUser of the root is the account")
    func root() async throws {
        try await IdentityBench.run { bench in
            let user = try await bench.iam().call(IAMOperations.getUser, GetUserInput()).user
            #expect(user.arn == "arn:aws:iam::123456789012:root" && user.userId == "123456789012")
        }
    }

    @Test("the root's key is made once, is verified, and outlives a reset of the account")
    func rootKey() async throws {
        try await IdentityBench.run { bench in
            let account = try #require(AccountID(IdentityBench.account))
            func ensure() async throws -> NewAccessKey? {
                try await RootKey.ensure(
                    account: account,
                    store: bench.parts.store,
                    cipher: bench.parts.cipher,
                    ids: bench.server.ground.ids,
                    clock: bench.server.clock
                )
            }
            let key = try #require(try await ensure())
            #expect(try await ensure() == nil)
            try await bench.makeRole("r")
            try await bench.parts.store.reset(account)
            let found = try await bench.parts.keys.credential(accessKeyID: key.accessKeyID, sessionToken: nil)
            #expect(found?.secretAccessKey == key.secretAccessKey && found?.principal.kind == .root)
            #expect(
                await failure { try await bench.getRole("r", as: .account(IdentityBench.account)) }?.code
                    == "NoSuchEntity"
            )
        }
    }

    @Test("an account has one alias, which no other account can take")
    func aliases() async throws {
        try await IdentityBench.run { bench in
            var create = CreateAccountAliasInput()
            create.accountAlias = "acme"
            _ = try await bench.iam().call(IAMOperations.createAccountAlias, create)
            #expect(
                try await bench.iam().call(IAMOperations.listAccountAliases, ListAccountAliasesInput()).accountAliases
                    == ["acme"]
            )
            let other = bench.iam(as: .account("210987654321"))
            let taken = await failure { _ = try await other.call(IAMOperations.createAccountAlias, create) }
            #expect(taken == ClientError("EntityAlreadyExists", "The account alias acme already exists.", status: 409))
            var delete = DeleteAccountAliasInput()
            delete.accountAlias = "acme"
            _ = try await bench.iam().call(IAMOperations.deleteAccountAlias, delete)
            _ = try await other.call(IAMOperations.createAccountAlias, create)
        }
    }

    @Test("the account's summary counts what is there")
    func summary() async throws {
        try await IdentityBench.run { bench in
            try await bench.makeRole("r")
            _ = try await bench.makeUser("ann")
            let map = try await bench.iam().call(IAMOperations.getAccountSummary, GetAccountSummaryInput()).summaryMap
            #expect(map?["Roles"] == 1 && map?["Users"] == 1 && map?["RolesQuota"] == 1_000)
        }
    }
}
