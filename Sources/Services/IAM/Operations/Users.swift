// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension IAMService {
    /// AWS: CreateUser
    func createUser(_ input: CreateUserInput, _ context: RequestContext) async throws -> CreateUserOutput {
        var user = Identity(
            .user,
            name: input.userName,
            path: input.path,
            account: context.account,
            id: uniqueID("AIDA"),
            createdAt: now
        )
        user.boundary = input.permissionsBoundary
        let made = user
        try await store.write(context.account) { iam in
            try iam.requireBoundary(made.boundary)
            try iam.insert(made)
            try iam.put(input.tags ?? [], on: made.id)
        }
        var output = CreateUserOutput()
        output.user = User(made, context.partition, tags: input.tags)
        return output
    }

    /// Without a name, the caller. AWS: GetUser
    func getUser(_ input: GetUserInput, _ context: RequestContext) async throws -> GetUserOutput {
        var output = GetUserOutput()
        guard let name = try input.userName ?? callingUser(context) else {
            output.user = Self.root(of: context)
            return output
        }
        let (user, tags) = try await store.read(context.account) { iam in
            let user = try iam.identity(.user, named: name)
            return (user, try iam.tags(of: user.id))
        }
        output.user = User(user, context.partition, tags: tags)
        return output
    }

    /// AWS: ListUsers
    func listUsers(_ input: ListUsersInput, _ context: RequestContext) async throws -> ListUsersOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await store.read(context.account) {
            try $0.identities(.user, pathPrefix: input.pathPrefix, request)
        }
        var output = ListUsersOutput()
        output.users = page.items.map { identity in
            var user = User(identity, context.partition)
            user.permissionsBoundary = nil
            return user
        }
        (output.isTruncated, output.marker) = (page.isTruncated, page.marker)
        return output
    }

    /// AWS: UpdateUser
    func updateUser(_ input: UpdateUserInput, _ context: RequestContext) async throws -> UpdateUserOutput {
        try await change(.user, input.userName, context) { user in
            user.name = input.newUserName ?? user.name
            user.path = input.newPath ?? user.path
        }
        return UpdateUserOutput()
    }

    /// Throws `DeleteConflictException` while it has keys, policies or groups. AWS: DeleteUser
    func deleteUser(_ input: DeleteUserInput, _ context: RequestContext) async throws -> DeleteUserOutput {
        try await store.write(context.account) { iam in
            let user = try iam.identity(.user, named: input.userName)
            guard try iam.accessKeys(ofUser: user.id).isEmpty else {
                throw DeleteConflictException("Cannot delete entity, must delete access keys first.")
            }
            try iam.requireNoPolicies(user)
            guard try iam.containers(of: user).isEmpty else {
                throw DeleteConflictException("Cannot delete entity, must remove users from group first.")
            }
            try iam.delete(user)
        }
        return DeleteUserOutput()
    }

    /// AWS: TagUser
    func tagUser(_ input: TagUserInput, _ context: RequestContext) async throws -> TagUserOutput {
        try await store.write(context.account) { iam in
            try iam.put(input.tags, on: try iam.identity(.user, named: input.userName).id)
        }
        return TagUserOutput()
    }

    /// AWS: UntagUser
    func untagUser(_ input: UntagUserInput, _ context: RequestContext) async throws -> UntagUserOutput {
        try await store.write(context.account) { iam in
            try iam.removeTags(input.tagKeys, from: try iam.identity(.user, named: input.userName).id)
        }
        return UntagUserOutput()
    }

    /// AWS: ListUserTags
    func listUserTags(_ input: ListUserTagsInput, _ context: RequestContext) async throws -> ListUserTagsOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await tags(of: .user, input.userName, request, context)
        var output = ListUserTagsOutput()
        (output.tags, output.isTruncated, output.marker) = (page.items, page.isTruncated, page.marker)
        return output
    }

    /// The name of the user that calls; nil for the account's root. Throws for callers that are neither.
    func callingUser(_ context: RequestContext) throws -> String? {
        switch context.principal.kind {
        case .user(let name): return name
        case .root: return nil
        default: throw CommonError("ValidationError", "Must specify userName when calling with non-User credentials")
        }
    }

    private static func root(of context: RequestContext) -> User {
        var user = User()
        user.userId = context.account.text
        user.userName = ""
        user.path = "/"
        user.arn = Principal.root(of: context.account, partition: context.partition).arn.description
        return user
    }
}
