// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// Keeps a query for later. What is kept is not compiled, as in AWS. AWS: PutQueryDefinition
    ///
    /// Differs from AWS: parameters answer 501.
    func putQueryDefinition(
        _ input: PutQueryDefinitionInput,
        _ context: RequestContext
    ) async throws -> PutQueryDefinitionOutput {
        if let language = input.queryLanguage, language != .cwli {
            throw CommonError.notImplemented("the query language \(language.rawValue)")
        }
        if input.parameters?.isEmpty == false { throw CommonError.notImplemented("parameters of query definitions") }
        let now = clock.now
        let id = input.queryDefinitionId ?? ids.uuid()
        try await store.write(context.scope) { logs in
            if input.queryDefinitionId != nil {
                guard try logs.rows.hasQueryDefinition(id) else {
                    throw ResourceNotFoundException("The specified query definition does not exist.")
                }
            } else {
                guard try logs.rows.countQueryDefinitions() < LogLimits.queryDefinitions else {
                    throw LimitExceededException("Resource limit exceeded.")
                }
            }
            try logs.setQueryDefinition(id, input.name, input.queryString, input.logGroupNames ?? [], at: now)
        }
        var output = PutQueryDefinitionOutput()
        output.queryDefinitionId = id
        return output
    }

    /// AWS: DescribeQueryDefinitions
    func describeQueryDefinitions(
        _ input: DescribeQueryDefinitionsInput,
        _ context: RequestContext
    ) async throws -> DescribeQueryDefinitionsOutput {
        let keys = try input.nextToken.map { try Self.cursor($0, keys: 2) } ?? ["", ""]
        let limit = input.maxResults ?? 1_000
        var output = DescribeQueryDefinitionsOutput()
        guard input.queryLanguage.map({ $0 == .cwli }) ?? true else {
            output.queryDefinitions = []
            return output
        }
        let found = try await store.read(context.scope) { logs in
            try logs.queryDefinitions(behind: (keys[0], keys[1]))
                .filter { $0.name.utf8.starts(with: (input.queryDefinitionNamePrefix ?? "").utf8) }
        }
        output.queryDefinitions = found.prefix(limit).map(\.description)
        if found.count > limit, let last = found.prefix(limit).last {
            output.nextToken = PageToken.encode([last.name, last.id])
        }
        return output
    }

    /// AWS: DeleteQueryDefinition
    func deleteQueryDefinition(
        _ input: DeleteQueryDefinitionInput,
        _ context: RequestContext
    ) async throws -> DeleteQueryDefinitionOutput {
        try await store.write(context.scope) { logs in
            guard try logs.deleteQueryDefinition(input.queryDefinitionId) else {
                throw ResourceNotFoundException("The specified query definition does not exist.")
            }
        }
        var output = DeleteQueryDefinitionOutput()
        output.success = true
        return output
    }
}
