// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// The ARNs that IAM decides about. As in AWS, an action on a group is an action on `log-group:{name}:log-stream:`, so that a
/// policy for `log-group:{name}:*` covers it; the tagging operations name the bare group.
enum LogsResources {
    static func named(by input: any Shape, in scope: Scope) -> [ARN] {
        switch input {
        case let input as CreateLogGroupInput: [stream("", of: input.logGroupName, scope)]
        case let input as DeleteLogGroupInput: [stream("", of: input.logGroupName, scope)]
        case let input as PutRetentionPolicyInput: [stream("", of: input.logGroupName, scope)]
        case let input as DeleteRetentionPolicyInput: [stream("", of: input.logGroupName, scope)]
        case let input as PutLogGroupDeletionProtectionInput:
            [stream("", of: bareName(input.logGroupIdentifier), scope)]
        case let input as PutTransformerInput: [group(identifiedBy: input.logGroupIdentifier, scope)]
        case let input as GetTransformerInput: [group(identifiedBy: input.logGroupIdentifier, scope)]
        case let input as DeleteTransformerInput: [group(identifiedBy: input.logGroupIdentifier, scope)]
        case let input as PutDataProtectionPolicyInput: [group(identifiedBy: input.logGroupIdentifier, scope)]
        case let input as GetDataProtectionPolicyInput: [group(identifiedBy: input.logGroupIdentifier, scope)]
        case let input as DeleteDataProtectionPolicyInput: [group(identifiedBy: input.logGroupIdentifier, scope)]
        case let input as PutIndexPolicyInput: [group(identifiedBy: input.logGroupIdentifier, scope)]
        case let input as DeleteIndexPolicyInput: [group(identifiedBy: input.logGroupIdentifier, scope)]
        case let input as DescribeIndexPoliciesInput: input.logGroupIdentifiers.map { group(identifiedBy: $0, scope) }
        case let input as DescribeFieldIndexesInput: input.logGroupIdentifiers.map { group(identifiedBy: $0, scope) }
        case let input as StartQueryInput: queried(input, scope)
        case let input as GetLogGroupFieldsInput:
            [stream("", of: input.logGroupName, or: input.logGroupIdentifier, scope)]
        case let input as StartLiveTailInput:
            input.logGroupIdentifiers.map { stream("", of: nil, or: $0, scope) }
        case let input as PutSubscriptionFilterInput: [stream("", of: input.logGroupName, scope)]
        case let input as DescribeSubscriptionFiltersInput: [stream("", of: input.logGroupName, scope)]
        case let input as DeleteSubscriptionFilterInput: [stream("", of: input.logGroupName, scope)]
        case let input as PutMetricFilterInput: [stream("", of: input.logGroupName, scope)]
        case let input as DescribeMetricFiltersInput: [stream("", of: input.logGroupName ?? "", scope)]
        case let input as DeleteMetricFilterInput: [stream("", of: input.logGroupName, scope)]
        case let input as PutDestinationInput: [destination(input.destinationName, scope)]
        case let input as PutDestinationPolicyInput: [destination(input.destinationName, scope)]
        case let input as DeleteDestinationInput: [destination(input.destinationName, scope)]
        case let input as CreateLogStreamInput: [stream(input.logStreamName, of: input.logGroupName, scope)]
        case let input as DeleteLogStreamInput: [stream(input.logStreamName, of: input.logGroupName, scope)]
        case let input as PutLogEventsInput: [stream(input.logStreamName, of: input.logGroupName, scope)]
        case let input as DescribeLogStreamsInput:
            [stream("", of: input.logGroupName, or: input.logGroupIdentifier, scope)]
        case let input as FilterLogEventsInput:
            [stream("", of: input.logGroupName, or: input.logGroupIdentifier, scope)]
        case let input as GetLogEventsInput:
            [stream(input.logStreamName, of: input.logGroupName, or: input.logGroupIdentifier, scope)]
        case is DescribeLogGroupsInput, is ListLogGroupsInput, is ListAggregateLogGroupSummariesInput,
            is GetLogFieldsInput:
            [stream("", of: "", scope)]
        case let input as TagLogGroupInput: [StoredGroup.arn(input.logGroupName, in: scope)]
        case let input as UntagLogGroupInput: [StoredGroup.arn(input.logGroupName, in: scope)]
        case let input as ListTagsLogGroupInput: [StoredGroup.arn(input.logGroupName, in: scope)]
        case is DescribeLookupTablesInput: [lookupTable("*", scope)]
        case let input as CreateLookupTableInput: [lookupTable(input.lookupTableName, scope)]
        case let input as UpdateLookupTableInput: tagged(input.lookupTableArn)
        case let input as GetLookupTableInput: tagged(input.lookupTableArn)
        case let input as DeleteLookupTableInput: tagged(input.lookupTableArn)
        case is CreateScheduledQueryInput, is ListScheduledQueriesInput: [scheduledQuery("*", scope)]
        case let input as UpdateScheduledQueryInput: [scheduledQuery(input.identifier, scope)]
        case let input as GetScheduledQueryInput: [scheduledQuery(input.identifier, scope)]
        case let input as DeleteScheduledQueryInput: [scheduledQuery(input.identifier, scope)]
        case let input as GetScheduledQueryHistoryInput: [scheduledQuery(input.identifier, scope)]
        case let input as TagResourceInput: tagged(input.resourceArn)
        case let input as UntagResourceInput: tagged(input.resourceArn)
        case let input as ListTagsForResourceInput: tagged(input.resourceArn)
        default: []
        }
    }

    /// Each of the groups: a query that looks through one that the caller may not see is refused.
    private static func queried(_ input: StartQueryInput, _ scope: Scope) -> [ARN] {
        let names = (input.logGroupName.map { [$0] } ?? []) + (input.logGroupNames ?? [])
        return names.map { stream("", of: $0, scope) }
            + (input.logGroupIdentifiers ?? []).map { stream("", of: nil, or: $0, scope) }
    }

    static func group(_ name: String, _ scope: Scope) -> ARN { stream("", of: name, scope) }

    private static func group(identifiedBy identifier: String, _ scope: Scope) -> ARN {
        stream("", of: nil, or: identifier, scope)
    }

    static func lookupTable(_ name: String, _ scope: Scope) -> ARN { scope.arn("logs", "lookup-table:\(name)") }

    /// By the id, or what a caller gives for it.
    static func scheduledQuery(_ id: String, _ scope: Scope) -> ARN {
        ARN(id) ?? scope.arn("logs", "scheduled-query:\(id)")
    }

    private static func destination(_ name: String, _ scope: Scope) -> ARN { scope.arn("logs", "destination:\(name)") }

    private static func stream(_ stream: String, of group: String, _ scope: Scope) -> ARN {
        scope.arn("logs", "log-group:\(group):log-stream:\(stream)")
    }

    /// An identifier may be the ARN of another scope's group; then that is what is asked for.
    private static func stream(_ stream: String, of name: String?, or identifier: String?, _ scope: Scope) -> ARN {
        let arn = identifier.flatMap { ARN($0) }
        return self.stream(stream, of: name ?? identifier.map(bareName) ?? "", arn?.scope ?? scope)
    }

    private static func bareName(_ identifier: String) -> String { LogGroupReference(identifier)?.name ?? identifier }

    private static func tagged(_ text: String) -> [ARN] {
        guard var arn = ARN(text) else { return [] }
        if arn.resource.hasSuffix(":*") { arn.resource.removeLast(2) }
        return [arn]
    }
}

/// A log group by its name or ARN.
struct LogGroupReference: Sendable, Equatable {
    let name: String
    /// Nil for a bare name.
    let scope: Scope?

    /// Nil for an ARN of anything but a log group. The `:*` that some AWS answers show at the end may be there.
    init?(_ identifier: String) {
        guard identifier.hasPrefix("arn:") else {
            name = identifier
            scope = nil
            return
        }
        guard let arn = ARN(identifier), arn.service == "logs", let scope = arn.scope else { return nil }
        let parts = arn.resource.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 || (parts.count == 3 && parts[2] == "*"), parts[0] == "log-group", !parts[1].isEmpty
        else { return nil }
        name = String(parts[1])
        self.scope = scope
    }
}
