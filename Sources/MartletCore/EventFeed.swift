// SPDX-License-Identifier: Apache-2.0
import NIOConcurrencyHelpers

/// Where an event went and what became of it, for whoever watches.
package struct EventPassage: Sendable, Equatable {
    package enum Result: String, Sendable {
        /// A target in another service has accepted it, or a function has done it.
        case delivered
        /// It will be tried again.
        case retried
        /// Nobody will try again; what follows, such as a dead letter, is a passage of its own.
        case failed
    }

    package var at: Instant
    package var scope: Scope
    /// ARNs or addresses; empty where there is no such thing, as for an asynchronous invoke.
    package var source: String
    package var target: String
    package var result: Result
    /// The event's id in the words of who delivers it; empty where it has none.
    package var id: String
    /// How many events travelled together.
    package var count: Int
    /// What the target said, when it is not `delivered`; of a dead letter, what made it one.
    package var reason: String?

    package init(
        at: Instant,
        scope: Scope,
        from source: String,
        to target: String,
        _ result: Result,
        id: String = "",
        count: Int = 1,
        reason: String? = nil
    ) {
        (self.at, self.scope, self.source, self.target) = (at, scope, source, target)
        (self.result, self.id, self.count, self.reason) = (result, id, count, reason)
    }
}

/// Shows events as they pass to those who watch. Nothing is kept, nothing is waited for, and without watchers it costs a
/// look at an empty list.
package final class EventFeed: Sendable {
    package static let watchersAtOnce = 16
    package static let passagesPerWatcher = 1_024

    /// What somebody wants to see.
    package struct Filter: Sendable {
        package var account: AccountID?
        /// Parts of the source's and target's names.
        package var source: String?
        package var target: String?
        package var results: Set<EventPassage.Result>?

        package init() {}

        func accepts(_ passage: EventPassage) -> Bool {
            (account.map { $0 == passage.scope.account } ?? true)
                && (source.map { passage.source.contains($0) } ?? true)
                && (target.map { passage.target.contains($0) } ?? true)
                && (results.map { $0.contains(passage.result) } ?? true)
        }
    }

    package enum Item: Sendable, Equatable {
        case passage(EventPassage)
        /// So many were not shown, as the watcher was too slow.
        case missed(Int)
        /// Nothing has passed; whoever writes to a watcher that has gone away finds it out.
        case pulse
    }

    private struct Seat {
        var filter: Filter
        var items: AsyncStream<Item>.Continuation
        var missed = 0

        mutating func show(_ passage: EventPassage) {
            if missed > 0 {
                guard case .enqueued = items.yield(.missed(missed)) else {
                    missed += 1
                    return
                }
                missed = 0
            }
            if case .dropped = items.yield(.passage(passage)) { missed += 1 }
        }
    }

    private struct State {
        var seats: [Int: Seat] = [:]
        var next = 0
        var isClosed = false
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    package var watchers: Int { state.withLockedValue { $0.seats.count } }

    /// Nil when as many watch as may. The stream ends with the server, or when its reader is cancelled; one that is asked for
    /// while the server ends has ended already.
    package func watch(_ filter: Filter) -> AsyncStream<Item>? {
        let (stream, items) = AsyncStream<Item>.makeStream(bufferingPolicy: .bufferingOldest(Self.passagesPerWatcher))
        let (seat, isClosed) = state.withLockedValue { state -> (Int?, Bool) in
            guard !state.isClosed, state.seats.count < Self.watchersAtOnce else { return (nil, state.isClosed) }
            state.next += 1
            state.seats[state.next] = Seat(filter: filter, items: items)
            return (state.next, false)
        }
        guard let seat else {
            items.finish()
            return isClosed ? stream : nil
        }
        items.onTermination = { [weak self] _ in self?.leave(seat) }
        return stream
    }

    /// Never blocks, never fails.
    package func show(_ passage: @autoclosure () -> EventPassage) {
        state.withLockedValue { state in
            if state.seats.isEmpty { return }
            let passage = passage()
            for (number, seat) in state.seats where seat.filter.accepts(passage) {
                state.seats[number]?.show(passage)
            }
        }
    }

    /// To all watchers.
    package func pulse() {
        state.withLockedValue { state in
            // A full buffer needs no pulse.
            for seat in state.seats.values { seat.items.yield(.pulse) }
        }
    }

    /// Ends all streams; nobody watches from here on.
    package func close() {
        let seats = state.withLockedValue { state in
            state.isClosed = true
            defer { state.seats = [:] }
            return state.seats
        }
        for seat in seats.values { seat.items.finish() }
    }

    private func leave(_ seat: Int) { state.withLockedValue { _ = $0.seats.removeValue(forKey: seat) } }
}
