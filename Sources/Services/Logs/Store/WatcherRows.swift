// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import MartletCore
import Storage

extension LogRows {
    /// Events that come now get higher numbers.
    func newestSequence() throws -> Int { try tx.count("SELECT COALESCE(MAX(sequence), 0) FROM logs_event") }

    /// The events of a batch, in the order of arrival.
    func events(of batch: BatchDelivery) throws -> [StoredEvent] {
        try tx.rows(
            StoredEvent.self,
            """
            SELECT \(StoredEvent.columns) FROM logs_event
            WHERE sequence BETWEEN \(batch.sequences.lowerBound) AND \(batch.sequences.upperBound)
            AND +stream_id = \(batch.streamID) ORDER BY sequence
            """
        )
    }

    func name(ofGroup id: Int) throws -> String? {
        try tx.first(String.self, "SELECT name FROM logs_group WHERE id = \(id)")
    }

    /// One delivery for each subscription and one for all metric filters, to be stored in the transaction of the events.
    func deliveries(toWatchersOf key: StreamKey, ofEventsBehind newest: Int, at now: Instant) throws -> [NewDelivery] {
        var watchers: [BatchDelivery.Watcher] = []
        if key.subscriptionCount > 0 {
            let ids = try tx.rows(Int.self, "SELECT id FROM logs_subscription WHERE group_id = \(key.groupID)")
            watchers += ids.map { .subscription($0) }
        }
        if key.features.contains(.accountSubscription) { watchers.append(.accountSubscription) }
        if key.metricFilterCount > 0 { watchers.append(.metricFilters) }
        let last = try newestSequence()
        guard newest < last else { return [] }
        return watchers.map { watcher in
            BatchDelivery(
                groupID: key.groupID,
                streamID: key.streamID,
                sequences: newest + 1...last,
                watcher: watcher
            ).new(in: scope, acceptedAt: now)
        }
    }
}
