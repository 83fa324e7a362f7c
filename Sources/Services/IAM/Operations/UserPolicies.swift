// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension IAMService {
    /// AWS: PutUserPolicy
    func putUserPolicy(_ input: PutUserPolicyInput, _ context: RequestContext) async throws -> PutUserPolicyOutput {
        try await putInline(input.policyName, input.policyDocument, into: .user, input.userName, context)
        return PutUserPolicyOutput()
    }

    /// AWS: GetUserPolicy
    func getUserPolicy(_ input: GetUserPolicyInput, _ context: RequestContext) async throws -> GetUserPolicyOutput {
        let policy = try await inline(input.policyName, of: .user, input.userName, context)
        var output = GetUserPolicyOutput()
        output.userName = input.userName
        output.policyName = policy.name
        output.policyDocument = URIEncoding.encode(policy.document)
        return output
    }

    /// AWS: DeleteUserPolicy
    func deleteUserPolicy(
        _ input: DeleteUserPolicyInput,
        _ context: RequestContext
    ) async throws -> DeleteUserPolicyOutput {
        try await deleteInline(input.policyName, of: .user, input.userName, context)
        return DeleteUserPolicyOutput()
    }

    /// AWS: ListUserPolicies
    func listUserPolicies(
        _ input: ListUserPoliciesInput,
        _ context: RequestContext
    ) async throws -> ListUserPoliciesOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await inlineNames(of: .user, input.userName, request, context)
        var output = ListUserPoliciesOutput()
        (output.policyNames, output.isTruncated, output.marker) = (page.items, page.isTruncated, page.marker)
        return output
    }

    /// AWS: AttachUserPolicy
    func attachUserPolicy(
        _ input: AttachUserPolicyInput,
        _ context: RequestContext
    ) async throws -> AttachUserPolicyOutput {
        try await attach(input.policyArn, to: .user, input.userName, context)
        return AttachUserPolicyOutput()
    }

    /// AWS: DetachUserPolicy
    func detachUserPolicy(
        _ input: DetachUserPolicyInput,
        _ context: RequestContext
    ) async throws -> DetachUserPolicyOutput {
        try await detach(input.policyArn, from: .user, input.userName, context)
        return DetachUserPolicyOutput()
    }

    /// AWS: ListAttachedUserPolicies
    func listAttachedUserPolicies(
        _ input: ListAttachedUserPoliciesInput,
        _ context: RequestContext
    ) async throws -> ListAttachedUserPoliciesOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await attached(
            to: .user,
            input.userName,
            pathPrefix: input.pathPrefix,
            request,
            context
        )
        var output = ListAttachedUserPoliciesOutput()
        (output.attachedPolicies, output.isTruncated, output.marker) = (page.items, page.isTruncated, page.marker)
        return output
    }

    /// AWS: PutUserPermissionsBoundary
    func putUserPermissionsBoundary(
        _ input: PutUserPermissionsBoundaryInput,
        _ context: RequestContext
    ) async throws -> PutUserPermissionsBoundaryOutput {
        try await setBoundary(input.permissionsBoundary, of: .user, input.userName, context)
        return PutUserPermissionsBoundaryOutput()
    }

    /// AWS: DeleteUserPermissionsBoundary
    func deleteUserPermissionsBoundary(
        _ input: DeleteUserPermissionsBoundaryInput,
        _ context: RequestContext
    ) async throws -> DeleteUserPermissionsBoundaryOutput {
        try await setBoundary(nil, of: .user, input.userName, context)
        return DeleteUserPermissionsBoundaryOutput()
    }
}
