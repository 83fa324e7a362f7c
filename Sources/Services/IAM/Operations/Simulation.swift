// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension IAMService {
    /// AWS: SimulateCustomPolicy
    func simulateCustomPolicy(
        _ input: SimulateCustomPolicyInput,
        _ context: RequestContext
    ) async throws -> SimulateCustomPolicyOutput {
        if input.orderedOrganizationPolicyInputList?.isEmpty == false {
            throw CommonError.notImplemented("service control policies in SimulateCustomPolicy")
        }
        var simulation = Simulation(
            input.actionNames,
            input.resourceArns,
            input.contextEntries,
            caller: input.callerArn,
            context
        )
        simulation.policies = try simulated(input.policyInputList, "PolicyInputList")
        simulation.boundaries = try input.permissionsBoundaryPolicyInputList.map {
            try simulated($0, "PermissionsBoundaryPolicyInputList")
        }
        simulation.resourcePolicy = try input.resourcePolicy.map { try simulated($0, "ResourcePolicy", as: .resource) }
        return try simulation.run(PageRequest(marker: input.marker, maxItems: input.maxItems))
    }

    /// AWS: SimulatePrincipalPolicy
    func simulatePrincipalPolicy(
        _ input: SimulatePrincipalPolicyInput,
        _ context: RequestContext
    ) async throws -> SimulatePrincipalPolicyOutput {
        if input.policyExclusionList?.isEmpty == false {
            throw CommonError.notImplemented("PolicyExclusionList in SimulatePrincipalPolicy")
        }
        let (own, boundary) = try await policies(of: input.policySourceArn, context)
        let caller = input.callerArn ?? input.policySourceArn
        var simulation = Simulation(
            input.actionNames,
            input.resourceArns,
            input.contextEntries,
            caller: caller,
            context
        )
        simulation.policies = own + (try simulated(input.policyInputList ?? [], "PolicyInputList"))
        simulation.boundaries =
            try input.permissionsBoundaryPolicyInputList.map {
                try simulated($0, "PermissionsBoundaryPolicyInputList")
            } ?? boundary.map { [$0] }
        simulation.resourcePolicy = try input.resourcePolicy.map { try simulated($0, "ResourcePolicy", as: .resource) }
        return try simulation.run(PageRequest(marker: input.marker, maxItems: input.maxItems))
    }

    private func simulated(_ texts: [String], _ name: String) throws -> [SimulatedPolicy] {
        try texts.enumerated().map { try simulated($1, "\(name).\($0 + 1)") }
    }

    private func simulated(
        _ text: String,
        _ name: String,
        as purpose: PolicyDocument.Purpose = .identity
    ) throws -> SimulatedPolicy {
        do {
            return SimulatedPolicy(id: name, type: .none, document: try PolicyDocument(parsing: text, as: purpose))
        } catch let fault as PolicyFault {
            throw InvalidInputException("Invalid policy \(name): \(fault.message)")
        }
    }

    /// Those of the user, group or role, a user's groups' too, and its boundary.
    private func policies(
        of arn: String,
        _ context: RequestContext
    ) async throws -> (own: [SimulatedPolicy], boundary: SimulatedPolicy?) {
        let parts = ARN(arn)?.resource.split(separator: "/") ?? []
        guard parts.count >= 2, let kind = Identity.Kind(rawValue: String(parts[0])), kind != .instanceProfile else {
            throw InvalidInputException("Invalid Entity Arn: \(arn) does not clearly define entity type and name.")
        }
        let name = String(parts[parts.count - 1])
        return try await store.read(context.account) { iam in
            let identity = try iam.identity(kind, named: name)
            let owners = [identity] + (kind == .user ? try iam.containers(of: identity) : [])
            let boundary = try identity.boundary.flatMap { try iam.simulatedPolicy($0) }
            return (try owners.flatMap { try iam.simulatedPolicies(of: $0) }, boundary)
        }
    }
}

extension IAMReading {
    fileprivate func simulatedPolicies(of identity: Identity) throws -> [SimulatedPolicy] {
        let inline = try inlinePolicies(of: identity).map { policy in
            SimulatedPolicy(
                id: "\(identity.kind.rawValue)_\(identity.name)_\(policy.name)",
                type: PolicySourceType(identity.kind.rawValue),
                document: try parse(policy.document, as: .identity, of: policy.name)
            )
        }
        return inline + (try attachments(of: identity).compactMap(simulatedPolicy))
    }

    fileprivate func simulatedPolicy(_ arn: String) throws -> SimulatedPolicy? {
        guard let name = PolicyName(arn: arn), let text = try document(ofPolicy: arn) else { return nil }
        return SimulatedPolicy(
            id: name.name,
            type: name.account == nil ? .awsManaged : .userManaged,
            document: try parse(text, as: .identity, of: arn)
        )
    }
}
