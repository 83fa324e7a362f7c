// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// A subscription filter as the store keeps it.
struct StoredSubscription: Sendable, RowDecodable {
    static let columns: SQL = """
        id, group_id, name, pattern, destination_arn, role_arn, distribution, created_at, is_transformed
        """

    let id: Int
    let groupID: Int
    let name: String
    let pattern: String
    let destination: String
    let role: String?
    let distribution: String
    let createdAt: Instant
    /// Whether it looks at what the group's transformer has made.
    let isTransformed: Bool

    init(row: inout Row) throws {
        id = try row.integer()
        groupID = try row.integer()
        name = try row.text()
        pattern = try row.text()
        destination = try row.text()
        role = try row.optionalText()
        distribution = try row.text()
        createdAt = try row.instant()
        isTransformed = try row.bool()
    }

    /// As DescribeSubscriptionFilters shows it.
    func description(of group: String) -> SubscriptionFilter {
        var filter = SubscriptionFilter()
        filter.filterName = name
        filter.logGroupName = group
        filter.filterPattern = pattern
        filter.destinationArn = destination
        filter.roleArn = role
        filter.distribution = Distribution(distribution)
        filter.applyOnTransformedLogs = isTransformed
        filter.creationTime = Int(createdAt.milliseconds)
        return filter
    }
}

extension LogRows {
    func subscription(_ name: String, of group: StoredGroup) throws -> StoredSubscription? {
        try tx.first(
            StoredSubscription.self,
            "SELECT \(StoredSubscription.columns) FROM logs_subscription WHERE group_id = \(group.id) AND name = \(name)"
        )
    }

    func subscription(_ id: Int) throws -> StoredSubscription? {
        try tx.first(
            StoredSubscription.self,
            "SELECT \(StoredSubscription.columns) FROM logs_subscription WHERE id = \(id)"
        )
    }

    /// Those behind `cursor` whose names have the prefix, by name.
    func subscriptions(of group: StoredGroup, behind cursor: String, prefix: String) throws -> [StoredSubscription] {
        try tx.rows(
            StoredSubscription.self,
            """
            SELECT \(StoredSubscription.columns) FROM logs_subscription
            WHERE group_id = \(group.id) AND name > \(cursor) ORDER BY name
            """
        ).filter { $0.name.utf8.starts(with: prefix.utf8) }
    }
}

extension LogChanges {
    /// Makes it or changes it; what has been accepted for an older form of it is delivered to the new destination.
    func setSubscription(_ input: PutSubscriptionFilterInput, of group: StoredGroup, at now: Instant) throws {
        let distribution = (input.distribution ?? .byLogStream).rawValue
        let isTransformed = input.applyOnTransformedLogs ?? false
        if let known = try rows.subscription(input.filterName, of: group) {
            try tx.execute(
                """
                UPDATE logs_subscription SET pattern = \(input.filterPattern), destination_arn = \(input.destinationArn),
                    role_arn = \(input.roleArn), distribution = \(distribution), is_transformed = \(isTransformed)
                WHERE id = \(known.id)
                """
            )
            return
        }
        guard group.subscriptionCount < LogLimits.subscriptionsPerGroup else {
            throw LimitExceededException("Resource limit exceeded.")
        }
        try tx.execute(
            """
            INSERT INTO logs_subscription 
                (group_id, name, pattern, destination_arn, role_arn, distribution, is_transformed, created_at)
            VALUES (\(group.id), \(input.filterName), \(input.filterPattern), \(input.destinationArn), \(input.roleArn),
                \(distribution), \(isTransformed), \(now))
            """
        )
        try tx.execute("UPDATE logs_group SET subscription_count = subscription_count + 1 WHERE id = \(group.id)")
    }

    /// Throws `ResourceNotFoundException`. What waits for it is never delivered.
    func deleteSubscription(_ name: String, of group: StoredGroup) throws {
        let removed = try tx.execute(
            "DELETE FROM logs_subscription WHERE group_id = \(group.id) AND name = \(name)"
        )
        guard removed > 0 else {
            throw ResourceNotFoundException("The specified subscription filter does not exist.")
        }
        try tx.execute("UPDATE logs_group SET subscription_count = subscription_count - 1 WHERE id = \(group.id)")
    }
}
