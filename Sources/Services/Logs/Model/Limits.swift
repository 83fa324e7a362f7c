// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// AWS's limits of log groups, streams and events.
enum LogLimits {
    static let batchBytes = 1_048_576
    /// What each event counts for beside its message.
    static let bytesPerEvent = 26
    static let eventsPerBatch = 10_000
    static let eventsPerPage = 10_000
    static let pageBytes = 1_048_576
    static let batchSpan = Duration.seconds(24 * 3_600)
    static let oldestEvent = Duration.seconds(14 * 24 * 3_600)
    static let newestEvent = Duration.seconds(2 * 3_600)
    static let tagsPerGroup = 50
    static let nameLength = 512
    /// What DescribeLogGroups and its like return when nobody says how much.
    static let itemsPerPage = 50
    /// The day before which FilterLogEvents does not search from the newest event on: 2024-01-01.
    static let firstBackwardSearch = Instant(milliseconds: 1_704_067_200_000)
}

/// How long events of a group are kept.
enum Retention {
    static let allowedDays = [
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
    ]

    /// Events before this instant have expired; nil where nothing ever does.
    static func horizon(days: Int?, at now: Instant) -> Instant? {
        days.map { now - .seconds(86_400 * Int64(clamping: min($0, 100_000))) }
    }
}

/// How much of the store one FilterLogEvents may look through before it hands out a token for the rest.
package struct ScanLimits: Sendable {
    package var events = 1_000_000
    package var microseconds: Int64 = 1_000_000

    package init() {}
}

extension LogLimits {
    static let subscriptionsPerGroup = 2
    static let metricFiltersPerGroup = 100
    static let queryDefinitions = 1_000
    static let resourcePolicies = 10
    static let dimensionsPerMetric = 3
    /// A message to a destination, compressed and in base 64. Larger batches are cut.
    static let deliveryBytes = 262_144
    /// How long a destination that cannot take its events now is tried again.
    static let deliveryAge = Duration.seconds(24 * 3_600)
}

extension LogLimits {
    /// What GetLogFields looks at.
    static let groupsPerFieldSearch = 50
    static let eventsPerFieldSearch = 1_000
    static let lookupTables = 100
    /// Of the CSV text of one table.
    static let lookupTableBytes = 10_485_760
    /// Ours: AWS names no number.
    static let lookupTableColumns = 1_000
    static let scheduledQueries = 1_000
    static let scheduledQueryLength = 10_000
    /// Of one scheduled query; the oldest go.
    static let keptRuns = 2_000
    /// The farthest back that a scheduled query looks, in seconds.
    static let longestOffset = 10 * 366 * 86_400
}
