// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Asks for environments that are initialised ahead; answers before they are there. Atomic with the check against what
    /// the function has reserved and the account has left. Throws InvalidParameterValueException,
    /// ResourceConflictException, ResourceNotFoundException. AWS: PutProvisionedConcurrencyConfig
    func putProvisionedConcurrencyConfig(
        _ input: PutProvisionedConcurrencyConfigInput,
        _ context: RequestContext
    ) async throws -> PutProvisionedConcurrencyConfigOutput {
        let (reference, qualifier) = try published(input.functionName, input.qualifier, context)
        let configuration = ProvisionedConcurrency(
            scope: reference.scope,
            functionName: reference.name,
            qualifier: qualifier,
            requested: input.provisionedConcurrentExecutions,
            lastModified: clock.now
        )
        try await changes.of(reference.name, in: reference.scope) { tx in
            let function = try tx.existingFunction(reference, showing: reference.qualifiedARN)
            let version = try tx.existingVersion(reference)
            if version.snapStarts { throw SnapStartRules.refusal(of: "Provisioned Concurrency") }
            if version.settings.tenantIsolation != nil { throw Tenancy.refusal(of: "Provisioned Concurrency") }
            try tx.refuseTwin(of: configuration)
            try tx.checkRoom(for: configuration, function)
            try tx.save(configuration)
        }
        return PutProvisionedConcurrencyConfigOutput(
            requestedProvisionedConcurrentExecutions: configuration.requested,
            allocatedProvisionedConcurrentExecutions: 0,
            availableProvisionedConcurrentExecutions: 0,
            status: .init(ProvisionedStanding.Status.inProgress.rawValue),
            lastModified: configuration.lastModifiedText
        )
    }

    /// AWS: GetProvisionedConcurrencyConfig
    func getProvisionedConcurrencyConfig(
        _ input: GetProvisionedConcurrencyConfigInput,
        _ context: RequestContext
    ) async throws -> GetProvisionedConcurrencyConfigOutput {
        let (reference, qualifier) = try published(input.functionName, input.qualifier, context)
        let configuration = try await store.read { tx in
            _ = try tx.existingVersion(reference)
            return try tx.provisioned(of: reference.name, qualifier: qualifier, in: reference.scope)
        }
        guard let configuration else {
            throw ProvisionedConcurrencyConfigNotFoundException(
                "No Provisioned Concurrency Config found for this function"
            )
        }
        let standing = provisioner.standing(of: configuration)
        return GetProvisionedConcurrencyConfigOutput(
            requestedProvisionedConcurrentExecutions: configuration.requested,
            availableProvisionedConcurrentExecutions: standing.available,
            allocatedProvisionedConcurrentExecutions: standing.allocated,
            status: .init(standing.status(requested: configuration.requested).rawValue),
            statusReason: standing.failure,
            lastModified: configuration.lastModifiedText
        )
    }

    /// AWS: ListProvisionedConcurrencyConfigs
    func listProvisionedConcurrencyConfigs(
        _ input: ListProvisionedConcurrencyConfigsInput,
        _ context: RequestContext
    ) async throws -> ListProvisionedConcurrencyConfigsOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        let (limit, after) = (Paging.limit(input.maxItems, most: 50), try Paging.key(input.marker))
        let page = try await store.read { tx in
            _ = try tx.existingFunction(reference)
            let rows = try tx.provisioned(of: reference.name, in: reference.scope, after: after, limit: limit + 1)
            return ListPage(rows, limit: limit) { [$0.qualifier] }
        }
        return ListProvisionedConcurrencyConfigsOutput(
            provisionedConcurrencyConfigs: page.items.map { configuration in
                let standing = provisioner.standing(of: configuration)
                return ProvisionedConcurrencyConfigListItem(
                    functionArn: reference.arn(qualifier: configuration.qualifier).description,
                    requestedProvisionedConcurrentExecutions: configuration.requested,
                    availableProvisionedConcurrentExecutions: standing.available,
                    allocatedProvisionedConcurrentExecutions: standing.allocated,
                    status: .init(standing.status(requested: configuration.requested).rawValue),
                    statusReason: standing.failure,
                    lastModified: configuration.lastModifiedText
                )
            },
            nextMarker: page.next
        )
    }

    /// The environments end when they are idle. AWS: DeleteProvisionedConcurrencyConfig
    func deleteProvisionedConcurrencyConfig(
        _ input: DeleteProvisionedConcurrencyConfigInput,
        _ context: RequestContext
    ) async throws -> DeleteProvisionedConcurrencyConfigOutput {
        let (reference, qualifier) = try published(input.functionName, input.qualifier, context)
        try await changes.of(reference.name, in: reference.scope) { tx in
            _ = try tx.existingVersion(reference)
            try tx.deleteProvisioned(.init(scope: reference.scope, functionName: reference.name, qualifier: qualifier))
        }
        return DeleteProvisionedConcurrencyConfigOutput()
    }

    /// A version's number or an alias: `$LATEST` can have none.
    private func published(
        _ text: String,
        _ qualifier: String,
        _ context: RequestContext
    ) throws -> (FunctionReference, String) {
        let reference = try FunctionReference(text, qualifier: qualifier, in: context.scope)
        guard qualifier != VersionNumber.latestName else {
            throw InvalidParameterValueException(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        }
        return (reference, qualifier)
    }
}

extension ProvisionedConcurrency {
    /// Without milliseconds, unlike Lambda's other times.
    fileprivate var lastModifiedText: String { lastModified.iso8601.dropLast() + "+0000" }
}

extension LambdaReading {
    /// An alias and the version that it points to cannot both have a configuration, nor two aliases of one version.
    fileprivate func refuseTwin(of configuration: ProvisionedConcurrency) throws {
        let (name, scope) = (configuration.functionName, configuration.scope)
        let versions = try versions(of: configuration.qualifier, name, scope)
        let others = try provisioned(of: name, in: scope, after: "", limit: .max)
        for other in others where other.qualifier != configuration.qualifier {
            guard !versions.isDisjoint(with: try self.versions(of: other.qualifier, name, scope)) else { continue }
            throw ResourceConflictException(
                VersionNumber(other.qualifier) == nil
                    ? "Version is pointed to by a Provisioned Concurrency alias"
                    : "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
            )
        }
    }

    private func versions(of qualifier: String, _ name: String, _ scope: Scope) throws -> Set<VersionNumber> {
        if let number = VersionNumber(qualifier) { return [number] }
        guard let alias = try alias(qualifier, of: name, in: scope) else { return [] }
        return Set([alias.version, alias.routing?.version].compactMap(\.self))
    }

    fileprivate func checkRoom(for configuration: ProvisionedConcurrency, _ function: FunctionRecord) throws {
        let (name, scope) = (configuration.functionName, configuration.scope)
        let before = try provisioned(of: name, qualifier: configuration.qualifier, in: scope)?.requested ?? 0
        let ofFunction = try provisionedTotal(of: name, in: scope) - before
        let (sum, overflows) = ofFunction.addingReportingOverflow(configuration.requested)
        if let reserved = function.reservedConcurrency {
            guard !overflows, sum <= reserved else {
                throw InvalidParameterValueException(
                    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
                )
            }
            return
        }
        let taken = try claimedConcurrency(in: scope).total - before
        guard !overflows, configuration.requested <= AccountQuotas.concurrency - AccountQuotas.unreserved - taken else {
            throw InvalidParameterValueException(
                "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [\(AccountQuotas.unreserved)]."
            )
        }
    }
}
