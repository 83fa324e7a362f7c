// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension IAMService {
    /// AWS: CreatePolicy
    func createPolicy(_ input: CreatePolicyInput, _ context: RequestContext) async throws -> CreatePolicyOutput {
        try checkManaged(input.policyDocument)
        let createdAt = now
        let policy = ManagedPolicy(
            id: uniqueID("ANPA"),
            account: context.account,
            name: input.policyName,
            path: input.path ?? "/",
            description: input.description,
            defaultVersion: 1,
            createdAt: createdAt,
            updatedAt: createdAt
        )
        try await store.write(context.account) { iam in
            try iam.insert(policy, document: input.policyDocument)
            try iam.put(input.tags ?? [], on: policy.id)
        }
        var output = CreatePolicyOutput()
        output.policy = Policy(policy, context.partition, usage: (0, 0))
        output.policy?.tags = input.tags
        return output
    }

    /// AWS: GetPolicy
    func getPolicy(_ input: GetPolicyInput, _ context: RequestContext) async throws -> GetPolicyOutput {
        try Self.checkPolicyARN(input.policyArn)
        let (policy, usage, tags) = try await store.read(context.account) { iam in
            let policy = try iam.policy(input.policyArn)
            return (policy, try iam.usage(of: input.policyArn), try iam.tags(of: policy.id))
        }
        var answer = Policy(policy, context.partition, usage: usage)
        answer.description = policy.description
        answer.tags = tags.isEmpty ? nil : tags
        var output = GetPolicyOutput()
        output.policy = answer
        return output
    }

    /// The account's policies first, then AWS's, each in the order of their names. AWS: ListPolicies
    func listPolicies(_ input: ListPoliciesInput, _ context: RequestContext) async throws -> ListPoliciesOutput {
        let request = try PolicyListing(input, partition: context.partition)
        let page = try await store.read(context.account) { try request.run($0) }
        var output = ListPoliciesOutput()
        (output.policies, output.isTruncated, output.marker) = (page.items, page.isTruncated, page.marker)
        return output
    }

    /// Throws `DeleteConflictException` while it is used, or has versions beside the default one. AWS: DeletePolicy
    func deletePolicy(_ input: DeletePolicyInput, _ context: RequestContext) async throws -> DeletePolicyOutput {
        try Self.checkPolicyARN(input.policyArn)
        try await store.write(context.account) { iam in
            let policy = try iam.customerPolicy(input.policyArn)
            let usage = try iam.usage(of: input.policyArn)
            guard usage.attachments == 0, usage.boundaries == 0 else {
                throw DeleteConflictException("Cannot delete a policy attached to entities.")
            }
            guard try iam.versions(of: policy).count == 1 else {
                throw DeleteConflictException(
                    "This policy has more than one version. Before you delete a policy, you must delete the policy's "
                        + "versions. The default version is deleted with the policy."
                )
            }
            try iam.delete(policy)
        }
        return DeletePolicyOutput()
    }

    /// AWS: ListEntitiesForPolicy
    func listEntitiesForPolicy(
        _ input: ListEntitiesForPolicyInput,
        _ context: RequestContext
    ) async throws -> ListEntitiesForPolicyOutput {
        try Self.checkPolicyARN(input.policyArn)
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await store.read(context.account) { iam in
            _ = try iam.policy(input.policyArn)
            let asBoundary = input.policyUsageFilter == .permissionsBoundary
            let users = try iam.identities(using: input.policyArn, asBoundary: asBoundary).filter(input.admits)
            return Page(cutting: users, request) { $0.id }
        }
        var output = ListEntitiesForPolicyOutput()
        output.add(page.items)
        (output.isTruncated, output.marker) = (page.isTruncated, page.marker)
        return output
    }

    /// AWS: TagPolicy
    func tagPolicy(_ input: TagPolicyInput, _ context: RequestContext) async throws -> TagPolicyOutput {
        try await store.write(context.account) { try $0.put(input.tags, on: try $0.customerPolicy(input.policyArn).id) }
        return TagPolicyOutput()
    }

    /// AWS: UntagPolicy
    func untagPolicy(_ input: UntagPolicyInput, _ context: RequestContext) async throws -> UntagPolicyOutput {
        try await store.write(context.account) { iam in
            try iam.removeTags(input.tagKeys, from: try iam.customerPolicy(input.policyArn).id)
        }
        return UntagPolicyOutput()
    }

    /// AWS: ListPolicyTags
    func listPolicyTags(_ input: ListPolicyTagsInput, _ context: RequestContext) async throws -> ListPolicyTagsOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await store.read(context.account) { iam in
            Page(cutting: try iam.tags(of: try iam.policy(input.policyArn).id), request) { $0.key.lowercased() }
        }
        var output = ListPolicyTagsOutput()
        (output.tags, output.isTruncated, output.marker) = (page.items, page.isTruncated, page.marker)
        return output
    }

    func checkManaged(_ document: String) throws {
        try check(document, as: .identity)
        try Quota.check("PolicySize", Quota.managedPolicySize, isExceededBy: Quota.size(of: document))
    }
}

extension ListEntitiesForPolicyInput {
    fileprivate func admits(_ identity: Identity) -> Bool {
        guard identity.path.hasPrefix(pathPrefix ?? "/") else { return false }
        switch entityFilter {
        case nil: return true
        case EntityType.user?: return identity.kind == .user
        case EntityType.group?: return identity.kind == .group
        case EntityType.role?: return identity.kind == .role
        default: return false
        }
    }
}

extension ListEntitiesForPolicyOutput {
    fileprivate mutating func add(_ identities: [Identity]) {
        var (users, groups, roles) = ([PolicyUser](), [PolicyGroup](), [PolicyRole]())
        for identity in identities {
            switch identity.kind {
            case .user: users.append(PolicyUser(userName: identity.name, userId: identity.id))
            case .group: groups.append(PolicyGroup(groupName: identity.name, groupId: identity.id))
            case .role: roles.append(PolicyRole(roleName: identity.name, roleId: identity.id))
            case .instanceProfile: continue
            }
        }
        (policyUsers, policyGroups, policyRoles) = (users, groups, roles)
    }
}
