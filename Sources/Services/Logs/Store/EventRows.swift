// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import MartletCore
import Storage

/// Which events are wanted, and in which order.
struct EventQuery: Sendable {
    enum Source: Sendable {
        case stream(Int)
        case group(Int)
        /// Some streams of a group, in the order of the group.
        case streams([Int], group: Int)
    }

    var source: Source
    /// Both exclusive.
    var after = EventPosition.first
    var before = EventPosition.last
    var descending = false

    /// One of two indexes gives the events in order, so nothing is sorted and only what is taken is read.
    var sql: SQL {
        let order: SQL = descending ? "occurred_at DESC, sequence DESC" : "occurred_at, sequence"
        return """
            SELECT \(StoredEvent.columns) FROM logs_event WHERE \(condition)
            AND (occurred_at, sequence) > (\(after.timestamp), \(after.sequence))
            AND (occurred_at, sequence) < (\(before.timestamp), \(before.sequence)) ORDER BY \(order)
            """
    }

    private var condition: SQL {
        switch source {
        case .stream(let id): "stream_id = \(id)"
        case .group(let id): "group_id = \(id)"
        // The plus keeps the engines from going through the streams one by one, which would need sorting.
        case .streams(let ids, let group): "group_id = \(group) AND +stream_id IN \(list: Self.padded(ids))"
        }
    }

    /// To a power of two, so that there are few statements to prepare.
    private static func padded(_ ids: [Int]) -> [Int] {
        guard let last = ids.last else { return [] }
        var count = 1
        while count < ids.count { count *= 2 }
        return ids + Array(repeating: last, count: count - ids.count)
    }
}

extension LogRows {
    /// Goes through the events until `body` returns false.
    func events(_ query: EventQuery, _ body: (StoredEvent) throws -> Bool) throws {
        try tx.forEach(StoredEvent.self, query.sql, body)
    }
}

/// An event with the number of its group.
private struct Arrival: Sendable, RowDecodable {
    let groupID: Int
    let event: StoredEvent

    init(row: inout Row) throws {
        groupID = try row.integer()
        event = try StoredEvent(row: &row)
    }
}

extension LogRows {
    /// Goes through what has come to some groups since a number, in the order of arrival, until `body` returns false.
    func arrivals(behind sequence: Int, inGroups ids: [Int], _ body: (StoredEvent, _ group: Int) throws -> Bool) throws
    {
        try tx.forEach(
            Arrival.self,
            """
            SELECT group_id, \(StoredEvent.columns) FROM logs_event
            WHERE sequence > \(sequence) AND +group_id IN \(list: ids) ORDER BY sequence
            """
        ) { try body($0.event, $0.groupID) }
    }
}

extension LogChanges {
    /// Rows of one INSERT, from most to fewest: few statements, each prepared once.
    private static let rowsPerInsert = [64, 16, 4, 1]

    /// Appends events of one stream. Their order among equal timestamps is the order here. Returns who is to be told of them.
    func append(_ events: [NewEvent], to key: StreamKey, at now: Instant) throws -> [NewDelivery] {
        guard let first = events.first else { return [] }
        var (earliest, latest, bytes) = (first.timestamp, first.timestamp, 0)
        for event in events {
            earliest = min(earliest, event.timestamp)
            latest = max(latest, event.timestamp)
            bytes += event.bytes
        }
        let newest = key.isWatched ? try rows.newestSequence() : 0
        try insert(events, key, now)
        try tx.execute(
            """
            UPDATE logs_stream SET
                first_event_at = CASE WHEN first_event_at <= \(earliest) THEN first_event_at ELSE \(earliest) END,
                last_event_at = CASE WHEN last_event_at >= \(latest) THEN last_event_at ELSE \(latest) END,
                last_ingestion_at = \(now)
            WHERE id = \(key.streamID)
            """
        )
        try addStoredBytes(bytes, toGroup: key.groupID)
        return key.isWatched ? try rows.deliveries(toWatchersOf: key, ofEventsBehind: newest, at: now) : []
    }

    private func insert(_ events: [NewEvent], _ key: StreamKey, _ now: Instant) throws {
        var rest = events[...]
        for count in Self.rowsPerInsert {
            while rest.count >= count {
                try tx.execute(Self.insertion(of: rest.prefix(count), key, now))
                rest = rest.dropFirst(count)
            }
        }
    }

    private static func insertion(of events: ArraySlice<NewEvent>, _ key: StreamKey, _ now: Instant) -> SQL {
        var sql = SQL.StringInterpolation(literalCapacity: 0, interpolationCount: 0)
        sql.appendLiteral(
            "INSERT INTO logs_event (group_id, stream_id, occurred_at, ingested_at, size, message"
        )
        // Groups without policies write no more than they did before there were any.
        let isPrepared = key.features.needsPreparation
        sql.appendLiteral(isPrepared ? ", transformed, masks) VALUES " : ") VALUES ")
        var isFirst = true
        for event in events {
            sql.appendLiteral(isFirst ? "(" : ", (")
            isFirst = false
            sql.appendInterpolation(key.groupID)
            sql.appendLiteral(", ")
            sql.appendInterpolation(key.streamID)
            sql.appendLiteral(", ")
            sql.appendInterpolation(event.timestamp)
            sql.appendLiteral(", ")
            sql.appendInterpolation(now)
            sql.appendLiteral(", ")
            sql.appendInterpolation(event.bytes)
            sql.appendLiteral(", ")
            sql.appendInterpolation(event.message)
            if isPrepared {
                sql.appendLiteral(", ")
                sql.appendInterpolation(event.transformed)
                sql.appendLiteral(", ")
                sql.appendInterpolation(event.masks?.text)
            }
            sql.appendLiteral(")")
        }
        return SQL(stringInterpolation: sql)
    }
}
