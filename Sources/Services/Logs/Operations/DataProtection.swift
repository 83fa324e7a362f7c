// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// What is found in events from now on is masked wherever they are shown, and counted. Throws
    /// `InvalidParameterException`, `ResourceNotFoundException`. AWS: PutDataProtectionPolicy
    ///
    /// Differs from AWS: identifiers that no form tells apart (names, addresses) answer 501, and so do findings in S3 and
    /// Firehose.
    func putDataProtectionPolicy(
        _ input: PutDataProtectionPolicyInput,
        _ context: RequestContext
    ) async throws -> PutDataProtectionPolicyOutput {
        let name = try Self.groupName(nil, or: input.logGroupIdentifier, in: context.scope)
        let policy = try ProtectionPolicy(input.policyDocument)
        let now = clock.now
        try await store.write(context.scope) { logs in
            let group = try logs.rows.requireGroup(name)
            try logs.rows.checkAuditGroups(policy)
            try logs.setPolicy(.protection, input.policyDocument, of: group, at: now)
        }
        var output = PutDataProtectionPolicyOutput()
        output.logGroupIdentifier = name
        output.policyDocument = input.policyDocument
        output.lastUpdatedTime = Int(now.milliseconds)
        return output
    }

    /// A group without a policy is answered with no more than its name. AWS: GetDataProtectionPolicy
    func getDataProtectionPolicy(
        _ input: GetDataProtectionPolicyInput,
        _ context: RequestContext
    ) async throws -> GetDataProtectionPolicyOutput {
        let name = try Self.groupName(nil, or: input.logGroupIdentifier, in: context.scope)
        let found = try await store.read(context.scope) { logs in
            try logs.policy(.protection, ofGroup: logs.requireGroup(name).id)
        }
        var output = GetDataProtectionPolicyOutput()
        output.logGroupIdentifier = name
        output.policyDocument = found?.document
        output.lastUpdatedTime = found.map { Int($0.updatedAt.milliseconds) }
        return output
    }

    /// What was masked stays so. AWS: DeleteDataProtectionPolicy
    func deleteDataProtectionPolicy(
        _ input: DeleteDataProtectionPolicyInput,
        _ context: RequestContext
    ) async throws -> DeleteDataProtectionPolicyOutput {
        let name = try Self.groupName(nil, or: input.logGroupIdentifier, in: context.scope)
        try await store.write(context.scope) { logs in
            guard try logs.deletePolicy(.protection, of: logs.rows.requireGroup(name)) else {
                throw ResourceNotFoundException("The specified data protection policy does not exist.")
            }
        }
        return DeleteDataProtectionPolicyOutput()
    }
}

extension LogRows {
    /// Throws `InvalidParameterException` where findings would go to a group that is not there.
    func checkAuditGroups(_ policy: ProtectionPolicy) throws {
        for name in policy.auditGroups where try group(name) == nil {
            throw InvalidParameterException("The log group \(name) of the policy's FindingsDestination does not exist.")
        }
    }
}
