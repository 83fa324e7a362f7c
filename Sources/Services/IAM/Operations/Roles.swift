// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension IAMService {
    /// AWS: CreateRole
    func createRole(_ input: CreateRoleInput, _ context: RequestContext) async throws -> CreateRoleOutput {
        try checkTrust(input.assumeRolePolicyDocument)
        var role = Identity(
            .role,
            name: input.roleName,
            path: input.path,
            account: context.account,
            id: uniqueID("AROA"),
            createdAt: now
        )
        role.trust = input.assumeRolePolicyDocument
        role.description = input.description
        role.maxSessionSeconds = input.maxSessionDuration ?? 3_600
        role.boundary = input.permissionsBoundary
        let made = role
        try await store.write(context.account) { iam in
            try iam.requireBoundary(made.boundary)
            try iam.insert(made)
            try iam.put(input.tags ?? [], on: made.id)
        }
        var output = CreateRoleOutput()
        output.role = Role(made, context.partition, tags: input.tags)
        output.role.roleLastUsed = nil
        return output
    }

    /// AWS: GetRole
    func getRole(_ input: GetRoleInput, _ context: RequestContext) async throws -> GetRoleOutput {
        let (role, tags) = try await store.read(context.account) { iam in
            let role = try iam.identity(.role, named: input.roleName)
            return (role, try iam.tags(of: role.id))
        }
        var output = GetRoleOutput()
        output.role = Role(role, context.partition, tags: tags)
        return output
    }

    /// AWS: ListRoles
    func listRoles(_ input: ListRolesInput, _ context: RequestContext) async throws -> ListRolesOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await store.read(context.account) {
            try $0.identities(.role, pathPrefix: input.pathPrefix, request)
        }
        var output = ListRolesOutput()
        output.roles = page.items.map { Role($0, context.partition, isListed: true) }
        (output.isTruncated, output.marker) = (page.isTruncated, page.marker)
        return output
    }

    /// An absent duration becomes the default again, as in AWS. AWS: UpdateRole
    func updateRole(_ input: UpdateRoleInput, _ context: RequestContext) async throws -> UpdateRoleOutput {
        try await change(.role, input.roleName, context) { role in
            role.description = input.description ?? role.description
            role.maxSessionSeconds = input.maxSessionDuration ?? 3_600
        }
        return UpdateRoleOutput()
    }

    /// AWS: UpdateRoleDescription
    func updateRoleDescription(
        _ input: UpdateRoleDescriptionInput,
        _ context: RequestContext
    ) async throws -> UpdateRoleDescriptionOutput {
        let role = try await change(.role, input.roleName, context) { $0.description = input.description }
        var output = UpdateRoleDescriptionOutput()
        output.role = Role(role, context.partition)
        return output
    }

    /// AWS: UpdateAssumeRolePolicy
    func updateAssumeRolePolicy(
        _ input: UpdateAssumeRolePolicyInput,
        _ context: RequestContext
    ) async throws -> UpdateAssumeRolePolicyOutput {
        try checkTrust(input.policyDocument)
        try await change(.role, input.roleName, context) { $0.trust = input.policyDocument }
        return UpdateAssumeRolePolicyOutput()
    }

    /// Throws `DeleteConflictException` while policies or profiles hang on it. AWS: DeleteRole
    func deleteRole(_ input: DeleteRoleInput, _ context: RequestContext) async throws -> DeleteRoleOutput {
        try await store.write(context.account) { iam in
            let role = try iam.identity(.role, named: input.roleName)
            guard try iam.containers(of: role).isEmpty else {
                throw DeleteConflictException("Cannot delete entity, must remove roles from instance profile first.")
            }
            try iam.requireNoPolicies(role)
            try iam.delete(role)
        }
        return DeleteRoleOutput()
    }

    /// AWS: TagRole
    func tagRole(_ input: TagRoleInput, _ context: RequestContext) async throws -> TagRoleOutput {
        try await store.write(context.account) { iam in
            try iam.put(input.tags, on: try iam.identity(.role, named: input.roleName).id)
        }
        return TagRoleOutput()
    }

    /// AWS: UntagRole
    func untagRole(_ input: UntagRoleInput, _ context: RequestContext) async throws -> UntagRoleOutput {
        try await store.write(context.account) { iam in
            try iam.removeTags(input.tagKeys, from: try iam.identity(.role, named: input.roleName).id)
        }
        return UntagRoleOutput()
    }

    /// AWS: ListRoleTags
    func listRoleTags(_ input: ListRoleTagsInput, _ context: RequestContext) async throws -> ListRoleTagsOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await tags(of: .role, input.roleName, request, context)
        var output = ListRoleTagsOutput()
        (output.tags, output.isTruncated, output.marker) = (page.items, page.isTruncated, page.marker)
        return output
    }

    private func checkTrust(_ document: String) throws {
        try check(document, as: .trust)
        try Quota.check("ACLSizePerRole", Quota.trustPolicySize, isExceededBy: Quota.size(of: document))
    }
}
