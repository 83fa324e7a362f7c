// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// AWS: CreateScheduledQuery
    ///
    /// Differs from AWS: results go to lookup tables; S3 is refused. PPL and SQL answer 501.
    func createScheduledQuery(
        _ input: CreateScheduledQueryInput,
        _ context: RequestContext
    ) async throws -> CreateScheduledQueryOutput {
        let definition = try ScheduledQueryDefinition(input)
        try Self.check(input.tags ?? [:])
        try await check(definition, context)
        let (now, id) = (clock.now, ids.uuid())
        let isEnabled = input.state != .disabled
        let next = try firstRun(of: definition, from: now)
        try await store.write(context.scope) { logs in
            guard try logs.rows.scheduledQuery(named: input.name) == nil else {
                throw ConflictException("A scheduled query with the name \(input.name) already exists.")
            }
            guard try logs.rows.countScheduledQueries() < LogLimits.scheduledQueries else {
                throw ServiceQuotaExceededException(
                    "An account can have at most \(LogLimits.scheduledQueries) scheduled queries."
                )
            }
            try logs.rows.checkGroups(of: definition)
            try logs.insertScheduledQuery(
                id,
                named: input.name,
                definition,
                isEnabled: isEnabled,
                next: isEnabled ? next : nil,
                at: now
            )
            for (key, value) in input.tags ?? [:] {
                try logs.setTag(key, value, ofResource: LogsResources.scheduledQuery(id, context.scope).resource)
            }
        }
        scheduler.look()
        var output = CreateScheduledQueryOutput()
        output.scheduledQueryArn = LogsResources.scheduledQuery(id, context.scope).description
        output.state = isEnabled ? .enabled : .disabled
        return output
    }

    /// Replaces all of it; the state stays where none is given. AWS: UpdateScheduledQuery
    func updateScheduledQuery(
        _ input: UpdateScheduledQueryInput,
        _ context: RequestContext
    ) async throws -> UpdateScheduledQueryOutput {
        let definition = try ScheduledQueryDefinition(input)
        try await check(definition, context)
        let now = clock.now
        let next = try firstRun(of: definition, from: now)
        let updated = try await store.write(context.scope) { logs in
            let query = try logs.rows.requireScheduledQuery(input.identifier)
            let isEnabled = input.state.map { $0 == .enabled } ?? query.isEnabled
            try logs.rows.checkGroups(of: definition)
            try logs.updateScheduledQuery(
                query.id,
                definition,
                isEnabled: isEnabled,
                next: isEnabled ? next : nil,
                at: now
            )
            return try logs.rows.requireScheduledQuery(query.arn.description)
        }
        scheduler.look()
        return updated.updateOutput
    }

    /// AWS: GetScheduledQuery
    func getScheduledQuery(
        _ input: GetScheduledQueryInput,
        _ context: RequestContext
    ) async throws -> GetScheduledQueryOutput {
        try await store.read(context.scope) { try $0.requireScheduledQuery(input.identifier).getOutput }
    }

    /// AWS: DeleteScheduledQuery
    func deleteScheduledQuery(
        _ input: DeleteScheduledQueryInput,
        _ context: RequestContext
    ) async throws -> DeleteScheduledQueryOutput {
        try await store.write(context.scope) { logs in
            try logs.deleteScheduledQuery(logs.rows.requireScheduledQuery(input.identifier).id)
        }
        return DeleteScheduledQueryOutput()
    }

    /// AWS: ListScheduledQueries
    func listScheduledQueries(
        _ input: ListScheduledQueriesInput,
        _ context: RequestContext
    ) async throws -> ListScheduledQueriesOutput {
        let cursor = try input.nextToken.map(Self.scheduleCursor) ?? ""
        let limit = input.maxResults ?? LogLimits.itemsPerPage
        let found = try await store.read(context.scope) { logs in
            var found: [StoredScheduledQuery] = []
            // AWS makes some of its own; here everybody's are the customer's.
            guard input.scheduleType != .awsManaged else { return found }
            try logs.scheduledQueries(behind: cursor) { query in
                if input.state.map({ $0 == query.state }) ?? true { found.append(query) }
                return found.count <= limit
            }
            return found
        }
        var output = ListScheduledQueriesOutput()
        output.scheduledQueries = found.prefix(limit).map(\.summary)
        if found.count > limit { output.nextToken = found.prefix(limit).last.map { PageToken.encode([$0.name]) } }
        return output
    }

    /// Newest first; the newest 2,000 runs are kept. AWS: GetScheduledQueryHistory
    func getScheduledQueryHistory(
        _ input: GetScheduledQueryHistoryInput,
        _ context: RequestContext
    ) async throws -> GetScheduledQueryHistoryOutput {
        let (start, end) = (Self.milliseconds(input.startTime), Self.milliseconds(input.endTime))
        guard start <= end else { throw ValidationException("endTime must not be before startTime.") }
        let cursor = try input.nextToken.map(Self.historyCursor)
        let limit = input.maxResults ?? LogLimits.itemsPerPage
        let wanted = Set((input.executionStatuses ?? []).map(\.rawValue))
        return try await store.read(context.scope) { logs in
            let query = try logs.requireScheduledQuery(input.identifier)
            var found: [StoredScheduledRun] = []
            try logs.runs(ofScheduledQuery: query.id, between: start...end, behind: cursor) { run in
                if wanted.isEmpty || wanted.contains(run.status.rawValue) { found.append(run) }
                return found.count <= limit
            }
            var output = GetScheduledQueryHistoryOutput()
            output.name = query.name
            output.scheduledQueryArn = query.arn.description
            output.triggerHistory = found.prefix(limit).map { $0.description(in: context.scope) }
            if found.count > limit, let last = found.prefix(limit).last {
                output.nextToken = PageToken.encode([String(last.triggeredAt.milliseconds), String(last.id)])
            }
            return output
        }
    }

    // MARK: Checks

    private static let badToken = ValidationException("The specified nextToken is invalid.")

    private static func scheduleCursor(_ token: String) throws -> String {
        guard let keys = PageToken.decode(token, count: 1) else { throw badToken }
        return keys[0]
    }

    private static func historyCursor(_ token: String) throws -> (time: Int, id: Int) {
        guard let keys = PageToken.decode(token, count: 2), let time = Int(keys[0]), let id = Int(keys[1]) else {
            throw badToken
        }
        return (time, id)
    }

    /// The query must be one, and its roles must be the caller's to pass and CloudWatch Logs' to assume.
    private func check(_ definition: ScheduledQueryDefinition, _ context: RequestContext) async throws {
        do {
            _ = try QueryParser.plan(definition.query)
        } catch {
            throw ValidationException("The query string is not valid: \(error.message)")
        }
        for role in [definition.role, definition.destination?.role].compactMap({ $0 }) {
            guard let arn = ARN(role), arn.service == "iam", arn.resource.hasPrefix("role/") else {
                throw ValidationException("\(role.prefix(2_048)) is not the ARN of a role.")
            }
            try await authorize("iam:PassRole", [arn], context, passing: true)
            if let fault = try await roles.fault(of: arn, in: context.scope) { throw ValidationException(fault) }
        }
    }

    /// Nil where it will never run. Throws `ValidationException` for what is no schedule.
    private func firstRun(of definition: ScheduledQueryDefinition, from now: Instant) throws -> Instant? {
        do {
            return try definition.schedule(from: now, zones).next(after: now)
        } catch {
            throw ValidationException("The schedule is not valid: \(error.message).")
        }
    }
}

extension LogRows {
    /// By name or ARN. Throws `ResourceNotFoundException`.
    func requireScheduledQuery(_ identifier: String) throws -> StoredScheduledQuery {
        let kind = "scheduled-query:"
        let found: StoredScheduledQuery?
        if let arn = ARN(identifier) {
            let isOurs = arn.scope == scope && arn.service == "logs" && arn.resource.hasPrefix(kind)
            found = isOurs ? try scheduledQuery(String(arn.resource.dropFirst(kind.utf8.count))) : nil
        } else {
            found = try scheduledQuery(named: identifier)
        }
        guard let found else { throw ResourceNotFoundException("The specified scheduled query does not exist.") }
        return found
    }

    fileprivate func checkGroups(of definition: ScheduledQueryDefinition) throws {
        for group in definition.groups {
            _ = try requireGroup(LogsService.groupName(nil, or: group, in: scope))
        }
    }
}
