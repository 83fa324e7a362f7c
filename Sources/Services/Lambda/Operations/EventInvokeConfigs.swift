// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Replaces the settings for asynchronous events of a function, version or alias. AWS: PutFunctionEventInvokeConfig
    func putFunctionEventInvokeConfig(
        _ input: PutFunctionEventInvokeConfigInput,
        _ context: RequestContext
    ) async throws -> PutFunctionEventInvokeConfigOutput {
        let change = EventChange(
            retries: input.maximumRetryAttempts,
            age: input.maximumEventAgeInSeconds,
            destinations: input.destinationConfig
        )
        try change.check()
        let reference = try FunctionReference(input.functionName, qualifier: input.qualifier, in: context.scope)
        try await check(input.destinationConfig, of: reference)
        let now = clock.now
        return try await store.write { tx in
            let qualifier = try tx.eventQualifier(reference)
            let settings = EventInvokeSettings(
                scope: reference.scope,
                functionName: reference.name,
                qualifier: qualifier,
                maximumRetries: change.retries,
                maximumAgeSeconds: change.age,
                onSuccess: input.destinationConfig?.onSuccess?.named,
                onFailure: input.destinationConfig?.onFailure?.named,
                lastModified: now
            )
            try tx.save(settings)
            return FunctionEventInvokeConfig(settings)
        }
    }

    /// Changes what the request names. AWS: UpdateFunctionEventInvokeConfig
    func updateFunctionEventInvokeConfig(
        _ input: UpdateFunctionEventInvokeConfigInput,
        _ context: RequestContext
    ) async throws -> UpdateFunctionEventInvokeConfigOutput {
        let change = EventChange(
            retries: input.maximumRetryAttempts,
            age: input.maximumEventAgeInSeconds,
            destinations: input.destinationConfig
        )
        try change.check()
        let reference = try FunctionReference(input.functionName, qualifier: input.qualifier, in: context.scope)
        try await check(input.destinationConfig, of: reference)
        let now = clock.now
        return try await store.write { tx in
            _ = try tx.eventQualifier(reference)
            var settings = try tx.existingEventSettings(reference)
            settings.maximumRetries = change.retries ?? settings.maximumRetries
            settings.maximumAgeSeconds = change.age ?? settings.maximumAgeSeconds
            if let config = input.destinationConfig {
                // What a destination's structure leaves out stays; an empty one clears it.
                if let success = config.onSuccess { settings.onSuccess = success.named }
                if let failure = config.onFailure { settings.onFailure = failure.named }
            }
            settings.lastModified = now
            try tx.save(settings)
            return FunctionEventInvokeConfig(settings)
        }
    }

    /// AWS: GetFunctionEventInvokeConfig
    func getFunctionEventInvokeConfig(
        _ input: GetFunctionEventInvokeConfigInput,
        _ context: RequestContext
    ) async throws -> GetFunctionEventInvokeConfigOutput {
        let reference = try FunctionReference(input.functionName, qualifier: input.qualifier, in: context.scope)
        return FunctionEventInvokeConfig(try await store.read { try $0.existingEventSettings(reference) })
    }

    /// AWS: ListFunctionEventInvokeConfigs
    func listFunctionEventInvokeConfigs(
        _ input: ListFunctionEventInvokeConfigsInput,
        _ context: RequestContext
    ) async throws -> ListFunctionEventInvokeConfigsOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        let (limit, after) = (Paging.limit(input.maxItems, most: 50), try Paging.key(input.marker))
        let page = try await store.read { tx in
            _ = try tx.eventQualifier(FunctionReference(scope: reference.scope, name: reference.name, qualifier: nil))
            let rows = try tx.eventSettings(of: reference.name, in: reference.scope, after: after, limit: limit + 1)
            return ListPage(rows, limit: limit) { [$0.qualifier] }
        }
        return ListFunctionEventInvokeConfigsOutput(
            functionEventInvokeConfigs: page.items.map { FunctionEventInvokeConfig($0) },
            nextMarker: page.next
        )
    }

    /// AWS: DeleteFunctionEventInvokeConfig
    func deleteFunctionEventInvokeConfig(
        _ input: DeleteFunctionEventInvokeConfigInput,
        _ context: RequestContext
    ) async throws -> DeleteFunctionEventInvokeConfigOutput {
        let reference = try FunctionReference(input.functionName, qualifier: input.qualifier, in: context.scope)
        try await store.write { tx in
            let settings = try tx.existingEventSettings(reference)
            try tx.deleteEventSettings(of: settings.functionName, qualifier: settings.qualifier, in: settings.scope)
        }
        return DeleteFunctionEventInvokeConfigOutput()
    }
}

/// What Put and Update may name.
private struct EventChange: Sendable {
    var retries: Int?
    var age: Int?
    var destinations: DestinationConfig?

    func check() throws {
        guard retries != nil || age != nil || destinations != nil else {
            throw InvalidParameterValueException(
                "You must specify at least one of error handling or destination setting."
            )
        }
        try check(retries, in: 0...2, at: "maximumRetryAttempts")
        try check(age, in: 60...21_600, at: "maximumEventAgeInSeconds")
    }

    private func check(_ value: Int?, in range: ClosedRange<Int>, at member: String) throws {
        guard let value, !range.contains(value) else { return }
        let bound =
            value < range.lowerBound
            ? "greater than or equal to \(range.lowerBound)" : "less than or equal to \(range.upperBound)"
        throw CommonError.constraint(String(value), at: member, "Member must have value \(bound)")
    }
}

extension LambdaReading {
    fileprivate func eventQualifier(_ reference: FunctionReference) throws -> String {
        let missing = ResourceNotFoundException("The function doesn't exist.")
        guard try function(reference.name, in: reference.scope) != nil else { throw missing }
        guard let qualifier = reference.qualifier else { return VersionNumber.latestName }
        let isThere =
            try VersionNumber(qualifier).map { try version($0, of: reference.name, in: reference.scope) != nil }
            ?? (alias(qualifier, of: reference.name, in: reference.scope) != nil)
        guard isThere else { throw missing }
        return qualifier
    }

    fileprivate func existingEventSettings(_ reference: FunctionReference) throws -> EventInvokeSettings {
        let qualifier = reference.qualifier ?? VersionNumber.latestName
        guard let settings = try eventSettings(of: reference.name, qualifier: qualifier, in: reference.scope) else {
            throw ResourceNotFoundException(
                "The function \(reference.arn(qualifier: qualifier)) doesn't have an EventInvokeConfig"
            )
        }
        return settings
    }
}

extension FunctionEventInvokeConfig {
    /// AWS prints both destinations even when neither is set.
    init(_ settings: EventInvokeSettings) {
        self.init(
            lastModified: settings.lastModified,
            functionArn: settings.functionARN.description,
            maximumRetryAttempts: settings.maximumRetries,
            maximumEventAgeInSeconds: settings.maximumAgeSeconds,
            destinationConfig: DestinationConfig(
                onSuccess: OnSuccess(destination: settings.onSuccess),
                onFailure: OnFailure(destination: settings.onFailure)
            )
        )
    }
}
