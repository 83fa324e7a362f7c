// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// AWS: CreateLogGroup
    ///
    /// Differs from AWS: a KMS key answers 501, there is no KMS yet.
    func createLogGroup(_ input: CreateLogGroupInput, _ context: RequestContext) async throws -> CreateLogGroupOutput {
        if input.kmsKeyId != nil { throw CommonError.notImplemented("KMS keys of log groups") }
        guard !input.logGroupName.hasPrefix("aws/") else {
            throw InvalidParameterException("Log groups starting with AWS/ are reserved for AWS.")
        }
        let tags = input.tags ?? [:]
        try Self.check(tags)
        let groupClass = input.logGroupClass ?? .standard
        let now = clock.now
        try await store.write(context.scope) { logs in
            try logs.createGroup(
                input.logGroupName,
                groupClass: groupClass,
                retentionDays: groupClass == .delivery ? 1 : nil,
                isProtected: input.deletionProtectionEnabled ?? false,
                tags: tags,
                at: now
            )
        }
        return CreateLogGroupOutput()
    }

    /// AWS: DeleteLogGroup
    func deleteLogGroup(_ input: DeleteLogGroupInput, _ context: RequestContext) async throws -> DeleteLogGroupOutput {
        try await store.write(context.scope) { logs in
            let group = try logs.rows.requireGroup(input.logGroupName)
            try Self.checkUnprotected(group)
            try logs.deleteGroup(group)
        }
        return DeleteLogGroupOutput()
    }

    static func checkUnprotected(_ group: StoredGroup) throws {
        guard !group.isProtected else {
            throw ValidationException("Deletion protection is enabled for the specified log group.")
        }
    }

    /// AWS: PutLogGroupDeletionProtection
    func putLogGroupDeletionProtection(
        _ input: PutLogGroupDeletionProtectionInput,
        _ context: RequestContext
    ) async throws -> PutLogGroupDeletionProtectionOutput {
        let name = try Self.groupName(nil, or: input.logGroupIdentifier, in: context.scope)
        try await store.write(context.scope) { logs in
            try logs.setProtection(input.deletionProtectionEnabled, of: logs.rows.requireGroup(name))
        }
        return PutLogGroupDeletionProtectionOutput()
    }

    /// AWS: PutRetentionPolicy
    func putRetentionPolicy(
        _ input: PutRetentionPolicyInput,
        _ context: RequestContext
    ) async throws -> PutRetentionPolicyOutput {
        let days = input.retentionInDays
        guard Retention.allowedDays.contains(days) else {
            let allowed = Retention.allowedDays.map(String.init).joined(separator: ", ")
            throw InvalidParameterException(
                """
                1 validation error detected: Value '\(days)' at 'retentionInDays' failed to satisfy constraint: \
                Member must satisfy enum value set: [\(allowed)]
                """
            )
        }
        try await setRetention(days: days, of: input.logGroupName, context)
        return PutRetentionPolicyOutput()
    }

    /// AWS: DeleteRetentionPolicy
    func deleteRetentionPolicy(
        _ input: DeleteRetentionPolicyInput,
        _ context: RequestContext
    ) async throws -> DeleteRetentionPolicyOutput {
        try await setRetention(days: nil, of: input.logGroupName, context)
        return DeleteRetentionPolicyOutput()
    }

    private func setRetention(days: Int?, of name: String, _ context: RequestContext) async throws {
        try await store.write(context.scope) { logs in
            let group = try logs.rows.requireGroup(name)
            guard group.groupClass != .delivery else {
                throw InvalidParameterException("The retention of log groups of the DELIVERY class cannot be changed.")
            }
            try logs.setRetention(days: days, of: group)
        }
    }

    /// The name of a group that the caller gives by name or by identifier. Throws `InvalidParameterException` unless there is
    /// exactly one of them; an ARN of another account or region names a group that is not here.
    static func groupName(_ name: String?, or identifier: String?, in scope: Scope) throws -> String {
        switch (name, identifier) {
        case (let name?, nil): return name
        case (nil, let identifier?):
            guard let reference = LogGroupReference(identifier) else {
                throw InvalidParameterException("The specified log group identifier is invalid.")
            }
            guard reference.scope == nil || reference.scope == scope else {
                throw ResourceNotFoundException("The specified log group does not exist.")
            }
            return reference.name
        case (.some, .some):
            throw InvalidParameterException("LogGroup name and LogGroup identifier are mutually exclusive parameters.")
        case (nil, nil): throw InvalidParameterException("Either LogGroup name or LogGroup identifier is required.")
        }
    }
}
