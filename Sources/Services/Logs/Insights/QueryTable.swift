// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOConcurrencyHelpers

/// A group that a query looks through.
struct QueriedGroup: Sendable {
    var id: Int
    var name: String
    /// Nothing before this is seen.
    var horizon: Int
}

/// What StartQuery was asked.
struct QueryRequest: Sendable {
    var id: String
    var scope: Scope
    var text: String
    var plan: QueryPlan
    var groups: [QueriedGroup]
    /// Milliseconds, both included.
    var range: ClosedRange<Int>
    var limit: Int
    var createdAt: Instant
    var identity: String
}

struct QueryProgress: Sendable, Equatable {
    var scanned = 0
    var bytes = 0
    var matched = 0
}

/// The queries of this node: those that wait, run, or have ended not long ago. They end with the process, as no client can tell.
final class QueryTable: Sendable {
    /// Those beyond are forgotten, the oldest first. AWS keeps them for a week.
    static let maximumKept = 1_000
    static let maximumKeptBytes = 128 << 20
    static let maximumActive = 100
    static let keptFor = Duration.seconds(7 * 24 * 3_600)

    struct Entry: Sendable {
        var request: QueryRequest
        var status = QueryStatus.scheduled
        var progress = QueryProgress()
        var results: [[ResultCell]] = []
        var bytes = 0
        var duration = 0
        /// Why it failed.
        var failure: String?

        var isActive: Bool { status == .scheduled || status == .running }
    }

    fileprivate struct State {
        var entries: [String: Entry] = [:]
        /// In the order of arrival.
        var order: [String] = []
        var waiting: [String] = []
        var bytes = 0
    }

    private let state = NIOLockedValueBox(State())

    /// Throws `LimitExceededException` where the account has too many that wait or run.
    func add(_ request: QueryRequest) throws {
        try state.withLockedValue { state in
            let active = state.entries.values.count { $0.isActive && $0.request.scope.account == request.scope.account }
            guard active < Self.maximumActive else {
                throw LimitExceededException(
                    "Account maximum query concurrency limit of [\(Self.maximumActive)] reached."
                )
            }
            state.forget(before: request.createdAt - Self.keptFor)
            state.entries[request.id] = Entry(request: request)
            state.order.append(request.id)
            state.waiting.append(request.id)
            state.forgetSurplus()
        }
    }

    /// The next one to run, which is running from now on.
    func takeWaiting() -> QueryRequest? {
        state.withLockedValue { state in
            while !state.waiting.isEmpty {
                let id = state.waiting.removeFirst()
                guard state.entries[id]?.status == .scheduled else { continue }
                state.entries[id]?.status = .running
                return state.entries[id]?.request
            }
            return nil
        }
    }

    /// Notes how far it has come; false when it is to stop.
    func advance(_ id: String, _ progress: QueryProgress) -> Bool {
        state.withLockedValue { state in
            state.entries[id]?.progress = progress
            return state.entries[id]?.status == .running
        }
    }

    /// Does nothing to a query that was stopped meanwhile.
    func end(
        _ id: String,
        _ status: QueryStatus,
        _ progress: QueryProgress,
        _ results: [[ResultCell]],
        failure: String? = nil,
        milliseconds: Int
    ) {
        let bytes = results.reduce(0) { $0 + $1.reduce(64) { $0 + 64 + $1.field.utf8.count + $1.value.utf8.count } }
        state.withLockedValue { state in
            guard state.entries[id]?.status == .running else { return }
            state.entries[id]?.status = status
            state.entries[id]?.progress = progress
            state.entries[id]?.results = results
            state.entries[id]?.bytes = bytes
            state.entries[id]?.duration = milliseconds
            state.entries[id]?.failure = failure
            state.bytes += bytes
            state.forgetSurplus()
        }
    }

    /// The query, if it belongs to the scope.
    func entry(_ id: String, in scope: Scope) -> Entry? {
        state.withLockedValue { $0.entries[id] }.flatMap { $0.request.scope == scope ? $0 : nil }
    }

    /// Newest first.
    func entries(in scope: Scope) -> [Entry] {
        state.withLockedValue { state in
            state.order.reversed().compactMap { state.entries[$0] }.filter { $0.request.scope == scope }
        }
    }

    /// False when it has ended already.
    func stop(_ id: String) -> Bool {
        state.withLockedValue { state in
            guard state.entries[id]?.isActive == true else { return false }
            state.entries[id]?.status = .cancelled
            return true
        }
    }

    func removeAll(of account: AccountID?) {
        state.withLockedValue { state in
            let gone = state.entries.values.filter { account == nil || $0.request.scope.account == account }
            for entry in gone { state.remove(entry.request.id) }
        }
    }
}

extension QueryTable.State {
    fileprivate mutating func remove(_ id: String) {
        bytes -= entries.removeValue(forKey: id)?.bytes ?? 0
        order.removeAll { $0 == id }
        waiting.removeAll { $0 == id }
    }

    fileprivate mutating func forget(before instant: Instant) {
        while let oldest = order.first, let entry = entries[oldest], entry.request.createdAt < instant, !entry.isActive
        {
            remove(oldest)
        }
    }

    fileprivate mutating func forgetSurplus() {
        while entries.count > QueryTable.maximumKept || bytes > QueryTable.maximumKeptBytes {
            guard let oldest = order.first(where: { entries[$0]?.isActive == false }) else { return }
            remove(oldest)
        }
    }
}
