// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// An event as the store keeps it.
struct StoredEvent: Sendable, RowDecodable {
    static let columns: SQL = "sequence, stream_id, occurred_at, ingested_at, size, message, transformed, masks"

    let position: EventPosition
    let streamID: Int
    let ingestedAt: Int
    let size: Int
    /// With what is sensitive masked.
    let message: String
    /// The document that the group's transformer has made of it, masked too.
    let transformed: String?
    private let original: Original?

    /// What only those may see who may unmask.
    private final class Original: Sendable {
        let message: String
        let transformed: String?

        init(_ message: String, _ transformed: String?) {
            self.message = message
            self.transformed = transformed
        }
    }

    init(row: inout Row) throws {
        let sequence = try row.integer()
        streamID = try row.integer()
        position = EventPosition(timestamp: try row.integer(), sequence: sequence)
        ingestedAt = try row.integer()
        size = try row.integer()
        let text = try row.text()
        let document = try row.optionalText()
        guard let masks = try row.optionalText().map(EventMasks.init) else {
            (message, transformed, original) = (text, document, nil)
            return
        }
        message = EventMasks.mask(text, masks.message)
        transformed = document.map { EventMasks.mask($0, masks.transformed) }
        original = Original(text, document)
    }

    /// The event as it came, for those who may see that.
    var unmasked: StoredEvent {
        guard let original else { return self }
        return StoredEvent(self, message: original.message, transformed: original.transformed)
    }

    /// What filters look at that are for transformed events: the event itself where nothing was made of it.
    var filtered: String { transformed ?? message }

    private init(_ event: StoredEvent, message: String, transformed: String?) {
        position = event.position
        streamID = event.streamID
        ingestedAt = event.ingestedAt
        size = event.size
        self.message = message
        self.transformed = transformed
        original = nil
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
