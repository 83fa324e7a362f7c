// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Logging
import MartletCore
import NIOConcurrencyHelpers
import ServiceLifecycle

/// Runs the queries of Logs Insights, a few at a time, beside the requests that started them.
///
/// A query reads the store in pages, each in a transaction of its own, so that it holds nobody up; it ends after an hour, when
/// it is stopped, or when it would keep more than its share of memory.
package final class QueryRunner: Service {
    static let timeLimitMicroseconds: Int64 = 3_600 * 1_000_000
    static let memoryBytes = 256 << 20
    private static let maximumRunning = 4
    private static let eventsPerPage = 4_000
    private static let bytesPerPage = 4 << 20

    let table = QueryTable()
    private let store: LogsStore
    private let clock: any WallClock
    private let logger: Logger
    private let wakes: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let running = NIOLockedValueBox(0)

    init(store: LogsStore, clock: any WallClock, logger: Logger) {
        self.store = store
        self.clock = clock
        self.logger = logger
        (wakes, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Returns at once; the query runs as soon as there is room. Throws `LimitExceededException`.
    func start(_ request: QueryRequest) throws {
        try table.add(request)
        waker.yield()
    }

    package func run() async throws {
        await withDiscardingTaskGroup { group in
            waker.yield()
            for await _ in wakes.cancelOnGracefulShutdown() {
                while running.withLockedValue({ $0 < Self.maximumRunning }), let request = table.takeWaiting() {
                    running.withLockedValue { $0 += 1 }
                    group.addTask {
                        await self.execute(request)
                        self.running.withLockedValue { $0 -= 1 }
                        self.waker.yield()
                    }
                }
            }
            group.cancelAll()
        }
    }

    private func execute(_ request: QueryRequest) async {
        let began = clock.monotonicMicroseconds
        var progress = QueryProgress()
        var (status, results): (QueryStatus, [[ResultCell]]) = (.complete, [])
        var failure: String?
        do {
            (status, results) = try await scan(request, began: began, &progress)
        } catch is CancellationError {
            status = .cancelled
        } catch {
            status = .failed
            failure = (error as? QueryFailure)?.message ?? "The query could not be run."
            logger.warning("a log query failed", metadata: ["query": "\(request.id)", "error": "\(error)"])
        }
        let milliseconds = Int((clock.monotonicMicroseconds - began) / 1_000)
        table.end(request.id, status, progress, results, failure: failure, milliseconds: milliseconds)
    }

    private func scan(
        _ request: QueryRequest,
        began: Int64,
        _ progress: inout QueryProgress
    ) async throws -> (QueryStatus, [[ResultCell]]) {
        let environment = QueryEnvironment(now: Int(request.createdAt.milliseconds))
        let memory = QueryMemory(bytes: Self.memoryBytes)
        let execution = QueryExecution(
            request.plan,
            limit: request.limit,
            isMerged: request.groups.count > 1,
            lookups: try await lookups(of: request.plan, in: request.scope, memory),
            environment,
            memory: memory
        )
        for group in request.groups {
            let source = RecordSource(account: request.scope.account.text, group: group.name, groupID: group.id)
            var pages = EventPages(group, request)
            while !execution.isSatisfied, let query = pages.next {
                try Task.checkCancellation()
                guard clock.monotonicMicroseconds - began < Self.timeLimitMicroseconds else { return (.timeout, []) }
                let page = try await read(query, knowing: pages.streams, in: request.scope)
                pages.take(page)
                for event in page.events {
                    progress.scanned += 1
                    progress.bytes += event.size
                    guard let stream = pages.streams[event.streamID] ?? nil else { continue }
                    try execution.take(InsightsRecord(event, in: stream, of: source, slots: request.plan.slotCount))
                    if execution.isSatisfied { break }
                }
                progress.matched = execution.matched
                guard table.advance(request.id, progress) else { return (.cancelled, []) }
            }
        }
        return (.complete, try execution.finish())
    }

    /// The tables as they are when the query begins.
    private func lookups(of plan: QueryPlan, in scope: Scope, _ memory: QueryMemory) async throws -> [LookupIndex] {
        var indexes: [LookupIndex] = []
        for lookup in plan.lookups {
            guard let body = try await store.read(scope, { try $0.lookupTableBody(lookup.table) }) else {
                throw QueryFailure.missingTable(lookup.table)
            }
            indexes.append(try LookupIndex(lookup, body: body, memory: memory))
        }
        return indexes
    }

    private func read(
        _ query: EventQuery,
        knowing streams: [Int: String?],
        in scope: Scope
    ) async throws -> EventPages.Page {
        try await store.read(scope) { logs in
            var page = EventPages.Page()
            var bytes = 0
            try logs.events(query) { event in
                page.events.append(event)
                bytes += event.size
                if streams[event.streamID] == nil, page.streams[event.streamID] == nil {
                    page.streams[event.streamID] = .some(nil)
                }
                return page.events.count < Self.eventsPerPage && bytes < Self.bytesPerPage
            }
            page.isLast = page.events.count < Self.eventsPerPage && bytes < Self.bytesPerPage
            for id in page.streams.keys { page.streams[id] = .some(try logs.name(ofStream: id)) }
            return page
        }
    }
}

/// Goes through the events of one group, page by page.
struct EventPages {
    struct Page: Sendable {
        var events: [StoredEvent] = []
        /// Names of streams that were not known before; nil for those that are deleted.
        var streams: [Int: String?] = [:]
        var isLast = true
    }

    private var query: EventQuery
    private var isDone = false
    /// Bounded by the streams of the group that have events in the time.
    private(set) var streams: [Int: String?] = [:]

    init(_ group: QueriedGroup, _ request: QueryRequest) {
        query = EventQuery(source: .group(group.id))
        query.after = .before(max(request.range.lowerBound, group.horizon))
        query.before = .behind(request.range.upperBound)
        query.descending = request.plan.isDescending
    }

    /// Nil once all was read.
    var next: EventQuery? { isDone ? nil : query }

    mutating func take(_ page: Page) {
        streams.merge(page.streams) { $1 }
        isDone = page.isLast
        guard let last = page.events.last else { return }
        if query.descending { query.before = last.position } else { query.after = last.position }
    }
}
