// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Lets other accounts use a layer version. AWS: AddLayerVersionPermission
    func addLayerVersionPermission(
        _ input: AddLayerVersionPermissionInput,
        _ context: RequestContext
    ) async throws -> AddLayerVersionPermissionOutput {
        let reference = try LayerReference(input.layerName, in: context.scope)
        let statement = try PolicyStatement(input, partition: context.scope.region.partition)
        let revisionID = ids.uuid()
        return try await store.write { tx in
            let version = try tx.existingLayerVersion(input.versionNumber, of: reference)
            var document = try tx.policy(of: version)
            try PreconditionFailedException.check(
                input.revisionId,
                is: version.policyRevisionID,
                from: "GetLayerPolicy"
            )
            try document.append(statement)
            let qualifier = String(version.version)
            let position = try tx.nextPosition(in: .layer(version.name), qualifier: qualifier, in: version.scope)
            try tx.insert(
                statement,
                position: position,
                into: .layer(version.name),
                qualifier: qualifier,
                in: version.scope
            )
            try tx.setPolicyRevision(revisionID, of: version)
            return AddLayerVersionPermissionOutput(statement: document.text(of: statement), revisionId: revisionID)
        }
    }

    /// AWS: RemoveLayerVersionPermission
    func removeLayerVersionPermission(
        _ input: RemoveLayerVersionPermissionInput,
        _ context: RequestContext
    ) async throws -> RemoveLayerVersionPermissionOutput {
        let reference = try LayerReference(input.layerName, in: context.scope)
        let revisionID = ids.uuid()
        try await store.write { tx in
            let version = try tx.existingLayerVersion(input.versionNumber, of: reference)
            try PreconditionFailedException.check(
                input.revisionId,
                is: version.policyRevisionID,
                from: "GetLayerPolicy"
            )
            guard try tx.policy(of: version).statements.contains(where: { $0.id == input.statementId }) else {
                throw ResourceNotFoundException("Statement \(input.statementId) is not found in resource policy.")
            }
            try tx.deleteStatement(
                input.statementId,
                of: .layer(version.name),
                qualifier: String(version.version),
                in: version.scope
            )
            try tx.setPolicyRevision(revisionID, of: version)
        }
        return RemoveLayerVersionPermissionOutput()
    }

    /// AWS: GetLayerVersionPolicy
    func getLayerVersionPolicy(
        _ input: GetLayerVersionPolicyInput,
        _ context: RequestContext
    ) async throws -> GetLayerVersionPolicyOutput {
        let reference = try LayerReference(input.layerName, in: context.scope)
        return try await store.read { tx in
            let version = try tx.existingLayerVersion(input.versionNumber, of: reference)
            let document = try tx.policy(of: version)
            guard !document.statements.isEmpty else { throw ResourceNotFoundException.noPolicy }
            return GetLayerVersionPolicyOutput(policy: document.text, revisionId: version.policyRevisionID)
        }
    }
}

extension LambdaReading {
    fileprivate func existingLayerVersion(_ number: Int, of reference: LayerReference) throws -> LayerVersionRecord {
        guard let version = try layerVersion(number, of: reference.name, in: reference.scope) else {
            throw ResourceNotFoundException("Layer version \(reference.arn(version: number)) does not exist.")
        }
        return version
    }

    func policy(of version: LayerVersionRecord) throws -> PolicyDocument {
        PolicyDocument(
            statements: try statements(of: .layer(version.name), qualifier: String(version.version), in: version.scope),
            resource: version.arn
        )
    }
}

extension PolicyStatement {
    fileprivate init(_ input: AddLayerVersionPermissionInput, partition: String) throws {
        guard input.action == "lambda:GetLayerVersion" else {
            throw CommonError.constraint(
                input.action,
                at: "action",
                "Member must satisfy regular expression pattern: \(Patterns.layerPermissionAllowedAction.text)"
            )
        }
        guard let principal = PolicyPrincipal(input.principal, partition: partition), principal.isAccountOrAnyone else {
            throw CommonError.constraint(
                input.principal,
                at: "principal",
                "Member must satisfy regular expression pattern: \(Patterns.layerPermissionAllowedPrincipal.text)"
            )
        }
        self.init(
            id: input.statementId,
            action: input.action,
            principal: principal,
            conditions: Conditions(organizationID: input.organizationId)
        )
    }
}

extension PolicyPrincipal {
    fileprivate var isAccountOrAnyone: Bool {
        switch self {
        case .anyone: true
        case .aws(let arn): arn.service == "iam" && arn.resource == "root"
        case .service: false
        }
    }
}
