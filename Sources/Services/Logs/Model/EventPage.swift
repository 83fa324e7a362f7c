// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// An event as the store keeps it.
struct StoredEvent: Sendable, RowDecodable {
    static let columns: SQL = "sequence, stream_id, occurred_at, ingested_at, size, message"

    let position: EventPosition
    let streamID: Int
    let ingestedAt: Int
    let size: Int
    let message: String

    init(row: inout Row) throws {
        let sequence = try row.integer()
        streamID = try row.integer()
        position = EventPosition(timestamp: try row.integer(), sequence: sequence)
        ingestedAt = try row.integer()
        size = try row.integer()
        message = try row.text()
    }
}

/// Collects events until a page of AWS's size is full.
struct EventPage: Sendable {
    private(set) var events: [StoredEvent] = []
    /// The last one that was looked at, whether it was taken or not.
    private(set) var lastSeen: EventPosition?
    /// Whether there was something left when the page was closed.
    private(set) var hasMore = false
    private let limit: Int
    private var bytes = 0

    init(limit: Int?) { self.limit = min(limit ?? LogLimits.eventsPerPage, LogLimits.eventsPerPage) }

    /// False, and nothing is taken, when the event does not fit any more. One always fits.
    func hasRoom(for event: StoredEvent) -> Bool {
        events.isEmpty || (events.count < limit && bytes + event.size <= LogLimits.pageBytes)
    }

    mutating func take(_ event: StoredEvent) {
        events.append(event)
        bytes += event.size
        lastSeen = event.position
    }

    mutating func skip(_ event: StoredEvent) { lastSeen = event.position }

    mutating func close() { hasMore = true }
}
