// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOConcurrencyHelpers
import ServiceLifecycle

/// How many live tails an account may have open in a region, and how many it has.
final class LiveTailSeats: Sendable {
    static let perScope = 15
    private let taken = NIOLockedValueBox<[Scope: Int]>([:])

    /// Throws `LimitExceededException`.
    func take(in scope: Scope) throws {
        try taken.withLockedValue { taken in
            guard taken[scope, default: 0] < Self.perScope else {
                throw LimitExceededException("The maximum number of concurrent Live Tail sessions has been reached.")
            }
            taken[scope, default: 0] += 1
        }
    }

    func giveBack(in scope: Scope) {
        taken.withLockedValue { taken in
            let left = taken[scope, default: 1] - 1
            taken[scope] = left > 0 ? left : nil
        }
    }

    func count(in scope: Scope) -> Int { taken.withLockedValue { $0[scope] ?? 0 } }
}

/// One live tail: each second it looks for what has come since the last, and shows up to 500 events of it.
///
/// Lives as long as somebody reads its stream, at most three hours.
final class LiveTailSession: Sendable {
    static let eventsPerUpdate = 500
    /// Rows of all groups that one update looks through; what lies behind is passed over, and the update says so.
    static let scannedPerUpdate = 50_000
    static let longest = Duration.seconds(3 * 3_600)

    struct Group: Sendable {
        var id: Int
        var arn: String
    }

    struct Interest: Sendable {
        var groups: [Group]
        var streams: [String]?
        var prefixes: [String]?
        var pattern: FilterPattern

        func wants(_ stream: String) -> Bool {
            if let streams { return streams.contains(stream) }
            if let prefixes { return prefixes.contains { stream.utf8.starts(with: $0.utf8) } }
            return true
        }
    }

    private struct State {
        var start: LiveTailSessionStart?
        /// Events with greater numbers are new.
        var seen: Int
        var isOver = false
    }

    private let scope: Scope
    private let interest: Interest
    private let store: LogsStore
    private let clock: any WallClock
    private let seats: LiveTailSeats
    private let endsAt: Instant
    private let state: NIOLockedValueBox<State>

    /// The seat is taken already, and given back when the session goes.
    init(
        _ start: LiveTailSessionStart,
        _ interest: Interest,
        in scope: Scope,
        behind seen: Int,
        store: LogsStore,
        clock: any WallClock,
        seats: LiveTailSeats
    ) {
        self.scope = scope
        self.interest = interest
        self.store = store
        self.clock = clock
        self.seats = seats
        endsAt = clock.now + Self.longest
        state = NIOLockedValueBox(State(start: start, seen: seen))
    }

    deinit { seats.giveBack(in: scope) }

    /// The next event of the stream; nil when the server stops.
    func next() async throws -> StartLiveTailResponseStream? {
        var event = StartLiveTailResponseStream()
        if let start = state.withLockedValue({ $0.start.take() }) {
            event.sessionStart = start
            return event
        }
        guard !state.withLockedValue({ $0.isOver }) else { return nil }
        guard clock.now < endsAt else {
            state.withLockedValue { $0.isOver = true }
            event.sessionTimeoutException = SessionTimeoutException(message: "The Live Tail session has timed out.")
            return event
        }
        let clock = clock
        do {
            try await cancelWhenGracefulShutdown { try await clock.sleep(for: .seconds(1)) }
        } catch is CancellationError {
            return nil
        }
        event.sessionUpdate = try await update()
        return event
    }

    private func update() async throws -> LiveTailSessionUpdate {
        let (interest, seen) = (interest, state.withLockedValue { $0.seen })
        let (update, newest) = try await store.read(scope) { logs in
            try Self.look(logs, interest, behind: seen)
        }
        state.withLockedValue { $0.seen = max($0.seen, newest) }
        return update
    }

    private static func look(
        _ logs: LogRows,
        _ interest: Interest,
        behind seen: Int
    ) throws -> (LiveTailSessionUpdate, Int) {
        var results: [LiveTailSessionLogEvent] = []
        var names: [Int: String?] = [:]
        var (newest, scanned, isSampled) = (seen, 0, false)
        try logs.arrivals(behind: seen, inGroups: interest.groups.map(\.id)) { event, group in
            newest = max(newest, event.position.sequence)
            scanned += 1
            guard scanned <= scannedPerUpdate else {
                isSampled = true
                return false
            }
            let stream = try names[event.streamID] ?? logs.name(ofStream: event.streamID)
            names[event.streamID] = .some(stream)
            guard let stream, interest.wants(stream), interest.pattern.matches(event.message) else { return true }
            guard results.count < eventsPerUpdate else {
                isSampled = true
                return true
            }
            results.append(show(event, stream, interest.groups.first { $0.id == group }?.arn))
            return true
        }
        if scanned > scannedPerUpdate { newest = try logs.newestSequence() }
        var metadata = LiveTailSessionMetadata()
        metadata.sampled = isSampled
        var update = LiveTailSessionUpdate()
        update.sessionMetadata = metadata
        update.sessionResults = results
        return (update, newest)
    }

    private static func show(_ event: StoredEvent, _ stream: String, _ group: String?) -> LiveTailSessionLogEvent {
        var shown = LiveTailSessionLogEvent()
        shown.logStreamName = stream
        shown.logGroupIdentifier = group
        shown.message = event.message
        shown.timestamp = event.position.timestamp
        shown.ingestionTime = event.ingestedAt
        return shown
    }
}
