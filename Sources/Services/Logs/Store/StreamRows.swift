// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// The numbers that an event carries.
struct StreamKey: Sendable, RowDecodable {
    let streamID: Int
    let groupID: Int
    let groupClass: LogGroupClass
    let retentionDays: Int?
    let subscriptionCount: Int
    let metricFilterCount: Int
    let features: GroupFeatures

    /// Whether somebody is to be told of new events.
    var isWatched: Bool { subscriptionCount > 0 || metricFilterCount > 0 || features.contains(.accountSubscription) }

    init(row: inout Row) throws {
        streamID = try row.integer()
        groupID = try row.integer()
        groupClass = LogGroupClass(try row.text())
        retentionDays = try row.optionalInteger()
        subscriptionCount = try row.integer()
        metricFilterCount = try row.integer()
        features = GroupFeatures(rawValue: try row.integer())
    }
}

extension LogRows {
    func stream(_ name: String, of group: StoredGroup) throws -> StoredStream? {
        try tx.first(
            StoredStream.self,
            "SELECT \(StoredStream.columns) FROM logs_stream WHERE group_id = \(group.id) AND name = \(name)"
        )
    }

    /// Throws `ResourceNotFoundException`.
    func requireStream(_ name: String, of group: StoredGroup) throws -> StoredStream {
        guard let stream = try stream(name, of: group) else {
            throw ResourceNotFoundException("The specified log stream does not exist.")
        }
        return stream
    }

    /// Both names in one look: what every batch of events needs.
    func key(ofStream stream: String, inGroup group: String) throws -> StreamKey? {
        try tx.first(
            StreamKey.self,
            """
            SELECT s.id, g.id, g.class, g.retention_days, g.subscription_count, g.metric_filter_count, g.features
            FROM logs_group g JOIN logs_stream s ON s.group_id = g.id
            WHERE g.account = \(scope.account) AND g.region = \(scope.region) AND g.name = \(group) AND s.name = \(stream)
            """
        )
    }

    /// Nil for a stream that was deleted.
    func name(ofStream id: Int) throws -> String? {
        try tx.first(String.self, "SELECT name FROM logs_stream WHERE id = \(id)")
    }

    /// Goes through the streams of a group by name, beyond `cursor`, until `body` returns false.
    func streams(
        of group: StoredGroup,
        beyond cursor: String?,
        prefix: String,
        descending: Bool,
        _ body: (StoredStream) throws -> Bool
    ) throws {
        let start: SQL =
            switch (cursor, descending) {
            case (let cursor?, true): "AND name < \(cursor)"
            case (let cursor?, false): "AND name > \(cursor)"
            case (nil, _): ""
            }
        // Behind the last name with a prefix stands the first one with its successor; going down, that is where to begin.
        let end: SQL = descending && !prefix.isEmpty ? "AND name < \(prefix + "\u{10FFFF}")" : ""
        let order: SQL = descending ? "name DESC" : "name"
        try tx.forEach(
            StoredStream.self,
            """
            SELECT \(StoredStream.columns) FROM logs_stream
            WHERE group_id = \(group.id) AND name >= \(prefix) \(start) \(end) ORDER BY \(order)
            """
        ) { stream in
            guard stream.name.utf8.starts(with: prefix.utf8) else { return false }
            return try body(stream)
        }
    }

    /// Goes through the streams of a group by their last event, beyond `cursor`, until `body` returns false.
    func streamsByLastEvent(
        of group: StoredGroup,
        beyond cursor: (at: Int, name: String)?,
        descending: Bool,
        _ body: (StoredStream) throws -> Bool
    ) throws {
        let start: SQL =
            switch (cursor, descending) {
            case (let cursor?, true): "AND (last_event_at, name) < (\(cursor.at), \(cursor.name))"
            case (let cursor?, false): "AND (last_event_at, name) > (\(cursor.at), \(cursor.name))"
            case (nil, _): ""
            }
        let order: SQL = descending ? "last_event_at DESC, name DESC" : "last_event_at, name"
        try tx.forEach(
            StoredStream.self,
            "SELECT \(StoredStream.columns) FROM logs_stream WHERE group_id = \(group.id) \(start) ORDER BY \(order)",
            body
        )
    }
}

extension LogChanges {
    /// Throws `ResourceAlreadyExistsException`.
    func createStream(_ name: String, in group: StoredGroup, at now: Instant) throws {
        guard try rows.stream(name, of: group) == nil else {
            throw ResourceAlreadyExistsException("The specified log stream already exists")
        }
        try tx.execute(
            """
            INSERT INTO logs_stream (group_id, name, created_at, last_event_at)
            VALUES (\(group.id), \(name), \(now), \(StoredStream.noEvent))
            """
        )
    }

    /// The stream is gone at once, its events are removed by and by.
    func deleteStream(_ stream: StoredStream, of group: StoredGroup) throws {
        try tx.execute("DELETE FROM logs_stream WHERE id = \(stream.id)")
        try tx.execute(
            "INSERT INTO logs_garbage (account, group_id, stream_id) VALUES (\(scope.account), \(group.id), \(stream.id))"
        )
    }
}
