// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Gives a function or an alias an HTTP address. Throws ResourceConflictException when it has one.
    /// AWS: CreateFunctionUrlConfig
    func createFunctionUrlConfig(
        _ input: CreateFunctionUrlConfigInput,
        _ context: RequestContext
    ) async throws -> CreateFunctionUrlConfigOutput {
        let (reference, qualifier) = try urlTarget(input.functionName, input.qualifier, context)
        let now = clock.now
        let url = FunctionURL(
            id: ids.token(32, from: "abcdefghijklmnopqrstuvwxyz234567"),
            scope: reference.scope,
            functionName: reference.name,
            qualifier: qualifier,
            authType: input.authType.rawValue,
            invokeMode: (input.invokeMode ?? .buffered).rawValue,
            cors: input.cors.map { FunctionURL.CrossOrigin($0) },
            created: now,
            lastModified: now
        )
        try await store.write { tx in
            try tx.checkURLTarget(reference, qualifier)
            if try tx.existingVersion(reference).settings.tenantIsolation != nil {
                throw Tenancy.refusal(of: "Function URL")
            }
            guard try tx.url(of: reference.name, qualifier: qualifier, in: reference.scope) == nil else {
                throw ResourceConflictException(
                    "Failed to create function url config for [functionArn = \(url.functionARN)]. Error message:  FunctionUrlConfig exists for this Lambda function"
                )
            }
            try tx.save(url)
        }
        return CreateFunctionUrlConfigOutput(FunctionUrlConfig(url, context.endpoint))
    }

    /// AWS: GetFunctionUrlConfig
    func getFunctionUrlConfig(
        _ input: GetFunctionUrlConfigInput,
        _ context: RequestContext
    ) async throws -> GetFunctionUrlConfigOutput {
        let (reference, qualifier) = try urlTarget(input.functionName, input.qualifier, context)
        let url = try await store.read { try $0.existingURL(reference, qualifier) }
        return GetFunctionUrlConfigOutput(FunctionUrlConfig(url, context.endpoint))
    }

    /// Changes what the request names; Cors as a whole. AWS: UpdateFunctionUrlConfig
    func updateFunctionUrlConfig(
        _ input: UpdateFunctionUrlConfigInput,
        _ context: RequestContext
    ) async throws -> UpdateFunctionUrlConfigOutput {
        let (reference, qualifier) = try urlTarget(input.functionName, input.qualifier, context)
        let now = clock.now
        defer { changes.cache.forgetURLs() }
        let url = try await store.write { tx in
            try tx.checkURLTarget(reference, qualifier)
            var url = try tx.existingURL(reference, qualifier)
            url.authType = input.authType?.rawValue ?? url.authType
            url.invokeMode = input.invokeMode?.rawValue ?? url.invokeMode
            url.cors = input.cors.map { FunctionURL.CrossOrigin($0) } ?? url.cors
            url.lastModified = now
            try tx.save(url)
            return url
        }
        return UpdateFunctionUrlConfigOutput(FunctionUrlConfig(url, context.endpoint))
    }

    /// AWS: ListFunctionUrlConfigs
    func listFunctionUrlConfigs(
        _ input: ListFunctionUrlConfigsInput,
        _ context: RequestContext
    ) async throws -> ListFunctionUrlConfigsOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        let (limit, after) = (Paging.limit(input.maxItems, most: 50), try Paging.key(input.marker))
        let page = try await store.read { tx in
            try tx.checkURLTarget(reference, VersionNumber.latestName)
            let rows = try tx.urls(of: reference.name, in: reference.scope, after: after, limit: limit + 1)
            return ListPage(rows, limit: limit) { [$0.qualifier] }
        }
        return ListFunctionUrlConfigsOutput(
            functionUrlConfigs: page.items.map { FunctionUrlConfig($0, context.endpoint) },
            nextMarker: page.next
        )
    }

    /// AWS: DeleteFunctionUrlConfig
    func deleteFunctionUrlConfig(
        _ input: DeleteFunctionUrlConfigInput,
        _ context: RequestContext
    ) async throws -> DeleteFunctionUrlConfigOutput {
        let (reference, qualifier) = try urlTarget(input.functionName, input.qualifier, context)
        defer { changes.cache.forgetURLs() }
        try await store.write { tx in
            _ = try tx.existingURL(reference, qualifier)
            try tx.deleteURL(of: reference.name, qualifier: qualifier, in: reference.scope)
        }
        return DeleteFunctionUrlConfigOutput()
    }

    /// The function behind the first label of a host name. Nil when there is none.
    func functionURL(id: String) async throws -> FunctionURL? { try await store.read { try $0.url(id: id) } }

    /// URLs are for functions and aliases, not for versions.
    private func urlTarget(
        _ name: String,
        _ qualifier: String?,
        _ context: RequestContext
    ) throws -> (FunctionReference, qualifier: String) {
        let reference = try FunctionReference(name, qualifier: qualifier, in: context.scope)
        guard let given = reference.qualifier else { return (reference, VersionNumber.latestName) }
        guard AliasRules.isName(given) else {
            throw CommonError.constraint(
                given,
                at: "qualifier",
                "Member must satisfy regular expression pattern: \(Patterns.functionUrlQualifier.text)"
            )
        }
        return (reference, given)
    }
}

extension LambdaReading {
    fileprivate func checkURLTarget(_ reference: FunctionReference, _ qualifier: String) throws {
        let missing = ResourceNotFoundException("Function does not exist")
        guard try function(reference.name, in: reference.scope) != nil else { throw missing }
        guard qualifier != VersionNumber.latestName else { return }
        guard try alias(qualifier, of: reference.name, in: reference.scope) != nil else { throw missing }
    }

    fileprivate func existingURL(_ reference: FunctionReference, _ qualifier: String) throws -> FunctionURL {
        guard let url = try url(of: reference.name, qualifier: qualifier, in: reference.scope) else {
            throw ResourceNotFoundException.requested
        }
        return url
    }
}
