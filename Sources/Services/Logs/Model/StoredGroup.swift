// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A log group as the store keeps it.
struct StoredGroup: Sendable, RowDecodable {
    static let columns: SQL =
        "id, name, class, created_at, retention_days, stored_bytes, is_protected, subscription_count, metric_filter_count, features"

    let id: Int
    let name: String
    let groupClass: LogGroupClass
    let createdAt: Instant
    let retentionDays: Int?
    let storedBytes: Int
    let isProtected: Bool
    let subscriptionCount: Int
    let metricFilterCount: Int
    let features: GroupFeatures

    init(row: inout Row) throws {
        id = try row.integer()
        name = try row.text()
        groupClass = LogGroupClass(try row.text())
        createdAt = try row.instant()
        retentionDays = try row.optionalInteger()
        storedBytes = try row.integer()
        isProtected = try row.bool()
        subscriptionCount = try row.integer()
        metricFilterCount = try row.integer()
        features = GroupFeatures(rawValue: try row.integer())
    }

    static func arn(_ name: String, in scope: Scope) -> ARN { scope.arn("logs", "log-group:\(name)") }

    /// As DescribeLogGroups shows it.
    func description(in scope: Scope) -> LogGroup {
        let arn = Self.arn(name, in: scope).description
        var group = LogGroup()
        group.logGroupName = name
        group.creationTime = Int(createdAt.milliseconds)
        group.retentionInDays = retentionDays
        group.metricFilterCount = metricFilterCount
        group.arn = arn + ":*"
        group.storedBytes = max(storedBytes, 0)
        group.logGroupClass = groupClass
        group.logGroupArn = arn
        if features.contains(.ownProtection) { group.dataProtectionStatus = .activated }
        if features.contains(.accountProtection) { group.inheritedProperties = [.accountDataProtection] }
        group.deletionProtectionEnabled = isProtected
        return group
    }

    /// What DescribeLogGroups shows of groups that it found by a pattern.
    func shortDescription(in scope: Scope) -> LogGroup {
        var group = LogGroup()
        group.logGroupName = name
        group.creationTime = Int(createdAt.milliseconds)
        group.arn = Self.arn(name, in: scope).description + ":*"
        return group
    }

    func summary(in scope: Scope) -> LogGroupSummary {
        var group = LogGroupSummary()
        group.logGroupName = name
        group.logGroupArn = Self.arn(name, in: scope).description
        group.logGroupClass = groupClass
        return group
    }
}
