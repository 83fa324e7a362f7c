// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension IAMService {
    /// AWS: PutGroupPolicy
    func putGroupPolicy(_ input: PutGroupPolicyInput, _ context: RequestContext) async throws -> PutGroupPolicyOutput {
        try await putInline(input.policyName, input.policyDocument, into: .group, input.groupName, context)
        return PutGroupPolicyOutput()
    }

    /// AWS: GetGroupPolicy
    func getGroupPolicy(_ input: GetGroupPolicyInput, _ context: RequestContext) async throws -> GetGroupPolicyOutput {
        let policy = try await inline(input.policyName, of: .group, input.groupName, context)
        var output = GetGroupPolicyOutput()
        output.groupName = input.groupName
        output.policyName = policy.name
        output.policyDocument = URIEncoding.encode(policy.document)
        return output
    }

    /// AWS: DeleteGroupPolicy
    func deleteGroupPolicy(
        _ input: DeleteGroupPolicyInput,
        _ context: RequestContext
    ) async throws -> DeleteGroupPolicyOutput {
        try await deleteInline(input.policyName, of: .group, input.groupName, context)
        return DeleteGroupPolicyOutput()
    }

    /// AWS: ListGroupPolicies
    func listGroupPolicies(
        _ input: ListGroupPoliciesInput,
        _ context: RequestContext
    ) async throws -> ListGroupPoliciesOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await inlineNames(of: .group, input.groupName, request, context)
        var output = ListGroupPoliciesOutput()
        (output.policyNames, output.isTruncated, output.marker) = (page.items, page.isTruncated, page.marker)
        return output
    }

    /// AWS: AttachGroupPolicy
    func attachGroupPolicy(
        _ input: AttachGroupPolicyInput,
        _ context: RequestContext
    ) async throws -> AttachGroupPolicyOutput {
        try await attach(input.policyArn, to: .group, input.groupName, context)
        return AttachGroupPolicyOutput()
    }

    /// AWS: DetachGroupPolicy
    func detachGroupPolicy(
        _ input: DetachGroupPolicyInput,
        _ context: RequestContext
    ) async throws -> DetachGroupPolicyOutput {
        try await detach(input.policyArn, from: .group, input.groupName, context)
        return DetachGroupPolicyOutput()
    }

    /// AWS: ListAttachedGroupPolicies
    func listAttachedGroupPolicies(
        _ input: ListAttachedGroupPoliciesInput,
        _ context: RequestContext
    ) async throws -> ListAttachedGroupPoliciesOutput {
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let page = try await attached(
            to: .group,
            input.groupName,
            pathPrefix: input.pathPrefix,
            request,
            context
        )
        var output = ListAttachedGroupPoliciesOutput()
        (output.attachedPolicies, output.isTruncated, output.marker) = (page.items, page.isTruncated, page.marker)
        return output
    }
}
