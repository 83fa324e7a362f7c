// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import Logging
import MartletCore

/// Measures new events by the metric filters of their group, a batch a try.
struct MetricFilterHandler: DeliveryHandler {
    let store: LogsStore
    let neighbours: LogsNeighbours
    let clock: any WallClock
    let ids: any IDSource
    let logger: Logger

    var queue: String { WatcherQueue.metrics.rawValue }
    var share: DeliveryShare { WatcherQueue.metrics.share }

    func attempt(_ delivery: Delivery) async -> DeliveryVerdict {
        guard let metrics = neighbours.metrics, let batch = BatchDelivery.read(delivery, logger) else {
            return .finished()
        }
        do {
            let measurements = try await store.read(delivery.scope) { logs in
                try logs.measurements(of: batch, at: delivery.acceptedAt)
            }
            for measurement in measurements { metrics.record(measurement) }
            return .finished()
        } catch {
            logger.error("log events cannot be measured", metadata: ["error": "\(error)"])
            return WatcherQueue.patience.verdict(after: error, delivery, at: clock.now, draw: ids.fraction())
                ?? .finished()
        }
    }
}

extension LogRows {
    fileprivate func measurements(of batch: BatchDelivery, at acceptedAt: Instant) throws -> [Measurement] {
        let rules = try metricFilters(ofGroup: batch.groupID).map {
            try MetricRule(pattern: $0.pattern, $0.transformation.shape, isTransformed: $0.isTransformed)
        }
        let events = try events(of: batch)
        return rules.flatMap { rule in
            let found = events.compactMap { rule.measure($0, in: scope) }
            guard found.isEmpty, !events.isEmpty else { return found }
            return rule.defaultMeasurement(at: acceptedAt, in: scope).map { [$0] } ?? []
        }
    }
}
