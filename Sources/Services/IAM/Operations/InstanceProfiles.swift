// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension IAMService {
    /// AWS: CreateInstanceProfile
    func createInstanceProfile(
        _ input: CreateInstanceProfileInput,
        _ context: RequestContext
    ) async throws -> CreateInstanceProfileOutput {
        let profile = Identity(
            .instanceProfile,
            name: input.instanceProfileName,
            path: input.path,
            account: context.account,
            id: uniqueID("AIPA"),
            createdAt: now
        )
        try await store.write(context.account) { iam in
            try iam.insert(profile)
            try iam.put(input.tags ?? [], on: profile.id)
        }
        var output = CreateInstanceProfileOutput()
        output.instanceProfile = InstanceProfile(profile, context.partition, roles: [], tags: input.tags)
        return output
    }

    /// AWS: GetInstanceProfile
    func getInstanceProfile(
        _ input: GetInstanceProfileInput,
        _ context: RequestContext
    ) async throws -> GetInstanceProfileOutput {
        var output = GetInstanceProfileOutput()
        output.instanceProfile = try await store.read(context.account) { iam in
            let profile = try iam.identity(.instanceProfile, named: input.instanceProfileName)
            return InstanceProfile(
                profile,
                context.partition,
                roles: try iam.members(of: profile),
                tags: try iam.tags(of: profile.id)
            )
        }
        return output
    }

    /// AWS: ListInstanceProfiles
    func listInstanceProfiles(
        _ input: ListInstanceProfilesInput,
        _ context: RequestContext
    ) async throws -> ListInstanceProfilesOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await store.read(context.account) { iam in
            try iam.identities(.instanceProfile, pathPrefix: input.pathPrefix, request).map {
                InstanceProfile($0, context.partition, roles: try iam.members(of: $0))
            }
        }
        var output = ListInstanceProfilesOutput()
        (output.instanceProfiles, output.isTruncated, output.marker) = (page.items, page.isTruncated, page.marker)
        return output
    }

    /// AWS: ListInstanceProfilesForRole
    func listInstanceProfilesForRole(
        _ input: ListInstanceProfilesForRoleInput,
        _ context: RequestContext
    ) async throws -> ListInstanceProfilesForRoleOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await store.read(context.account) { iam in
            let role = try iam.identity(.role, named: input.roleName)
            return Page(cutting: try iam.containers(of: role), request) { $0.name.lowercased() }.map {
                InstanceProfile($0, context.partition, roles: [role])
            }
        }
        var output = ListInstanceProfilesForRoleOutput()
        (output.instanceProfiles, output.isTruncated, output.marker) = (page.items, page.isTruncated, page.marker)
        return output
    }

    /// Throws `DeleteConflictException` while it holds a role. AWS: DeleteInstanceProfile
    func deleteInstanceProfile(
        _ input: DeleteInstanceProfileInput,
        _ context: RequestContext
    ) async throws -> DeleteInstanceProfileOutput {
        try await store.write(context.account) { iam in
            let profile = try iam.identity(.instanceProfile, named: input.instanceProfileName)
            guard try iam.members(of: profile).isEmpty else {
                throw DeleteConflictException("Cannot delete entity, must remove roles from instance profile first.")
            }
            try iam.delete(profile)
        }
        return DeleteInstanceProfileOutput()
    }

    /// A profile holds one role. AWS: AddRoleToInstanceProfile
    func addRoleToInstanceProfile(
        _ input: AddRoleToInstanceProfileInput,
        _ context: RequestContext
    ) async throws -> AddRoleToInstanceProfileOutput {
        try await store.write(context.account) { iam in
            let profile = try iam.identity(.instanceProfile, named: input.instanceProfileName)
            let role = try iam.identity(.role, named: input.roleName)
            guard try iam.members(of: profile).isEmpty else {
                throw LimitExceededException("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
            }
            try iam.add(role, to: profile)
        }
        return AddRoleToInstanceProfileOutput()
    }

    /// AWS: RemoveRoleFromInstanceProfile
    func removeRoleFromInstanceProfile(
        _ input: RemoveRoleFromInstanceProfileInput,
        _ context: RequestContext
    ) async throws -> RemoveRoleFromInstanceProfileOutput {
        try await store.write(context.account) { iam in
            let profile = try iam.identity(.instanceProfile, named: input.instanceProfileName)
            let role = try iam.identity(.role, named: input.roleName)
            guard try iam.remove(role, from: profile) else {
                throw NoSuchEntityException(
                    "The role with name \(role.name) is not in the instance profile \(profile.name)."
                )
            }
        }
        return RemoveRoleFromInstanceProfileOutput()
    }
}
