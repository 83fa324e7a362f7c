// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension IAMService {
    /// AWS: CreatePolicyVersion
    func createPolicyVersion(
        _ input: CreatePolicyVersionInput,
        _ context: RequestContext
    ) async throws -> CreatePolicyVersionOutput {
        try Self.checkPolicyARN(input.policyArn)
        try checkManaged(input.policyDocument)
        let createdAt = now
        let (version, policy) = try await store.write(context.account) { iam in
            let policy = try iam.customerPolicy(input.policyArn)
            let version = try iam.addVersion(
                input.policyDocument,
                to: policy,
                asDefault: input.setAsDefault ?? false,
                at: createdAt
            )
            return (version, try iam.policy(input.policyArn))
        }
        var output = CreatePolicyVersionOutput()
        output.policyVersion = PolicyVersion(version, of: policy)
        return output
    }

    /// AWS: GetPolicyVersion
    func getPolicyVersion(
        _ input: GetPolicyVersionInput,
        _ context: RequestContext
    ) async throws -> GetPolicyVersionOutput {
        try Self.checkPolicyARN(input.policyArn)
        let (version, policy) = try await store.read(context.account) { iam in
            let policy = try iam.policy(input.policyArn)
            return (try iam.version(input.versionId, of: policy, arn: input.policyArn), policy)
        }
        var output = GetPolicyVersionOutput()
        output.policyVersion = PolicyVersion(version, of: policy, withDocument: true)
        return output
    }

    /// The newest first. AWS: ListPolicyVersions
    func listPolicyVersions(
        _ input: ListPolicyVersionsInput,
        _ context: RequestContext
    ) async throws -> ListPolicyVersionsOutput {
        try Self.checkPolicyARN(input.policyArn)
        let request = try PageRequest(marker: input.marker, maxItems: input.maxItems)
        let (page, policy) = try await store.read(context.account) { iam in
            let policy = try iam.policy(input.policyArn)
            // Keys that sort the newest first.
            let page = Page(cutting: try iam.versions(of: policy), request) { (1_000_000_000 - $0.number).padded(10) }
            return (page, policy)
        }
        var output = ListPolicyVersionsOutput()
        output.versions = page.items.map { PolicyVersion($0, of: policy) }
        (output.isTruncated, output.marker) = (page.isTruncated, page.marker)
        return output
    }

    /// AWS: SetDefaultPolicyVersion
    func setDefaultPolicyVersion(
        _ input: SetDefaultPolicyVersionInput,
        _ context: RequestContext
    ) async throws -> SetDefaultPolicyVersionOutput {
        let at = now
        try await store.write(context.account) { iam in
            let policy = try iam.customerPolicy(input.policyArn)
            let version = try iam.version(input.versionId, of: policy, arn: input.policyArn)
            try iam.setDefaultVersion(version.number, of: policy, at: at)
        }
        return SetDefaultPolicyVersionOutput()
    }

    /// AWS: DeletePolicyVersion
    func deletePolicyVersion(
        _ input: DeletePolicyVersionInput,
        _ context: RequestContext
    ) async throws -> DeletePolicyVersionOutput {
        try await store.write(context.account) { iam in
            let policy = try iam.customerPolicy(input.policyArn)
            let version = try iam.version(input.versionId, of: policy, arn: input.policyArn)
            guard version.number != policy.defaultVersion else {
                throw DeleteConflictException("Cannot delete the default version of a policy.")
            }
            try iam.delete(version, of: policy)
        }
        return DeletePolicyVersionOutput()
    }
}
