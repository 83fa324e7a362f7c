// SPDX-License-Identifier: Apache-2.0
import Glibc
package import Logging
import MartletCore
package import Storage

/// The embedded store: SQLite with a write-ahead log, one thread that writes, a few that read.
///
/// Every call is run even when the calling task is cancelled meanwhile. Bodies block a thread of the store, so they do
/// nothing but read and write rows.
package final class SQLiteDatabase: Database {
    /// The limits.
    package struct Options: Sendable {
        /// How many writes may wait. One more throws `storage.busy`. In memory, reads count as well.
        package var writeQueueLimit = 4_096
        /// How many reads may wait for a thread.
        package var readQueueLimit = 4_096
        package var readerThreads = min(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 2), 8)
        /// How many writes one transaction commits at most, so that the first of them need not wait for long.
        package var groupLimit = 512
        /// Prepared statements that each connection keeps.
        package var statementCacheLimit = 128
        /// Pages of 4 KiB that the write-ahead log may hold before it is moved into the database, and before the writer
        /// pauses for it.
        package var logPagesSoftLimit = 1_000
        package var logPagesHardLimit = 8_000
        package var logger = Logger(label: "storage")

        package init() {}
    }

    /// What was done since the opening, and what waits.
    package struct Statistics: Sendable, Equatable {
        /// Transactions that served a group, and so syncs.
        package var groups = 0
        package var writes = 0
        /// Writes that wait for the writer. In memory, reads count as well.
        package var waitingWrites = 0
        package var waitingReads = 0
    }

    private let writer: Writer
    /// None in memory: there the writer's connection is the only one.
    private let readers: WorkerPool<Connection>?

    /// Opens or makes the database file at `path`; its directory is there already. Throws `storage.corrupt` when the
    /// file is not a database, is broken, or belongs to another program. Only one process at a time: see
    /// `DataDirectory.claim`.
    package static func open(
        path: String,
        durability: Durability,
        options: Options = Options()
    ) throws -> SQLiteDatabase {
        let limit = options.statementCacheLimit
        let connection = try Connection.writer(path: path, durability: durability, statementCacheLimit: limit)
        let readers = WorkerPool("storage reader", threads: options.readerThreads, queueLimit: options.readQueueLimit) {
            try Connection.reader(path: path, statementCacheLimit: limit)
        }
        let background = WorkerPool("storage checkpoint", threads: 1, queueLimit: 1) {
            try Connection.checkpointer(path: path)
        }
        let checkpointer = Checkpointer(
            connection,
            background: background,
            softLimit: options.logPagesSoftLimit,
            hardLimit: options.logPagesHardLimit,
            logger: options.logger
        )
        return try SQLiteDatabase(connection, readers, checkpointer, options)
    }

    /// A database in memory: nothing on disk, gone with `close()`.
    package static func ephemeral(options: Options = Options()) throws -> SQLiteDatabase {
        let connection = try Connection.memory(statementCacheLimit: options.statementCacheLimit)
        return try SQLiteDatabase(connection, nil, nil, options)
    }

    private init(
        _ connection: Connection,
        _ readers: WorkerPool<Connection>?,
        _ checkpointer: Checkpointer?,
        _ options: Options
    ) throws {
        writer = Writer(limit: options.writeQueueLimit)
        self.readers = readers
        try Writer.start(writer, on: connection, groupLimit: options.groupLimit, checkpointer: checkpointer) {
            // The last connection to close moves the log; that is to be the writer's.
            readers?.join()
        }
    }

    deinit { beginClosing() }

    package var statistics: Statistics {
        var statistics = writer.statistics
        statistics.waitingWrites = writer.queue.count
        statistics.waitingReads = readers?.waitingCount ?? 0
        return statistics
    }

    package func read<T: Sendable>(_ body: @escaping @Sendable (any ReadTransaction) throws -> T) async throws -> T {
        if let readers { return try await readers.run { try $0.reading(body) } }
        return try await withCheckedThrowingContinuation { continuation in
            submit(.read { connection in continuation.resume(with: Result { try connection.reading(body) }) }) {
                continuation.resume(throwing: $0)
            }
        }
    }

    package func write<T: Sendable>(_ body: @escaping @Sendable (any WriteTransaction) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            let job = WriteJob(
                run: { transaction in
                    let value = try body(transaction)
                    return { continuation.resume(returning: value) }
                },
                fail: { continuation.resume(throwing: $0) }
            )
            submit(.write(job)) { continuation.resume(throwing: $0) }
        }
    }

    package func migrate(_ migrations: [Migration], of service: String) async throws {
        try await applyMigrations(migrations, of: service)
    }

    package func close() async {
        beginClosing()
        await writer.hasEnded.wait()
    }

    private func submit(_ job: Writer.Job, orElse refuse: (any Error) -> Void) {
        do { try writer.queue.submit(job) } catch { refuse(error) }
    }

    private func beginClosing() {
        readers?.close()
        writer.queue.close()
    }
}
