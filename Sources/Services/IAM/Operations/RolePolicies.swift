// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension IAMService {
    /// AWS: PutRolePolicy
    func putRolePolicy(_ input: PutRolePolicyInput, _ context: RequestContext) async throws -> PutRolePolicyOutput {
        try await putInline(input.policyName, input.policyDocument, into: .role, input.roleName, context)
        return PutRolePolicyOutput()
    }

    /// AWS: GetRolePolicy
    func getRolePolicy(_ input: GetRolePolicyInput, _ context: RequestContext) async throws -> GetRolePolicyOutput {
        let policy = try await inline(input.policyName, of: .role, input.roleName, context)
        var output = GetRolePolicyOutput()
        output.roleName = input.roleName
        output.policyName = policy.name
        output.policyDocument = URIEncoding.encode(policy.document)
        return output
    }

    /// AWS: DeleteRolePolicy
    func deleteRolePolicy(
        _ input: DeleteRolePolicyInput,
        _ context: RequestContext
    ) async throws -> DeleteRolePolicyOutput {
        try await deleteInline(input.policyName, of: .role, input.roleName, context)
        return DeleteRolePolicyOutput()
    }

    /// AWS: ListRolePolicies
    func listRolePolicies(
        _ input: ListRolePoliciesInput,
        _ context: RequestContext
    ) async throws -> ListRolePoliciesOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await inlineNames(of: .role, input.roleName, request, context)
        var output = ListRolePoliciesOutput()
        (output.policyNames, output.isTruncated, output.marker) = (page.items, page.isTruncated, page.marker)
        return output
    }

    /// AWS: AttachRolePolicy
    func attachRolePolicy(
        _ input: AttachRolePolicyInput,
        _ context: RequestContext
    ) async throws -> AttachRolePolicyOutput {
        try await attach(input.policyArn, to: .role, input.roleName, context)
        return AttachRolePolicyOutput()
    }

    /// AWS: DetachRolePolicy
    func detachRolePolicy(
        _ input: DetachRolePolicyInput,
        _ context: RequestContext
    ) async throws -> DetachRolePolicyOutput {
        try await detach(input.policyArn, from: .role, input.roleName, context)
        return DetachRolePolicyOutput()
    }

    /// AWS: ListAttachedRolePolicies
    func listAttachedRolePolicies(
        _ input: ListAttachedRolePoliciesInput,
        _ context: RequestContext
    ) async throws -> ListAttachedRolePoliciesOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await attached(
            to: .role,
            input.roleName,
            pathPrefix: input.pathPrefix,
            request,
            context
        )
        var output = ListAttachedRolePoliciesOutput()
        (output.attachedPolicies, output.isTruncated, output.marker) = (page.items, page.isTruncated, page.marker)
        return output
    }

    /// AWS: PutRolePermissionsBoundary
    func putRolePermissionsBoundary(
        _ input: PutRolePermissionsBoundaryInput,
        _ context: RequestContext
    ) async throws -> PutRolePermissionsBoundaryOutput {
        try await setBoundary(input.permissionsBoundary, of: .role, input.roleName, context)
        return PutRolePermissionsBoundaryOutput()
    }

    /// AWS: DeleteRolePermissionsBoundary
    func deleteRolePermissionsBoundary(
        _ input: DeleteRolePermissionsBoundaryInput,
        _ context: RequestContext
    ) async throws -> DeleteRolePermissionsBoundaryOutput {
        try await setBoundary(nil, of: .role, input.roleName, context)
        return DeleteRolePermissionsBoundaryOutput()
    }
}
