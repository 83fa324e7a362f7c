// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// A metric filter as the store keeps it.
struct StoredMetricFilter: Sendable, RowDecodable {
    static let columns: SQL = "f.id, f.name, f.pattern, f.transformation, f.created_at, g.name, f.is_transformed"

    let id: Int
    let name: String
    let pattern: String
    let transformation: StoredTransformation
    let createdAt: Instant
    let groupName: String
    /// Whether it looks at what the group's transformer has made.
    let isTransformed: Bool

    init(row: inout Row) throws {
        id = try row.integer()
        name = try row.text()
        pattern = try row.text()
        transformation = try StoredTransformation(document: try row.text())
        createdAt = try row.instant()
        groupName = try row.text()
        isTransformed = try row.bool()
    }

    /// As DescribeMetricFilters shows it.
    var description: MetricFilter {
        var filter = MetricFilter()
        filter.filterName = name
        filter.filterPattern = pattern
        filter.metricTransformations = [transformation.shape]
        filter.creationTime = Int(createdAt.milliseconds)
        filter.logGroupName = groupName
        filter.applyOnTransformedLogs = isTransformed
        return filter
    }
}

extension LogRows {
    private static let filters: SQL = "logs_metric_filter f JOIN logs_group g ON g.id = f.group_id"

    func metricFilters(ofGroup id: Int) throws -> [StoredMetricFilter] {
        try tx.rows(
            StoredMetricFilter.self,
            "SELECT \(StoredMetricFilter.columns) FROM \(Self.filters) WHERE f.group_id = \(id) ORDER BY f.name"
        )
    }

    /// Goes through those behind a name in a group, by group and name, until `body` returns false. All groups when nil.
    func metricFilters(
        of group: StoredGroup?,
        behind cursor: (group: String, name: String),
        _ body: (StoredMetricFilter) throws -> Bool
    ) throws {
        let ofGroup: SQL = group.map { "AND f.group_id = \($0.id)" } ?? ""
        try tx.forEach(
            StoredMetricFilter.self,
            """
            SELECT \(StoredMetricFilter.columns) FROM \(Self.filters)
            WHERE g.account = \(scope.account) AND g.region = \(scope.region) \(ofGroup)
            AND (g.name, f.name) > (\(cursor.group), \(cursor.name)) ORDER BY g.name, f.name
            """,
            body
        )
    }
}

extension LogChanges {
    func setMetricFilter(
        _ name: String,
        pattern: String,
        _ transformation: StoredTransformation,
        isTransformed: Bool,
        of group: StoredGroup,
        at now: Instant
    ) throws {
        let document = transformation.document
        let changed = try tx.execute(
            """
            UPDATE logs_metric_filter SET pattern = \(pattern), transformation = \(document),
                is_transformed = \(isTransformed)
            WHERE group_id = \(group.id) AND name = \(name)
            """
        )
        guard changed == 0 else { return }
        guard group.metricFilterCount < LogLimits.metricFiltersPerGroup else {
            throw LimitExceededException("Resource limit exceeded.")
        }
        try tx.execute(
            """
            INSERT INTO logs_metric_filter (group_id, name, pattern, transformation, is_transformed, created_at)
            VALUES (\(group.id), \(name), \(pattern), \(document), \(isTransformed), \(now))
            """
        )
        try tx.execute("UPDATE logs_group SET metric_filter_count = metric_filter_count + 1 WHERE id = \(group.id)")
    }

    /// Throws `ResourceNotFoundException`.
    func deleteMetricFilter(_ name: String, of group: StoredGroup) throws {
        let removed = try tx.execute("DELETE FROM logs_metric_filter WHERE group_id = \(group.id) AND name = \(name)")
        guard removed > 0 else { throw ResourceNotFoundException("The specified metric filter does not exist.") }
        try tx.execute("UPDATE logs_group SET metric_filter_count = metric_filter_count - 1 WHERE id = \(group.id)")
    }
}
