// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// AWS: DescribeLogGroups
    func describeLogGroups(
        _ input: DescribeLogGroupsInput,
        _ context: RequestContext
    ) async throws -> DescribeLogGroupsOutput {
        if let identifiers = input.logGroupIdentifiers { return try await describe(identifiers, input, context) }
        guard input.logGroupNamePrefix == nil || input.logGroupNamePattern == nil else {
            throw InvalidParameterException(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
            )
        }
        let accounts = LinkedAccounts(input.includeLinkedAccounts, input.accountIdentifiers)
        let request = GroupPage(token: input.nextToken, limit: input.limit)
        let pattern = input.logGroupNamePattern.map { Array($0.utf8) }
        let page = try await list(request, prefix: input.logGroupNamePrefix ?? "", accounts, context) { group, _ in
            Self.has(group, classLike: input.logGroupClass)
                && (pattern.map { Self.contains($0, in: group.name) } ?? true)
        }
        var output = DescribeLogGroupsOutput()
        output.logGroups = page.groups.map {
            pattern?.isEmpty == false ? $0.shortDescription(in: context.scope) : $0.description(in: context.scope)
        }
        output.nextToken = page.nextToken
        return output
    }

    private func describe(
        _ identifiers: [String],
        _ input: DescribeLogGroupsInput,
        _ context: RequestContext
    ) async throws -> DescribeLogGroupsOutput {
        guard input.logGroupNamePrefix == nil, input.logGroupNamePattern == nil, input.logGroupClass == nil else {
            throw InvalidParameterException("LogGroup identifiers cannot be combined with other filters.")
        }
        let names = Set(
            try identifiers.compactMap { identifier -> String? in
                guard let reference = LogGroupReference(identifier) else {
                    throw InvalidParameterException("The specified log group identifier is invalid.")
                }
                return reference.scope == nil || reference.scope == context.scope ? reference.name : nil
            }
        )
        var output = DescribeLogGroupsOutput()
        output.logGroups = try await store.read(context.scope) { logs in
            try names.sorted().compactMap { try logs.group($0)?.description(in: context.scope) }
        }
        return output
    }

    /// AWS: ListLogGroups
    ///
    /// Differs from AWS: the filter by field index answers 501; data sources are those that tags of groups name.
    func listLogGroups(_ input: ListLogGroupsInput, _ context: RequestContext) async throws -> ListLogGroupsOutput {
        if input.fieldIndexNames != nil { throw CommonError.notImplemented("log groups by field index") }
        let accounts = LinkedAccounts(input.includeLinkedAccounts, input.accountIdentifiers)
        let request = GroupPage(token: input.nextToken, limit: input.limit)
        let names = input.logGroupNamePattern.map(NameAlternatives.init)
        let tags = (input.logGroupTags ?? []).map(TagCondition.init)
        let page = try await list(request, prefix: "", accounts, context) { group, logs in
            guard Self.has(group, classLike: input.logGroupClass), names?.match(group.name) ?? true else {
                return false
            }
            guard !tags.isEmpty || input.dataSources != nil else { return true }
            let tagged = try logs.tags(ofGroup: group.id)
            let isOfSource = input.dataSources.map { DataSource(tags: tagged)?.isNamed(by: $0) ?? false } ?? true
            return isOfSource && tags.allSatisfy { $0.holds(for: tagged) }
        }
        var output = ListLogGroupsOutput()
        output.logGroups = page.groups.map { $0.summary(in: context.scope) }
        output.nextToken = page.nextToken
        return output
    }

    // MARK: Pages

    private struct GroupPage {
        var token: String?
        var limit: Int?
    }

    private func list(
        _ request: GroupPage,
        prefix: String,
        _ accounts: LinkedAccounts,
        _ context: RequestContext,
        where isWanted: @escaping @Sendable (StoredGroup, LogRows) throws -> Bool
    ) async throws -> (groups: [StoredGroup], nextToken: String?) {
        let cursor = try request.token.map { try Self.cursor($0, keys: 1)[0] } ?? ""
        guard accounts.include(context.scope.account) else { return ([], nil) }
        let limit = request.limit ?? LogLimits.itemsPerPage
        let (groups, hasMore) = try await store.read(context.scope) { logs in
            var (groups, hasMore): ([StoredGroup], Bool) = ([], false)
            try logs.groups(behind: cursor, prefix: prefix) { group in
                guard try isWanted(group, logs) else { return true }
                hasMore = groups.count == limit
                if !hasMore { groups.append(group) }
                return !hasMore
            }
            return (groups, hasMore)
        }
        return (groups, hasMore ? groups.last.map { PageToken.encode([$0.name]) } : nil)
    }

    /// Throws AWS's error for a token that is none of ours.
    static func cursor(_ token: String, keys: Int) throws -> [String] {
        guard let keys = PageToken.decode(token, count: keys) else {
            throw InvalidParameterException("The specified nextToken is invalid.")
        }
        return keys
    }

    /// AWS shows the Infrequent Access and the Essentials class together.
    static func has(_ group: StoredGroup, classLike wanted: LogGroupClass?) -> Bool {
        guard let wanted else { return true }
        let infrequent: [LogGroupClass] = [.infrequentAccess, .essentials]
        return group.groupClass == wanted || (infrequent.contains(wanted) && infrequent.contains(group.groupClass))
    }

    private static func contains(_ needle: [UInt8], in name: String) -> Bool {
        var name = name
        return name.withUTF8 { ByteText($0).contains(needle) }
    }
}
