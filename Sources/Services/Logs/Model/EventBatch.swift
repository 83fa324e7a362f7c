// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// An event on its way into the store.
struct NewEvent: Sendable, Equatable {
    /// Milliseconds since 1970, never negative.
    var timestamp: Int
    var message: String
    /// What the group's transformer has made of it.
    var transformed: String?
    /// Where sensitive data lies in it.
    var masks: EventMasks?

    /// As AWS counts it.
    var bytes: Int { message.utf8.count + LogLimits.bytesPerEvent }
}

/// What PutLogEvents makes of its events: those that are taken, and which of the others were refused for what.
struct EventBatch: Sendable {
    let accepted: [NewEvent]
    let rejected: RejectedLogEventsInfo?

    /// Events that were checked before.
    init(accepted: [NewEvent]) {
        self.accepted = accepted
        rejected = nil
    }

    /// Throws `InvalidParameterException` when the whole batch breaks a rule.
    init(_ events: [InputLogEvent], at now: Instant, retentionDays: Int?) throws {
        try Self.checkSize(events)
        for (earlier, later) in zip(events, events.dropFirst()) where later.timestamp < earlier.timestamp {
            throw InvalidParameterException(
                "Log events in a single PutLogEvents request must be in chronological order."
            )
        }
        let tooOld = Self.countBefore(now - LogLimits.oldestEvent, events)
        let expired = Retention.horizon(days: retentionDays, at: now).map { Self.countBefore($0, events) } ?? 0
        let tooNew = Self.countBefore(Instant(milliseconds: (now + LogLimits.newestEvent).milliseconds + 1), events)
        let range = max(tooOld, expired)..<max(tooNew, tooOld, expired)
        try Self.checkSpan(events[range])
        accepted = events[range].map { NewEvent(timestamp: $0.timestamp, message: $0.message) }
        guard range.count < events.count else {
            rejected = nil
            return
        }
        var info = RejectedLogEventsInfo()
        if tooOld > 0 { info.tooOldLogEventEndIndex = tooOld }
        if expired > tooOld { info.expiredLogEventEndIndex = expired }
        if tooNew < events.count { info.tooNewLogEventStartIndex = tooNew }
        rejected = info
    }

    private static func checkSize(_ events: [InputLogEvent]) throws {
        guard (1...LogLimits.eventsPerBatch).contains(events.count) else {
            throw InvalidParameterException("A batch holds from 1 to \(LogLimits.eventsPerBatch) log events.")
        }
        var total = 0
        for event in events {
            let bytes = event.message.utf8.count + LogLimits.bytesPerEvent
            guard bytes <= LogLimits.batchBytes else {
                throw InvalidParameterException(
                    "Log event too large: \(bytes) bytes exceeds limit of \(LogLimits.batchBytes)"
                )
            }
            total += bytes
        }
        guard total <= LogLimits.batchBytes else {
            throw InvalidParameterException("Upload too large: \(total) bytes exceeds limit of \(LogLimits.batchBytes)")
        }
    }

    private static func checkSpan(_ events: ArraySlice<InputLogEvent>) throws {
        guard let first = events.first, let last = events.last else { return }
        guard last.timestamp - first.timestamp <= Int(LogLimits.batchSpan.wholeMilliseconds) else {
            throw InvalidParameterException(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
            )
        }
    }

    private static func countBefore(_ instant: Instant, _ events: [InputLogEvent]) -> Int {
        events.firstIndex { $0.timestamp >= instant.milliseconds } ?? events.count
    }
}
