// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// The fields of a data source and their types, as the newest events of its groups have them.
    /// AWS: GetLogFields
    ///
    /// Differs from AWS: looks at 1,000 events of at most 50 groups.
    func getLogFields(_ input: GetLogFieldsInput, _ context: RequestContext) async throws -> GetLogFieldsOutput {
        let wanted = DataSource(name: input.dataSourceName, type: input.dataSourceType)
        let now = clock.now
        let type = try await store.read(context.scope) { logs -> FieldType? in
            var groups: [StoredGroup] = []
            try logs.groups(behind: "", prefix: "") { group in
                if DataSource(tags: try logs.tags(ofGroup: group.id)) == wanted { groups.append(group) }
                return groups.count < LogLimits.groupsPerFieldSearch
            }
            guard !groups.isEmpty else { return nil }
            let share = LogLimits.eventsPerFieldSearch / groups.count
            return try groups.reduce(.object([:])) { try $0.merged(with: logs.fieldType(of: $1, upTo: share, at: now)) }
        }
        guard case .object(let fields)? = type else {
            throw ResourceNotFoundException("The specified data source does not exist.")
        }
        var output = GetLogFieldsOutput()
        output.logFields = FieldType.items(fields)
        return output
    }

    /// How many groups each data source has. AWS: ListAggregateLogGroupSummaries
    ///
    /// Differs from AWS: data sources are those that tags of groups name; a group without one is not counted, and none has
    /// a format.
    func listAggregateLogGroupSummaries(
        _ input: ListAggregateLogGroupSummariesInput,
        _ context: RequestContext
    ) async throws -> ListAggregateLogGroupSummariesOutput {
        let cursor = try input.nextToken.map { try Self.cursor($0, keys: 2) }
        let accounts = LinkedAccounts(input.includeLinkedAccounts, input.accountIdentifiers)
        guard accounts.include(context.scope.account) else { return ListAggregateLogGroupSummariesOutput() }
        let names = input.logGroupNamePattern.map(NameAlternatives.init)
        let counts = try await store.read(context.scope) { logs in
            var counts: [DataSource: Int] = [:]
            try logs.groups(behind: "", prefix: "") { group in
                guard Self.has(group, classLike: input.logGroupClass), names?.match(group.name) ?? true,
                    let source = DataSource(tags: try logs.tags(ofGroup: group.id)),
                    input.dataSources.map(source.isNamed) ?? true
                else { return true }
                counts[source, default: 0] += 1
                return true
            }
            return counts
        }
        let behind = cursor.map { DataSource(name: $0[0], type: $0[1]) }
        let rest = counts.keys.sorted().filter { source in behind.map { $0 < source } ?? true }
        let page = rest.prefix(input.limit ?? LogLimits.itemsPerPage)
        var output = ListAggregateLogGroupSummariesOutput()
        output.aggregateLogGroupSummaries = page.map { Self.summary(of: $0, count: counts[$0] ?? 0) }
        if page.count < rest.count { output.nextToken = page.last.map { PageToken.encode([$0.name, $0.type]) } }
        return output
    }

    private static func summary(of source: DataSource, count: Int) -> AggregateLogGroupSummary {
        var summary = AggregateLogGroupSummary()
        summary.logGroupCount = count
        summary.groupingIdentifiers = [("dataSource.Name", source.name), ("dataSource.Type", source.type)].map {
            var identifier = GroupingIdentifier()
            (identifier.key, identifier.value) = $0
            return identifier
        }
        return summary
    }
}

extension LogRows {
    /// What the newest events of a group are made of.
    fileprivate func fieldType(of group: StoredGroup, upTo limit: Int, at now: Instant) throws -> FieldType {
        let horizon = Retention.horizon(days: group.retentionDays, at: now)?.milliseconds ?? 0
        var query = EventQuery(source: .group(group.id))
        query.after = .before(Int(horizon))
        query.descending = true
        let source = RecordSource(account: scope.account.text, group: group.name, groupID: group.id)
        var (type, count) = (FieldType.object([:]), 0)
        try events(query) { event in
            if let document = InsightsRecord(event, in: "-", of: source, slots: 0).json(), case .object = document {
                type = type.merged(with: FieldType(document))
            }
            count += 1
            return count < limit
        }
        return type
    }
}
