// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// With the address to download the code from, the tags and the reserved concurrency. AWS: GetFunction
    func getFunction(_ input: GetFunctionInput, _ context: RequestContext) async throws -> GetFunctionOutput {
        let reference = try FunctionReference(input.functionName, qualifier: input.qualifier, in: context.scope)
        let (function, version, tags) = try await store.read { tx in
            let version = try tx.existingVersion(reference)
            return (try tx.existingFunction(reference), version, try tx.tags(of: reference.name, in: reference.scope))
        }
        return GetFunctionOutput(
            configuration: FunctionConfiguration(version, qualifier: reference.qualifier),
            code: try codeLocation(of: version, seenFrom: context.endpoint),
            tags: tags.isEmpty ? nil : tags,
            concurrency: function.reservedConcurrency.map { Concurrency(reservedConcurrentExecutions: $0) }
        )
    }

    /// AWS: GetFunctionConfiguration
    func getFunctionConfiguration(
        _ input: GetFunctionConfigurationInput,
        _ context: RequestContext
    ) async throws -> GetFunctionConfigurationOutput {
        let reference = try FunctionReference(input.functionName, qualifier: input.qualifier, in: context.scope)
        let version = try await store.read { try $0.existingVersion(reference) }
        return FunctionConfiguration(version, qualifier: reference.qualifier)
    }

    /// At most 50 a page, by name. With `FunctionVersion: ALL` every version with its qualified ARN. AWS: ListFunctions
    func listFunctions(_ input: ListFunctionsInput, _ context: RequestContext) async throws -> ListFunctionsOutput {
        let (scope, limit) = (context.scope, Paging.limit(input.maxItems, most: 50))
        // MasterRegion asks for the replicas of another region's functions, of which there are none.
        if let region = input.masterRegion, region != "ALL", region != scope.region.name {
            return ListFunctionsOutput(functions: [])
        }
        guard input.functionVersion == nil else { return try await listAllVersions(input.marker, limit, scope) }
        let after = try Paging.key(input.marker)
        let page = try await store.read { tx in
            ListPage(try tx.latestVersions(in: scope, after: after, limit: limit + 1), limit: limit) {
                [$0.functionName]
            }
        }
        return ListFunctionsOutput(
            nextMarker: page.next,
            functions: page.items.map { FunctionConfiguration($0, qualifier: nil).listed }
        )
    }

    private func listAllVersions(_ marker: String?, _ limit: Int, _ scope: Scope) async throws -> ListFunctionsOutput {
        let keys = try marker.flatMap { $0.isEmpty ? nil : try Paging.keys($0, count: 2) } ?? ["", "-1"]
        guard let number = Int(keys[1]) else { throw Paging.invalidMarker }
        let page = try await store.read { tx in
            let rows = try tx.allVersions(in: scope, after: (keys[0], number), limit: limit + 1)
            return ListPage(rows, limit: limit) { [$0.functionName, String($0.number.number)] }
        }
        return ListFunctionsOutput(
            nextMarker: page.next,
            functions: page.items.map { FunctionConfiguration($0, qualifier: $0.number.text).listed }
        )
    }

    /// The whole function, or one published version that no alias points to. AWS: DeleteFunction
    func deleteFunction(_ input: DeleteFunctionInput, _ context: RequestContext) async throws -> DeleteFunctionOutput {
        let reference = try FunctionReference(input.functionName, qualifier: input.qualifier, in: context.scope)
        try await changes.of(reference.name, in: reference.scope) { tx in
            let function = try tx.existingFunction(reference)
            guard let qualifier = reference.qualifier else { return try tx.delete(function) }
            guard let number = VersionNumber(qualifier) else {
                throw InvalidParameterValueException("Deletion of aliases is not currently supported.")
            }
            guard !number.isLatest else {
                throw InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
            }
            try tx.deleteVersion(number, of: reference)
        }
        return DeleteFunctionOutput(statusCode: 204)
    }
}

extension LambdaWrite {
    /// What is not there is no failure.
    fileprivate func deleteVersion(_ number: VersionNumber, of reference: FunctionReference) throws {
        let (name, scope) = (reference.name, reference.scope)
        let pointing = try aliases(of: name, in: scope, to: number, after: "", limit: 1_000)
        guard pointing.isEmpty else {
            let names = pointing.map(\.name).joined(separator: ", ")
            throw ResourceConflictException(
                "Unable to delete version because the following aliases reference it: [\(names)]"
            )
        }
        try delete(number, of: name, in: scope)
        try deletePolicies(of: .function(name), qualifier: number.text, in: scope)
        try deleteEventSettings(of: name, qualifier: number.text, in: scope)
        try deleteProvisioned(.init(scope: scope, functionName: name, qualifier: number.text))
    }
}
