// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// Reads one stream, forward or backward. A token always comes back, and the same one where there is nothing more, so a
    /// client that repeats the forward token follows the stream. Throws `ResourceNotFoundException`,
    /// `InvalidParameterException`. What is sensitive is masked unless `unmask` is set and the caller has `logs:Unmask`.
    /// AWS: GetLogEvents
    func getLogEvents(_ input: GetLogEventsInput, _ context: RequestContext) async throws -> GetLogEventsOutput {
        let name = try Self.groupName(input.logGroupName, or: input.logGroupIdentifier, in: context.scope)
        let now = clock.now
        let isUnmasked = try await allowsUnmasking(input.unmask, ofGroup: name, context)
        return try await store.read(context.scope) { logs in
            let group = try logs.requireGroup(name)
            let stream = try logs.requireStream(input.logStreamName, of: group)
            let token = try input.nextToken.map { try Self.streamToken($0, stream.id) }
            let range = EventRange(input, Retention.horizon(days: group.retentionDays, at: now))
            let isForward = token.map { $0.direction == .forward } ?? (input.startFromHead ?? false)
            var page = EventPage(limit: input.limit)
            try logs.events(range.query(.stream(stream.id), token, isForward: isForward)) { event in
                guard page.hasRoom(for: event) else { return false }
                page.take(isUnmasked ? event.unmasked : event)
                return true
            }
            let events = isForward ? page.events : page.events.reversed()
            return Self.answer(events, token, range, stream.id)
        }
    }

    private static func streamToken(_ text: String, _ stream: Int) throws -> StreamToken {
        guard let token = StreamToken(text, stream: stream) else {
            throw InvalidParameterException("The specified nextToken is invalid.")
        }
        return token
    }

    private static func answer(
        _ events: [StoredEvent],
        _ token: StreamToken?,
        _ range: EventRange,
        _ stream: Int
    ) -> GetLogEventsOutput {
        let (forward, backward) = neighbours(events, token, range)
        var output = GetLogEventsOutput()
        output.events = events.map { event in
            var shown = OutputLogEvent()
            shown.timestamp = event.position.timestamp
            shown.message = event.message
            shown.ingestionTime = event.ingestedAt
            return shown
        }
        output.nextForwardToken = StreamToken(.forward, forward).text(stream: stream)
        output.nextBackwardToken = StreamToken(.backward, backward).text(stream: stream)
        return output
    }

    /// From where to go on in both directions. On an empty page the place is that of the token, which therefore comes back as
    /// it was; the other token turns round there.
    private static func neighbours(
        _ events: [StoredEvent],
        _ token: StreamToken?,
        _ range: EventRange
    ) -> (forward: EventPosition, backward: EventPosition) {
        if let first = events.first, let last = events.last { return (last.position, first.position) }
        guard let token else { return (range.after, range.after.next) }
        switch token.direction {
        case .forward: return (token.position, token.position.next)
        case .backward: return (token.position.previous, token.position)
        }
    }
}

/// The time that a caller asks for, without what has expired.
private struct EventRange: Sendable {
    let after: EventPosition
    let before: EventPosition

    init(_ input: GetLogEventsInput, _ horizon: Instant?) {
        let start = max(input.startTime ?? 0, Int(horizon?.milliseconds ?? 0), 0)
        after = .before(min(start, EventPosition.latestTimestamp))
        before = input.endTime.map { .before($0) } ?? .last
    }

    func query(_ source: EventQuery.Source, _ token: StreamToken?, isForward: Bool) -> EventQuery {
        var query = EventQuery(source: source, after: after, before: before, descending: !isForward)
        guard let token else { return query }
        switch token.direction {
        case .forward: query.after = max(after, token.position)
        case .backward: query.before = min(before, token.position)
        }
        return query
    }
}
