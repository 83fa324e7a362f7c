// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// AWS: PutDestination
    ///
    /// Differs from AWS: a destination is kept and shown; subscribing to one answers 501, and so do tags.
    func putDestination(_ input: PutDestinationInput, _ context: RequestContext) async throws -> PutDestinationOutput {
        if input.tags?.isEmpty == false { throw CommonError.notImplemented("tags of log destinations") }
        guard let target = ARN(input.targetArn), ["kinesis", "firehose"].contains(target.service) else {
            throw InvalidParameterException("Invalid ARN in targetArn: \(input.targetArn)")
        }
        guard let role = ARN(input.roleArn), role.service == "iam", role.resource.hasPrefix("role/") else {
            throw InvalidParameterException("Invalid ARN in roleArn: \(input.roleArn)")
        }
        let now = clock.now
        let stored = try await store.write(context.scope) { logs in
            try logs.setDestination(
                input.destinationName,
                target: input.targetArn,
                role: input.roleArn,
                at: now
            )
            return try logs.rows.destination(input.destinationName)
        }
        var output = PutDestinationOutput()
        output.destination = stored?.description(in: context.scope)
        return output
    }

    /// AWS: PutDestinationPolicy
    func putDestinationPolicy(
        _ input: PutDestinationPolicyInput,
        _ context: RequestContext
    ) async throws -> PutDestinationPolicyOutput {
        // Whatever is wrong with it, it is no policy.
        guard let policy = try? JSONValue(parsing: input.accessPolicy), policy["Statement"] != nil else {
            throw InvalidParameterException("The access policy is not a valid policy document.")
        }
        try await store.write(context.scope) { logs in
            guard try logs.rows.destination(input.destinationName) != nil else {
                throw InvalidParameterException("The specified destination does not exist.")
            }
            try logs.setPolicy(input.accessPolicy, ofDestination: input.destinationName)
        }
        return PutDestinationPolicyOutput()
    }

    /// AWS: DescribeDestinations
    func describeDestinations(
        _ input: DescribeDestinationsInput,
        _ context: RequestContext
    ) async throws -> DescribeDestinationsOutput {
        let cursor = try input.nextToken.map { try Self.cursor($0, keys: 1)[0] } ?? ""
        let limit = input.limit ?? LogLimits.itemsPerPage
        let found = try await store.read(context.scope) { logs in
            var found: [StoredDestination] = []
            try logs.destinations(behind: cursor, prefix: input.destinationNamePrefix ?? "") {
                found.append($0)
                return found.count <= limit
            }
            return found
        }
        var output = DescribeDestinationsOutput()
        output.destinations = found.prefix(limit).map { $0.description(in: context.scope) }
        if found.count > limit { output.nextToken = found.prefix(limit).last.map { PageToken.encode([$0.name]) } }
        return output
    }

    /// AWS: DeleteDestination
    func deleteDestination(
        _ input: DeleteDestinationInput,
        _ context: RequestContext
    ) async throws -> DeleteDestinationOutput {
        try await store.write(context.scope) { logs in
            guard try logs.deleteDestination(input.destinationName) else {
                throw ResourceNotFoundException("The specified destination does not exist.")
            }
        }
        return DeleteDestinationOutput()
    }
}
