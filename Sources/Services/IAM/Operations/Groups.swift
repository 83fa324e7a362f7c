// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension IAMService {
    /// AWS: CreateGroup
    func createGroup(_ input: CreateGroupInput, _ context: RequestContext) async throws -> CreateGroupOutput {
        let group = Identity(
            .group,
            name: input.groupName,
            path: input.path,
            account: context.account,
            id: uniqueID("AGPA"),
            createdAt: now
        )
        try await store.write(context.account) { try $0.insert(group) }
        var output = CreateGroupOutput()
        output.group = Group(group, context.partition)
        return output
    }

    /// AWS: GetGroup
    func getGroup(_ input: GetGroupInput, _ context: RequestContext) async throws -> GetGroupOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let (group, page) = try await store.read(context.account) { iam in
            let group = try iam.identity(.group, named: input.groupName)
            return (group, Page(cutting: try iam.members(of: group), request) { $0.name.lowercased() })
        }
        var output = GetGroupOutput()
        output.group = Group(group, context.partition)
        output.users = page.items.map { User($0, context.partition) }
        (output.isTruncated, output.marker) = (page.isTruncated, page.marker)
        return output
    }

    /// AWS: ListGroups
    func listGroups(_ input: ListGroupsInput, _ context: RequestContext) async throws -> ListGroupsOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await store.read(context.account) {
            try $0.identities(.group, pathPrefix: input.pathPrefix, request)
        }
        var output = ListGroupsOutput()
        output.groups = page.items.map { Group($0, context.partition) }
        (output.isTruncated, output.marker) = (page.isTruncated, page.marker)
        return output
    }

    /// AWS: ListGroupsForUser
    func listGroupsForUser(
        _ input: ListGroupsForUserInput,
        _ context: RequestContext
    ) async throws -> ListGroupsForUserOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await store.read(context.account) { iam in
            let groups = try iam.containers(of: try iam.identity(.user, named: input.userName))
            return Page(cutting: groups, request) { $0.name.lowercased() }
        }
        var output = ListGroupsForUserOutput()
        output.groups = page.items.map { Group($0, context.partition) }
        (output.isTruncated, output.marker) = (page.isTruncated, page.marker)
        return output
    }

    /// AWS: UpdateGroup
    func updateGroup(_ input: UpdateGroupInput, _ context: RequestContext) async throws -> UpdateGroupOutput {
        try await change(.group, input.groupName, context) { group in
            group.name = input.newGroupName ?? group.name
            group.path = input.newPath ?? group.path
        }
        return UpdateGroupOutput()
    }

    /// Throws `DeleteConflictException` while it has users or policies. AWS: DeleteGroup
    func deleteGroup(_ input: DeleteGroupInput, _ context: RequestContext) async throws -> DeleteGroupOutput {
        try await store.write(context.account) { iam in
            let group = try iam.identity(.group, named: input.groupName)
            guard try iam.members(of: group).isEmpty else {
                throw DeleteConflictException("Cannot delete entity, must remove users from group first.")
            }
            try iam.requireNoPolicies(group)
            try iam.delete(group)
        }
        return DeleteGroupOutput()
    }

    /// AWS: AddUserToGroup
    func addUserToGroup(_ input: AddUserToGroupInput, _ context: RequestContext) async throws -> AddUserToGroupOutput {
        try await store.write(context.account) { iam in
            let group = try iam.identity(.group, named: input.groupName)
            let user = try iam.identity(.user, named: input.userName)
            let groups = try iam.containers(of: user)
            if groups.contains(group) { return }
            try Quota.check("GroupsPerUser", Quota.groupsPerUser, isExceededBy: groups.count + 1)
            try iam.add(user, to: group)
        }
        return AddUserToGroupOutput()
    }

    /// AWS: RemoveUserFromGroup
    func removeUserFromGroup(
        _ input: RemoveUserFromGroupInput,
        _ context: RequestContext
    ) async throws -> RemoveUserFromGroupOutput {
        try await store.write(context.account) { iam in
            let group = try iam.identity(.group, named: input.groupName)
            let user = try iam.identity(.user, named: input.userName)
            guard try iam.remove(user, from: group) else {
                throw NoSuchEntityException("User \(input.userName) not in group \(input.groupName)")
            }
        }
        return RemoveUserFromGroupOutput()
    }
}
