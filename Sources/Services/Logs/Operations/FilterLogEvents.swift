// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// Searches a group, in the order of the events' times, whatever their streams. The search stops after a while and hands
    /// out a token, so a page may be empty though there is more. Throws `InvalidParameterException`,
    /// `ResourceNotFoundException`. The pattern is matched with what the caller gets to see. AWS: FilterLogEvents
    func filterLogEvents(_ input: FilterLogEventsInput, _ context: RequestContext) async throws -> FilterLogEventsOutput
    {
        let name = try Self.groupName(input.logGroupName, or: input.logGroupIdentifier, in: context.scope)
        let request = try FilterRequest(input)
        let now = clock.now
        let isUnmasked = try await allowsUnmasking(input.unmask, ofGroup: name, context)
        return try await store.read(context.scope) { logs in
            let group = try logs.requireGroup(name)
            var query = EventQuery(source: try request.source(group, logs))
            let horizon = Int(Retention.horizon(days: group.retentionDays, at: now)?.milliseconds ?? 0)
            query.after = .before(max(request.start, horizon, 0))
            query.before = request.end.map { .behind($0) } ?? .last
            query.descending = request.descending
            if let cursor = request.cursor {
                if request.descending {
                    query.before = min(query.before, cursor)
                } else {
                    query.after = max(query.after, cursor)
                }
            }
            return try search(query, request, unmasked: isUnmasked, logs)
        }
    }

    private func search(
        _ query: EventQuery,
        _ request: FilterRequest,
        unmasked: Bool,
        _ logs: LogRows
    ) throws -> FilterLogEventsOutput {
        var page = EventPage(limit: request.limit)
        var names = StreamNames(prefix: request.prefix)
        var budget = ScanBudget(scanLimits, clock)
        try logs.events(query) { stored in
            let event = unmasked ? stored.unmasked : stored
            guard page.hasRoom(for: event), budget.allowsOneMore() else {
                page.close()
                return false
            }
            if request.pattern.matches(event.message), try names.name(of: event.streamID, logs) != nil {
                page.take(event)
            } else {
                page.skip(event)
            }
            return true
        }
        var output = FilterLogEventsOutput()
        output.events = try page.events.map { Self.show($0, in: try names.name(of: $0.streamID, logs)) }
        // AWS has filled this list no more since 2020.
        output.searchedLogStreams = []
        if page.hasMore, let last = page.lastSeen { output.nextToken = request.token(behind: last) }
        return output
    }

    private static func show(_ event: StoredEvent, in stream: String?) -> FilteredLogEvent {
        var shown = FilteredLogEvent()
        shown.logStreamName = stream
        shown.timestamp = event.position.timestamp
        shown.message = event.message
        shown.ingestionTime = event.ingestedAt
        shown.eventId = event.position.eventID(stream: event.streamID)
        return shown
    }
}

/// FilterLogEvents' input, looked through.
private struct FilterRequest: Sendable {
    let pattern: FilterPattern
    let start: Int
    let end: Int?
    let limit: Int?
    let prefix: String?
    let descending: Bool
    /// Where the page before ended.
    let cursor: EventPosition?
    private let streams: [String]?

    init(_ input: FilterLogEventsInput) throws {
        guard input.logStreamNames == nil || input.logStreamNamePrefix == nil else {
            throw InvalidParameterException(
                "LogStream names and LogStream name prefix are mutually exclusive parameters."
            )
        }
        do {
            pattern = try FilterPattern(input.filterPattern ?? "")
        } catch {
            throw InvalidParameterException(error.message)
        }
        start = input.startTime ?? 0
        end = input.endTime
        limit = input.limit
        prefix = input.logStreamNamePrefix
        streams = input.logStreamNames
        if let token = input.nextToken {
            (descending, cursor) = try Self.place(of: token)
        } else {
            descending = input.startFromHead == false
            cursor = nil
        }
        if descending, let start = input.startTime, start < LogLimits.firstBackwardSearch.milliseconds {
            throw InvalidParameterException(
                "startFromHead can be false only with a startTime on or after 2024-01-01T00:00:00Z."
            )
        }
    }

    func source(_ group: StoredGroup, _ logs: LogRows) throws -> EventQuery.Source {
        guard let streams else { return .group(group.id) }
        let ids = try Set(streams).map { try logs.requireStream($0, of: group).id }.sorted()
        return ids.count == 1 ? .stream(ids[0]) : .streams(ids, group: group.id)
    }

    // The token says the direction, so that it cannot be turned round between two pages.

    func token(behind position: EventPosition) -> String {
        PageToken.encode([descending ? "b" : "f", String(position.timestamp), String(position.sequence)])
    }

    private static func place(of token: String) throws -> (descending: Bool, EventPosition) {
        let keys = try LogsService.cursor(token, keys: 3)
        guard let timestamp = Int(keys[1]), let sequence = Int(keys[2]), keys[0] == "b" || keys[0] == "f" else {
            throw InvalidParameterException("The specified nextToken is invalid.")
        }
        return (keys[0] == "b", EventPosition(timestamp: timestamp, sequence: sequence))
    }
}

/// The names of the streams that turn up, each looked up once.
private struct StreamNames {
    let prefix: String?
    private var names: [Int: String?] = [:]

    init(prefix: String?) { self.prefix = prefix }

    /// Nil for a stream that is not wanted, or was deleted.
    mutating func name(of id: Int, _ logs: LogRows) throws -> String? {
        if let known = names[id] { return known }
        var name = try logs.name(ofStream: id)
        if let found = name, let prefix, !found.utf8.starts(with: prefix.utf8) { name = nil }
        names[id] = .some(name)
        return name
    }
}

/// How far one search may go: so many events, and so long.
private struct ScanBudget {
    private var events: Int
    private let clock: any WallClock
    private let deadline: Int64

    init(_ limits: ScanLimits, _ clock: any WallClock) {
        events = limits.events
        self.clock = clock
        deadline = clock.monotonicMicroseconds &+ limits.microseconds
    }

    mutating func allowsOneMore() -> Bool {
        guard events > 0, clock.monotonicMicroseconds <= deadline else { return false }
        events -= 1
        return true
    }
}
