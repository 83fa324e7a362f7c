// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import Sandbox
import ServiceLifecycle
import Storage

/// An event that was accepted with 202 and is stored until its function has run.
struct AsyncEvent: Sendable {
    var id: String
    var scope: Scope
    var functionName: String
    var qualifier: String?
    var payload: ByteBuffer
    var clientContext: String?
    var traceHeader: String
    var acceptedAt: Instant
}

/// The durable queue of asynchronous invokes. Accepting is one synced write; running starts at once on this node.
///
/// At least once: an event whose run a crash has interrupted runs again. A throttled event is tried again with growing
/// pauses until it is six hours old. AWS: Invoke with InvocationType Event
final class AsyncEventQueue: Service {
    /// Runs one event; throws when it could not be run at all.
    typealias Run = @Sendable (AsyncEvent) async throws -> Void

    private static let maximumRunning = 256
    private static let maximumAge: Duration = .seconds(6 * 3_600)
    /// Longer than any function may run.
    private static let lease: Duration = .seconds(1_000)
    private static let longestPause: Duration = .seconds(300)

    private let database: any Database
    private let clock: any WallClock
    private let logger: Logger
    /// The holder of leases: after a restart a node takes its own back at once.
    private let node: String
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let running = NIOLockedValueBox(0)
    private let run = NIOLockedValueBox<Run?>(nil)

    init(database: any Database, clock: any WallClock, node: String, logger: Logger) {
        self.database = database
        self.clock = clock
        self.node = node
        self.logger = logger
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Set once, before `run`: the runner needs the queue and the queue the runner.
    func deliver(with body: @escaping Run) { run.withLockedValue { $0 = body } }

    static let migrations = [
        Migration("events") { dialect in
            [
                """
                CREATE TABLE lambda_event (
                    id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, function_name TEXT NOT NULL,
                    qualifier TEXT, payload \(dialect.bytesType) NOT NULL, client_context TEXT, trace_header TEXT NOT NULL,
                    accepted_at BIGINT NOT NULL, due_at BIGINT NOT NULL, attempts BIGINT NOT NULL,
                    lease_owner TEXT, lease_until BIGINT NOT NULL)
                """,
                "CREATE INDEX lambda_event_due ON lambda_event (due_at)",
            ]
        }
    ]

    /// Durable when it returns.
    func accept(_ event: AsyncEvent) async throws {
        _ = try await database.write { tx in
            try tx.execute(
                """
                INSERT INTO lambda_event (id, account, region, function_name, qualifier, payload, client_context, trace_header,
                    accepted_at, due_at, attempts, lease_owner, lease_until)
                VALUES (\(event.id), \(event.scope.account), \(event.scope.region), \(event.functionName), \(event.qualifier),
                    \(Array(event.payload.readableBytesView)), \(event.clientContext), \(event.traceHeader),
                    \(event.acceptedAt), \(event.acceptedAt), 0, NULL, 0)
                """
            )
        }
        waker.yield()
    }

    /// Drops what waits, of one account or of all.
    func reset(account: AccountID?) async throws {
        let ofAccount: SQL = account.map { "WHERE account = \($0)" } ?? ""
        _ = try await database.write { tx in try tx.execute("DELETE FROM lambda_event \(ofAccount)") }
    }

    func run() async throws {
        let node = node
        _ = try await database.write { tx in
            try tx.execute("UPDATE lambda_event SET lease_until = 0, lease_owner = NULL WHERE lease_owner = \(node)")
        }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.tick() }
            waker.yield()
            for await _ in wake.cancelOnGracefulShutdown() { await self.takeAll(&group) }
            group.cancelAll()
        }
    }

    /// Events that wait for their time need a look without a new arrival.
    private func tick() async {
        await cancelWhenGracefulShutdown {
            // Cancellation ends the wait and with it the loop.
            while (try? await self.clock.sleep(for: .seconds(1))) != nil { self.waker.yield() }
        }
    }

    private func takeAll(_ group: inout DiscardingTaskGroup) async {
        while !Task.isShuttingDownGracefully {
            let room = Self.maximumRunning - running.withLockedValue { $0 }
            guard room > 0 else { return }
            do {
                let due = try await take(min(room, 32))
                guard !due.isEmpty else { return }
                running.withLockedValue { $0 += due.count }
                for row in due { group.addTask { await self.process(row) } }
            } catch {
                return logger.error("cannot take asynchronous events", metadata: ["error": "\(error)"])
            }
        }
    }

    private struct EventRow: RowDecodable {
        var event: AsyncEvent
        var attempts: Int

        init(row: inout Row) throws {
            let id = try row.text()
            guard let account = AccountID(try row.text()), let region = Region(try row.text()) else {
                throw MartletError("lambda.events", "event \(id) names no account or region")
            }
            event = AsyncEvent(
                id: id,
                scope: Scope(account: account, region: region),
                functionName: try row.text(),
                qualifier: try row.optionalText(),
                payload: ByteBuffer(bytes: try row.bytes()),
                clientContext: try row.optionalText(),
                traceHeader: try row.text(),
                acceptedAt: try row.instant()
            )
            attempts = try row.integer()
        }
    }

    private func take(_ limit: Int) async throws -> [EventRow] {
        let now = clock.now
        let until = now + Self.lease
        let node = node
        return try await database.write { tx in
            try tx.rows(
                EventRow.self,
                """
                UPDATE lambda_event SET lease_until = \(until), lease_owner = \(node), attempts = attempts + 1
                WHERE id IN (SELECT id FROM lambda_event WHERE due_at <= \(now) AND lease_until <= \(now)
                    ORDER BY due_at LIMIT \(limit) \(tx.dialect.skipLockedRows))
                RETURNING id, account, region, function_name, qualifier, payload, client_context, trace_header, accepted_at,
                    attempts
                """
            )
        }
    }

    private func process(_ row: EventRow) async {
        defer {
            running.withLockedValue { $0 -= 1 }
            waker.yield()
        }
        guard let run = run.withLockedValue({ $0 }) else { return }
        do {
            try await run(row.event)
            try await remove(row.event.id)
        } catch {
            await retryLater(row, error)
        }
    }

    private func remove(_ id: String) async throws {
        _ = try await database.write { tx in try tx.execute("DELETE FROM lambda_event WHERE id = \(id)") }
    }

    private func retryLater(_ row: EventRow, _ error: any Error) async {
        let metadata: Logger.Metadata = [
            "function": "\(row.event.functionName)", "event": "\(row.event.id)", "error": "\(error)",
        ]
        let now = clock.now
        do {
            guard now - row.event.acceptedAt < Self.maximumAge, !Self.isFinal(error) else {
                logger.warning("asynchronous event dropped", metadata: metadata)
                return try await remove(row.event.id)
            }
            let pause = min(Self.longestPause, .seconds(1 << min(row.attempts - 1, 9)))
            _ = try await database.write { tx in
                try tx.execute(
                    "UPDATE lambda_event SET lease_until = 0, lease_owner = NULL, due_at = \(now + pause) WHERE id = \(row.event.id)"
                )
            }
        } catch {
            // Its lease runs out, and it is taken again then.
            logger.error("cannot put an asynchronous event back", metadata: metadata)
        }
    }

    /// Trying again cannot help: the function is gone, or its request was never right.
    private static func isFinal(_ error: any Error) -> Bool {
        guard let error = error as? any ServiceError else { return false }
        return error.httpStatus < 500 && error.httpStatus != 429 && error.code != "ResourceConflictException"
    }
}
