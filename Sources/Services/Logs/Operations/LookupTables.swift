// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// AWS: CreateLookupTable
    ///
    /// Differs from AWS: KMS keys answer 501. A query that was stopped has no results here.
    func createLookupTable(
        _ input: CreateLookupTableInput,
        _ context: RequestContext
    ) async throws -> CreateLookupTableOutput {
        try Self.refuseKey(input.kmsKeyId)
        try Self.check(input.tags ?? [:])
        let content = try await tableContent(input.tableBody, input.queryId, context)
        let now = clock.now
        try await store.write(context.scope) { logs in
            try logs.createLookupTable(
                input.lookupTableName,
                content,
                description: input.description,
                tags: input.tags ?? [:],
                at: now
            )
        }
        var output = CreateLookupTableOutput()
        output.lookupTableArn = LogsResources.lookupTable(input.lookupTableName, context.scope).description
        output.createdAt = Int(now.milliseconds)
        return output
    }

    /// Replaces the whole content at once: a query sees the old table or the new one. AWS: UpdateLookupTable
    func updateLookupTable(
        _ input: UpdateLookupTableInput,
        _ context: RequestContext
    ) async throws -> UpdateLookupTableOutput {
        try Self.refuseKey(input.kmsKeyId)
        let name = try Self.tableName(input.lookupTableArn, in: context.scope)
        let content = try await tableContent(input.tableBody, input.queryId, context)
        let now = clock.now
        try await store.write(context.scope) { logs in
            try logs.updateLookupTable(name, content, description: input.description, at: now)
        }
        var output = UpdateLookupTableOutput()
        output.lookupTableArn = input.lookupTableArn
        output.lastUpdatedTime = Int(now.milliseconds)
        return output
    }

    /// AWS: GetLookupTable
    func getLookupTable(_ input: GetLookupTableInput, _ context: RequestContext) async throws -> GetLookupTableOutput {
        let name = try Self.tableName(input.lookupTableArn, in: context.scope)
        return try await store.read(context.scope) { logs in
            guard let table = try logs.lookupTable(name), let body = try logs.lookupTableBody(name) else {
                throw Self.noSuchLookupTable
            }
            var output = GetLookupTableOutput()
            output.lookupTableArn = input.lookupTableArn
            output.lookupTableName = name
            output.description = table.description
            output.tableBody = body
            output.sizeBytes = table.size
            output.lastUpdatedTime = Int(table.updatedAt.milliseconds)
            return output
        }
    }

    /// AWS: DescribeLookupTables
    func describeLookupTables(
        _ input: DescribeLookupTablesInput,
        _ context: RequestContext
    ) async throws -> DescribeLookupTablesOutput {
        let cursor = try input.nextToken.map { try Self.cursor($0, keys: 1)[0] } ?? ""
        let limit = max(input.maxResults ?? LogLimits.itemsPerPage, 1)
        let found = try await store.read(context.scope) { logs in
            var found: [StoredLookupTable] = []
            try logs.lookupTables(behind: cursor, prefix: input.lookupTableNamePrefix ?? "") {
                found.append($0)
                return found.count <= limit
            }
            return found
        }
        var output = DescribeLookupTablesOutput()
        output.lookupTables = found.prefix(limit).map { $0.summary(in: context.scope) }
        if found.count > limit { output.nextToken = found.prefix(limit).last.map { PageToken.encode([$0.name]) } }
        return output
    }

    /// AWS: DeleteLookupTable
    func deleteLookupTable(
        _ input: DeleteLookupTableInput,
        _ context: RequestContext
    ) async throws -> DeleteLookupTableOutput {
        let name = try Self.tableName(input.lookupTableArn, in: context.scope)
        try await store.write(context.scope) { logs in
            guard try logs.deleteLookupTable(name) else { throw Self.noSuchLookupTable }
        }
        return DeleteLookupTableOutput()
    }

    // MARK: Parts

    static let noSuchLookupTable = ResourceNotFoundException("The specified lookup table does not exist.")

    private static func refuseKey(_ key: String?) throws {
        guard key?.isEmpty ?? true else { throw CommonError.notImplemented("KMS keys of lookup tables") }
    }

    /// Throws `InvalidParameterException` for what is no ARN of a table, `ResourceNotFoundException` for another scope's.
    private static func tableName(_ text: String, in scope: Scope) throws -> String {
        let kind = "lookup-table:"
        guard let arn = ARN(text), arn.service == "logs", arn.resource.hasPrefix(kind) else {
            throw InvalidParameterException("The specified lookup table ARN is invalid.")
        }
        guard arn.scope == scope else { throw noSuchLookupTable }
        return String(arn.resource.dropFirst(kind.utf8.count))
    }

    private func tableContent(
        _ body: String?,
        _ query: String?,
        _ context: RequestContext
    ) async throws -> LookupTableContent {
        guard (body == nil) != (query == nil) else {
            throw InvalidParameterException("Exactly one of tableBody and queryId must be specified.")
        }
        do {
            if let body { return try LookupTableContent(body) }
            return try await resultContent(query ?? "", context)
        } catch let fault as CSVFault {
            throw InvalidParameterException("The table is not valid CSV: \(fault.message).")
        }
    }

    private func resultContent(_ query: String, _ context: RequestContext) async throws -> LookupTableContent {
        try await authorize("logs:GetQueryResults", [], context)
        guard let entry = queries.table.entry(query, in: context.scope) else {
            throw InvalidParameterException("The specified query does not exist.")
        }
        guard [.complete, .cancelled].contains(entry.status) else {
            throw InvalidParameterException("The query is in \(entry.status.rawValue) status.")
        }
        return try entry.tableContent
    }
}

extension QueryTable.Entry {
    /// Its results as a table. Throws `CSVFault` where they are more than a table may hold.
    var tableContent: LookupTableContent {
        get throws(CSVFault) { try LookupTableContent(request.plan.columns.map(\.name), rows: results) }
    }
}
