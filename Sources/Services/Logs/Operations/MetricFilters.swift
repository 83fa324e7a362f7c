// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// Makes or changes a metric filter: matching events that come from now on are measured, beside the requests that store
    /// them. 100 for each group. Throws `InvalidParameterException`, `LimitExceededException`, `ResourceNotFoundException`.
    /// AWS: PutMetricFilter
    func putMetricFilter(_ input: PutMetricFilterInput, _ context: RequestContext) async throws -> PutMetricFilterOutput
    {
        try Self.refuseExtras(input.fieldSelectionCriteria, input.emitSystemFieldDimensions)
        guard let transformation = input.metricTransformations.first else {
            throw InvalidParameterException("A metric filter has exactly one metric transformation.")
        }
        _ = try MetricRule(pattern: input.filterPattern, transformation)
        guard !transformation.metricNamespace.hasPrefix("AWS/") else {
            throw InvalidParameterException("Metric namespaces that begin with AWS/ are reserved.")
        }
        let stored = StoredTransformation(transformation)
        let now = clock.now
        try await store.write(context.scope) { logs in
            try logs.setMetricFilter(
                input.filterName,
                pattern: input.filterPattern,
                stored,
                isTransformed: input.applyOnTransformedLogs ?? false,
                of: logs.rows.requireGroup(input.logGroupName),
                at: now
            )
        }
        return PutMetricFilterOutput()
    }

    /// AWS: DescribeMetricFilters
    func describeMetricFilters(
        _ input: DescribeMetricFiltersInput,
        _ context: RequestContext
    ) async throws -> DescribeMetricFiltersOutput {
        guard (input.metricName == nil) == (input.metricNamespace == nil) else {
            throw InvalidParameterException("Metric name and metric namespace must be given together.")
        }
        let keys = try input.nextToken.map { try Self.cursor($0, keys: 2) } ?? ["", ""]
        let limit = input.limit ?? LogLimits.itemsPerPage
        let found = try await store.read(context.scope) { logs in
            let group = try input.logGroupName.map { try logs.requireGroup($0) }
            var found: [StoredMetricFilter] = []
            try logs.metricFilters(of: group, behind: (keys[0], keys[1])) { filter in
                if Self.isWanted(filter, input) { found.append(filter) }
                return found.count <= limit
            }
            return found
        }
        var output = DescribeMetricFiltersOutput()
        output.metricFilters = found.prefix(limit).map(\.description)
        if found.count > limit, let last = found.prefix(limit).last {
            output.nextToken = PageToken.encode([last.groupName, last.name])
        }
        return output
    }

    private static func isWanted(_ filter: StoredMetricFilter, _ input: DescribeMetricFiltersInput) -> Bool {
        let metric = filter.transformation.shape
        return filter.name.utf8.starts(with: (input.filterNamePrefix ?? "").utf8)
            && (input.metricName.map { $0 == metric.metricName } ?? true)
            && (input.metricNamespace.map { $0 == metric.metricNamespace } ?? true)
    }

    /// AWS: DeleteMetricFilter
    func deleteMetricFilter(
        _ input: DeleteMetricFilterInput,
        _ context: RequestContext
    ) async throws -> DeleteMetricFilterOutput {
        try await store.write(context.scope) { logs in
            try logs.deleteMetricFilter(input.filterName, of: logs.rows.requireGroup(input.logGroupName))
        }
        return DeleteMetricFilterOutput()
    }

    /// Which of some messages a pattern matches, and what it takes out of them. AWS: TestMetricFilter
    func testMetricFilter(
        _ input: TestMetricFilterInput,
        _ context: RequestContext
    ) async throws -> TestMetricFilterOutput {
        let pattern: FilterPattern
        do { pattern = try FilterPattern(input.filterPattern) } catch { throw InvalidParameterException(error.message) }
        var output = TestMetricFilterOutput()
        output.matches = input.logEventMessages.enumerated().compactMap { index, message in
            guard pattern.matches(message) else { return nil }
            var match = MetricFilterMatchRecord()
            match.eventNumber = index + 1
            match.eventMessage = message
            match.extractedValues = pattern.extractedValues(of: message)
            return match
        }
        return output
    }
}
