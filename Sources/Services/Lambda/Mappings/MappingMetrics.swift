// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// AWS/Lambda's metrics of mappings that ask for them. AWS: MetricsConfig EventCount
///
/// Those that AWS has for streams alone (DroppedEventCount, OnFailureDestinationDeliveredEventCount) come with them.
struct MappingMetrics: Sendable {
    enum Name: String, Sendable {
        /// What was read; 0 when nothing was found.
        case polled = "PolledEventCount"
        /// Only of mappings with filters.
        case filteredOut = "FilteredOutEventCount"
        /// Counts again with each try.
        case invoked = "InvokedEventCount"
        /// The function failed, could not be run, or reported them as failed.
        case failed = "FailedInvokeEventCount"
        /// What the function has done and the queue has forgotten; 0 when it could not be deleted.
        case deleted = "DeletedEventCount"
    }

    var sink: (any MetricSink)?

    func record(_ name: Name, _ count: Int, of mapping: EventSourceMapping, at now: Instant) {
        guard let sink, mapping.settings.countsEvents else { return }
        sink.record(
            Measurement(
                namespace: "AWS/Lambda",
                name: name.rawValue,
                dimensions: ["EventSourceMappingUUID": mapping.id],
                value: Double(count),
                unit: "Count",
                timestamp: now,
                scope: mapping.scope
            )
        )
    }
}
