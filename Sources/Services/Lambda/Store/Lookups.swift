// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

// Finding what a request names, or AWS's error.

extension LambdaReading {
    /// AWS names the ARN in its own way in each operation; `arn` is what to show, the unqualified one unless given.
    func existingFunction(_ reference: FunctionReference, showing arn: ARN? = nil) throws -> FunctionRecord {
        guard let function = try function(reference.name, in: reference.scope) else {
            throw ResourceNotFoundException.function(arn ?? reference.arn)
        }
        return function
    }

    /// The version that the qualifier names: `$LATEST` when there is none; an alias's own version, whatever its weights.
    func existingVersion(_ reference: FunctionReference) throws -> VersionRecord {
        _ = try existingFunction(reference, showing: reference.qualifiedARN)
        return try existingVersion(target(of: reference).version, of: reference)
    }

    func existingVersion(_ number: VersionNumber, of reference: FunctionReference) throws -> VersionRecord {
        guard let version = try version(number, of: reference.name, in: reference.scope) else {
            throw ResourceNotFoundException.function(reference.arn(qualifier: reference.qualifier ?? number.text))
        }
        return version
    }

    /// Where the qualifier points to, with an alias's second version.
    func target(of reference: FunctionReference) throws -> (version: VersionNumber, routing: AliasRecord.Routing?) {
        guard let qualifier = reference.qualifier else { return (.latest, nil) }
        if let number = VersionNumber(qualifier) { return (number, nil) }
        guard let alias = try alias(qualifier, of: reference.name, in: reference.scope) else {
            throw ResourceNotFoundException.function(reference.qualifiedARN)
        }
        return (alias.version, alias.routing)
    }

    func existingLatest(_ reference: FunctionReference) throws -> VersionRecord {
        try existingVersion(FunctionReference(scope: reference.scope, name: reference.name, qualifier: nil))
    }

    func existingAlias(_ name: String, of reference: FunctionReference) throws -> AliasRecord {
        guard let alias = try alias(name, of: reference.name, in: reference.scope) else {
            throw ResourceNotFoundException("Cannot find alias arn: \(reference.arn(qualifier: name))")
        }
        return alias
    }
}

extension ResourceNotFoundException {
    static func function(_ arn: ARN) -> ResourceNotFoundException { .init("Function not found: \(arn)") }
    static let requested = ResourceNotFoundException("The resource you requested does not exist.")
    static let noPolicy = ResourceNotFoundException("No policy is associated with the given resource.")
}

extension ResourceConflictException {
    static func inState(_ state: String) -> ResourceConflictException {
        .init(
            "The operation cannot be performed at this time. The function is currently in the following state: \(state)"
        )
    }

    static func updating(_ arn: ARN) -> ResourceConflictException {
        .init("The operation cannot be performed at this time. An update is in progress for resource: \(arn)")
    }

    static func statement(_ id: String) -> ResourceConflictException {
        .init(
            "The statement id (\(id)) provided already exists. Please provide a new statement id, or remove the existing statement."
        )
    }
}

extension PreconditionFailedException {
    /// Nil guards nothing.
    static func check(_ expected: String?, is current: String, from operation: String = "GetFunction/GetAlias") throws {
        guard let expected, expected != current else { return }
        throw PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. Call the \(operation) API to retrieve the latest Revision Id"
        )
    }
}
