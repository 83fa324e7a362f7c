// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    static let groupsPerQuery = 50

    /// Compiles a query and puts it into the queue of those that run. Throws `MalformedQueryException` for one that cannot be run,
    /// `LimitExceededException` beside 100 others. AWS: StartQuery
    ///
    /// Differs from AWS: OpenSearch PPL and SQL answer 501. Queries end with the process.
    func startQuery(_ input: StartQueryInput, _ context: RequestContext) async throws -> StartQueryOutput {
        if let language = input.queryLanguage, language != .cwli {
            throw CommonError.notImplemented("the query language \(language.rawValue)")
        }
        let plan = try Self.plan(input.queryString)
        let (start, end) = (Self.milliseconds(input.startTime), Self.milliseconds(input.endTime))
        guard start <= end else {
            throw InvalidParameterException("The end time must not be before the start time of the query.")
        }
        let names = try Self.queriedGroups(input, in: context.scope)
        if plan.unmasks {
            try await authorize("logs:Unmask", names.map { LogsResources.group($0, context.scope) }, context)
        }
        let now = clock.now
        let groups = try await store.read(context.scope) { logs in
            try logs.checkLookups(of: plan)
            return try logs.queriedGroups(names, by: plan, at: now)
        }
        let request = QueryRequest(
            id: ids.uuid(),
            scope: context.scope,
            text: input.queryString,
            plan: plan,
            groups: groups,
            range: start...end,
            limit: min(input.limit ?? plan.resultLimit, QueryPlan.maximumResults),
            createdAt: now,
            identity: context.principal.arn.description
        )
        try queries.start(request)
        var output = StartQueryOutput()
        output.queryId = request.id
        return output
    }

    private static func plan(_ text: String) throws -> QueryPlan {
        do {
            return try QueryParser.plan(text)
        } catch {
            var location = QueryCompileErrorLocation()
            location.startCharOffset = error.range.lowerBound
            location.endCharOffset = error.range.upperBound
            var details = QueryCompileError()
            details.location = location
            details.message = error.message
            var exception = MalformedQueryException(error.message)
            exception.queryCompileError = details
            throw exception
        }
    }

    /// AWS documents seconds and takes milliseconds too; no time in seconds has twelve digits for the next thousand years.
    static func milliseconds(_ time: Int) -> Int {
        let clamped = min(max(time, 0), EventPosition.latestTimestamp)
        return clamped < 100_000_000_000 ? clamped * 1_000 : clamped
    }

    private static func queriedGroups(_ input: StartQueryInput, in scope: Scope) throws -> [String] {
        let given = [input.logGroupName.map { [$0] }, input.logGroupNames, input.logGroupIdentifiers].compactMap { $0 }
        guard given.count == 1, let names = given.first, !names.isEmpty else {
            throw InvalidParameterException(
                "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified."
            )
        }
        guard names.count <= groupsPerQuery else {
            throw InvalidParameterException("A query can look through at most \(groupsPerQuery) log groups.")
        }
        guard input.logGroupIdentifiers != nil else { return Array(Set(names)).sorted() }
        return try Set(names.map { try groupName(nil, or: $0, in: scope) }).sorted()
    }

    /// Results come when the query has ended; until then there is only how far it has come. AWS: GetQueryResults
    func getQueryResults(_ input: GetQueryResultsInput, _ context: RequestContext) async throws -> GetQueryResultsOutput
    {
        let entry = try requireQuery(input.queryId, context)
        let start = try input.nextToken.map { try Self.cursor($0, keys: 1)[0] }.map { Int($0) ?? 0 } ?? 0
        let rest = entry.results.dropFirst(max(start, 0))
        let page = rest.prefix(max(input.maxItems ?? QueryPlan.usualResults, 1))
        var output = GetQueryResultsOutput()
        output.queryLanguage = .cwli
        output.status = entry.status
        output.results = page.map { row in
            row.map { cell in
                var field = ResultField()
                field.field = cell.field
                field.value = cell.value
                return field
            }
        }
        output.statistics = Self.statistics(entry)
        if page.endIndex < entry.results.endIndex { output.nextToken = PageToken.encode([String(page.endIndex)]) }
        return output
    }

    private static func statistics(_ entry: QueryTable.Entry) -> QueryStatistics {
        var statistics = QueryStatistics()
        statistics.recordsMatched = Double(entry.progress.matched)
        statistics.recordsScanned = Double(entry.progress.scanned)
        statistics.estimatedRecordsSkipped = 0
        statistics.bytesScanned = Double(entry.progress.bytes)
        statistics.estimatedBytesSkipped = 0
        statistics.logGroupsScanned = Double(entry.request.groups.count)
        return statistics
    }

    private func requireQuery(_ id: String, _ context: RequestContext) throws -> QueryTable.Entry {
        guard let entry = queries.table.entry(id, in: context.scope) else {
            throw ResourceNotFoundException("The specified query does not exist.")
        }
        return entry
    }

    /// AWS: ListLogGroupsForQuery
    func listLogGroupsForQuery(
        _ input: ListLogGroupsForQueryInput,
        _ context: RequestContext
    ) async throws -> ListLogGroupsForQueryOutput {
        let entry = try requireQuery(input.queryId, context)
        let start = try input.nextToken.map { try Self.cursor($0, keys: 1)[0] }.map { Int($0) ?? 0 } ?? 0
        let page = entry.request.groups.dropFirst(max(start, 0)).prefix(input.maxResults ?? 50)
        var output = ListLogGroupsForQueryOutput()
        output.logGroupIdentifiers = page.map { StoredGroup.arn($0.name, in: context.scope).description }
        if page.endIndex < entry.request.groups.endIndex {
            output.nextToken = PageToken.encode([String(page.endIndex)])
        }
        return output
    }

    /// AWS: StopQuery
    func stopQuery(_ input: StopQueryInput, _ context: RequestContext) async throws -> StopQueryOutput {
        let entry = try requireQuery(input.queryId, context)
        guard queries.table.stop(input.queryId) else {
            throw InvalidParameterException("Query is already ended with \(entry.status.rawValue) status")
        }
        var output = StopQueryOutput()
        output.success = true
        return output
    }

    /// AWS: DescribeQueries
    func describeQueries(_ input: DescribeQueriesInput, _ context: RequestContext) async throws -> DescribeQueriesOutput
    {
        let start = try input.nextToken.map { try Self.cursor($0, keys: 1)[0] }.map { Int($0) ?? 0 } ?? 0
        let wanted = queries.table.entries(in: context.scope).filter { entry in
            (input.status.map { $0 == entry.status } ?? true)
                && (input.queryLanguage.map { $0 == .cwli } ?? true)
                && (input.logGroupName.map { name in entry.request.groups.contains { $0.name == name } } ?? true)
        }
        let page = wanted.dropFirst(max(start, 0)).prefix(input.maxResults ?? 1_000)
        var output = DescribeQueriesOutput()
        output.queries = page.map(Self.info)
        if page.endIndex < wanted.endIndex { output.nextToken = PageToken.encode([String(page.endIndex)]) }
        return output
    }

    private static func info(_ entry: QueryTable.Entry) -> QueryInfo {
        var info = QueryInfo()
        info.queryLanguage = .cwli
        info.queryId = entry.request.id
        info.queryString = entry.request.text
        info.status = entry.status
        info.createTime = Int(entry.request.createdAt.milliseconds)
        info.logGroupName = entry.request.groups.first?.name
        info.queryDuration = entry.isActive ? nil : entry.duration
        info.bytesScanned = Double(entry.progress.bytes)
        info.userIdentity = entry.request.identity
        return info
    }
}

extension LogRows {
    /// Those of the groups that a query has to look through. Throws `ResourceNotFoundException`.
    func queriedGroups(_ names: [String], by plan: QueryPlan, at now: Instant) throws -> [QueriedGroup] {
        try names.compactMap { name -> QueriedGroup? in
            let group = try requireGroup(name)
            guard try plan.indexedFields.allSatisfy({ try hasIndex($0, of: group) }) else { return nil }
            let horizon = Retention.horizon(days: group.retentionDays, at: now)?.milliseconds ?? 0
            return QueriedGroup(id: group.id, name: name, horizon: Int(horizon))
        }
    }
}
