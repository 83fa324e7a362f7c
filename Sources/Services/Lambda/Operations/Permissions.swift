// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Adds a statement to the policy of the function, or of the version or alias that the qualifier names.
    /// Throws ResourceConflictException for a statement id that is taken, PolicyLengthExceededException.
    /// AWS: AddPermission
    func addPermission(_ input: AddPermissionInput, _ context: RequestContext) async throws -> AddPermissionOutput {
        let reference = try FunctionReference(input.functionName, qualifier: input.qualifier, in: context.scope)
        if reference.qualifier == VersionNumber.latestName {
            throw InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
        }
        let statement = try PolicyStatement(input, partition: context.scope.region.partition)
        let revisionID = ids.uuid()
        return try await store.write { tx in
            _ = try tx.existingFunction(reference)
            let holder = try tx.policyHolder(reference)
            try PreconditionFailedException.check(input.revisionId, is: holder.revisionID)
            var document = PolicyDocument(
                statements: try tx.statements(of: holder.of, qualifier: holder.qualifier, in: reference.scope),
                resource: reference.qualifiedARN
            )
            try document.append(statement)
            let position = try tx.nextPosition(in: holder.of, qualifier: holder.qualifier, in: reference.scope)
            try tx.insert(
                statement,
                position: position,
                into: holder.of,
                qualifier: holder.qualifier,
                in: reference.scope
            )
            try tx.renewRevision(of: holder, reference, to: revisionID)
            return AddPermissionOutput(statement: document.text(of: statement))
        }
    }

    /// Throws ResourceNotFoundException for a policy or statement that is not there. AWS: RemovePermission
    func removePermission(
        _ input: RemovePermissionInput,
        _ context: RequestContext
    ) async throws -> RemovePermissionOutput {
        let reference = try FunctionReference(input.functionName, qualifier: input.qualifier, in: context.scope)
        let revisionID = ids.uuid()
        try await store.write { tx in
            guard try tx.function(reference.name, in: reference.scope) != nil else {
                throw ResourceNotFoundException("No policy found for: \(reference.arn)")
            }
            let holder = try tx.policyHolder(reference)
            let statements = try tx.statements(of: holder.of, qualifier: holder.qualifier, in: reference.scope)
            guard !statements.isEmpty else { throw ResourceNotFoundException.noPolicy }
            guard statements.contains(where: { $0.id == input.statementId }) else {
                throw ResourceNotFoundException("Statement \(input.statementId) is not found in resource policy.")
            }
            try PreconditionFailedException.check(input.revisionId, is: holder.revisionID)
            try tx.deleteStatement(input.statementId, of: holder.of, qualifier: holder.qualifier, in: reference.scope)
            try tx.renewRevision(of: holder, reference, to: revisionID)
        }
        return RemovePermissionOutput()
    }

    /// AWS: GetPolicy
    func getPolicy(_ input: GetPolicyInput, _ context: RequestContext) async throws -> GetPolicyOutput {
        let reference = try FunctionReference(input.functionName, qualifier: input.qualifier, in: context.scope)
        return try await store.read { tx in
            _ = try tx.existingFunction(reference)
            let holder = try tx.policyHolder(reference)
            let statements = try tx.statements(of: holder.of, qualifier: holder.qualifier, in: reference.scope)
            guard !statements.isEmpty else { throw ResourceNotFoundException.requested }
            // The unqualified function and $LATEST share a policy, and AWS prints it alike for both.
            let resource = holder.qualifier == VersionNumber.latestName ? reference.arn : reference.qualifiedARN
            return GetPolicyOutput(
                policy: PolicyDocument(statements: statements, resource: resource).text,
                revisionId: holder.revisionID
            )
        }
    }
}

/// Where a function's policy is attached, and the revision that guards it.
struct FunctionPolicyHolder {
    var of: PolicyHolder
    /// A version, an alias, or `$LATEST` for the function itself.
    var qualifier: String
    var revisionID: String
}

extension LambdaReading {
    func policyHolder(_ reference: FunctionReference) throws -> FunctionPolicyHolder {
        let qualifier = reference.qualifier ?? VersionNumber.latestName
        let revisionID =
            try VersionNumber(qualifier).map { try existingVersion($0, of: reference).marks.revisionID }
            ?? existingAlias(qualifier, of: reference).revisionID
        return FunctionPolicyHolder(of: .function(reference.name), qualifier: qualifier, revisionID: revisionID)
    }
}

extension LambdaWrite {
    fileprivate func renewRevision(
        of holder: FunctionPolicyHolder,
        _ reference: FunctionReference,
        to revisionID: String
    ) throws {
        if let number = VersionNumber(holder.qualifier) {
            return try renewRevision(of: number, of: reference.name, in: reference.scope, to: revisionID)
        }
        var alias = try existingAlias(holder.qualifier, of: reference)
        alias.revisionID = revisionID
        try save(alias)
    }
}

extension PolicyStatement {
    fileprivate init(_ input: AddPermissionInput, partition: String) throws {
        guard let principal = PolicyPrincipal(input.principal, partition: partition) else {
            throw InvalidParameterValueException(
                "The provided principal was invalid. Please check the principal and try again."
            )
        }
        if input.functionUrlAuthType != nil, input.action != "lambda:InvokeFunctionUrl" {
            throw InvalidParameterValueException(
                "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"
            )
        }
        self.init(
            id: input.statementId,
            action: input.action,
            principal: principal,
            conditions: Conditions(
                sourceARN: input.sourceArn,
                sourceAccount: input.sourceAccount,
                organizationID: input.principalOrgID,
                eventSourceToken: input.eventSourceToken,
                urlAuthType: input.functionUrlAuthType?.rawValue,
                isViaURL: input.invokedViaFunctionUrl
            )
        )
    }
}

extension PolicyDocument {
    static let byteLimit = 20_480

    /// Throws for an id that is taken and for a document that grows too long.
    mutating func append(_ statement: PolicyStatement) throws {
        guard !statements.contains(where: { $0.id == statement.id }) else {
            throw ResourceConflictException.statement(statement.id)
        }
        statements.append(statement)
        let size = text.utf8.count
        guard size <= Self.byteLimit else {
            throw PolicyLengthExceededException(
                "The final policy size (\(size)) is bigger than the limit (\(Self.byteLimit))."
            )
        }
    }
}
