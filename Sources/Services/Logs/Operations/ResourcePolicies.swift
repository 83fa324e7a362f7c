// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// Ten for an account and region. AWS: PutResourcePolicy
    ///
    /// Differs from AWS: policies are kept and shown; services of this server write without them. Policies of single groups
    /// and revisions answer 501.
    func putResourcePolicy(
        _ input: PutResourcePolicyInput,
        _ context: RequestContext
    ) async throws -> PutResourcePolicyOutput {
        try Self.refuseScoped(input.resourceArn, input.expectedRevisionId)
        guard let name = input.policyName, let document = input.policyDocument else {
            throw InvalidParameterException("Policy name and policy document are required.")
        }
        // Whatever is wrong with it, it is no policy.
        guard let policy = try? JSONValue(parsing: document), policy["Statement"] != nil else {
            throw InvalidParameterException("The policy document is not a valid JSON policy.")
        }
        let now = clock.now
        let stored = try await store.write(context.scope) { logs in
            let known = try logs.rows.resourcePolicies()
            guard known.count < LogLimits.resourcePolicies || known.contains(where: { $0.name == name }) else {
                throw LimitExceededException("Resource limit exceeded.")
            }
            try logs.setResourcePolicy(name, document, at: now)
            return try logs.rows.resourcePolicies().first { $0.name == name }
        }
        var output = PutResourcePolicyOutput()
        output.resourcePolicy = stored?.description
        return output
    }

    private static func refuseScoped(_ resource: String?, _ revision: String?) throws {
        if resource != nil { throw CommonError.notImplemented("policies of single log groups") }
        if revision != nil { throw CommonError.notImplemented("revisions of log resource policies") }
    }

    /// AWS: DescribeResourcePolicies
    func describeResourcePolicies(
        _ input: DescribeResourcePoliciesInput,
        _ context: RequestContext
    ) async throws -> DescribeResourcePoliciesOutput {
        if input.resourceArn != nil || (input.policyScope.map { $0 != .account } ?? false) {
            throw CommonError.notImplemented("policies of single log groups")
        }
        let cursor = try input.nextToken.map { try Self.cursor($0, keys: 1)[0] } ?? ""
        let limit = input.limit ?? LogLimits.itemsPerPage
        let found = try await store.read(context.scope) { logs in
            try logs.resourcePolicies().filter { cursor.utf8.lexicographicallyPrecedes($0.name.utf8) }
        }
        var output = DescribeResourcePoliciesOutput()
        output.resourcePolicies = found.prefix(limit).map(\.description)
        if found.count > limit { output.nextToken = found.prefix(limit).last.map { PageToken.encode([$0.name]) } }
        return output
    }

    /// AWS: DeleteResourcePolicy
    func deleteResourcePolicy(
        _ input: DeleteResourcePolicyInput,
        _ context: RequestContext
    ) async throws -> DeleteResourcePolicyOutput {
        try Self.refuseScoped(input.resourceArn, input.expectedRevisionId)
        guard let name = input.policyName else { throw InvalidParameterException("Policy name is required.") }
        try await store.write(context.scope) { logs in
            guard try logs.deleteResourcePolicy(name) else {
                throw ResourceNotFoundException("Policy with name [\(name)] does not exist.")
            }
        }
        return DeleteResourcePolicyOutput()
    }
}
