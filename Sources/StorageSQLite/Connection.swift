// SPDX-License-Identifier: Apache-2.0
import CSQLite
import MartletCore
import Storage

/// One SQLite connection with its prepared statements.
final class Connection: @unchecked Sendable {
    // Unchecked: made by one thread and then used by one other only, its owner.

    enum Access {
        case readWrite, readOnly
        /// Nothing on disk.
        case memory
    }

    private let handle: OpaquePointer
    private var cache: StatementCache
    /// How many pages the write-ahead log held after the last commit.
    private(set) var logPages = 0
    private var isClosed = false

    init(path: String, access: Access, statementCacheLimit: Int) throws {
        var opened: OpaquePointer?
        let result = sqlite3_open_v2(access == .memory ? ":memory:" : path, &opened, Self.flags(for: access), nil)
        guard result == SQLITE_OK, let opened else {
            let failure = SQLiteFailure.error(result, on: opened, during: "opening \(path)")
            sqlite3_close_v2(opened)
            throw failure
        }
        handle = opened
        cache = StatementCache(limit: statementCacheLimit)
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, Self.busyTimeoutMilliseconds)
    }

    deinit { close() }

    /// Nothing else may be called afterwards.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        cache.removeAll()
        sqlite3_close_v2(handle)
    }

    /// Martlet's own connections do not get into each other's way; this is for a foreign `sqlite3` shell.
    private static let busyTimeoutMilliseconds: Int32 = 5_000

    private static func flags(for access: Access) -> Int32 {
        switch access {
        case .readWrite, .memory: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        case .readOnly: SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX
        }
    }

    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }
    var cachedStatementCount: Int { cache.count }
    func hasCached(_ sql: SQL) -> Bool { cache.contains(sql.pieces) }

    /// Counts rows that were changed, from the opening of the connection on.
    var totalChanges: Int64 { sqlite3_total_changes64(handle) }
    var changesOfLastStatement: Int64 { sqlite3_changes64(handle) }

    func withStatement<T>(_ sql: SQL, _ body: (Statement) throws -> T) throws -> T {
        let statement = try cache.take(sql.pieces) ?? Statement(sql, on: handle)
        defer {
            statement.reset()
            cache.put(statement, for: sql.pieces)
        }
        try statement.bind(sql.values)
        return try body(statement)
    }

    /// Runs a statement to its end, passing over rows.
    func run(_ sql: SQL) throws {
        try withStatement(sql) { statement in while try statement.step() {} }
    }

    /// The first column of the first row.
    func value(_ sql: SQL) throws -> SQLValue? {
        try withStatement(sql) { statement in try statement.step() ? try statement.row().values.first : nil }
    }
}

extension Connection {
    enum Checkpoint {
        /// Moves what no reader holds back, waiting for nobody. Others write meanwhile.
        case passive
        /// Waits for readers up to `milliseconds`; the next commit begins the log anew.
        case restarting(milliseconds: Int32)
        /// The same, and empties the log's file.
        case truncating(milliseconds: Int32)
    }

    func checkpoint(_ kind: Checkpoint) throws {
        let result =
            switch kind {
            case .passive: sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
            case .restarting(let milliseconds): checkpoint(SQLITE_CHECKPOINT_RESTART, waiting: milliseconds)
            case .truncating(let milliseconds): checkpoint(SQLITE_CHECKPOINT_TRUNCATE, waiting: milliseconds)
            }
        // Busy means that a reader holds the log: the next commits try again.
        guard result == SQLITE_OK || result & 0xff == SQLITE_BUSY else {
            throw SQLiteFailure.error(result, on: handle, during: "checkpoint")
        }
    }

    private func checkpoint(_ mode: Int32, waiting milliseconds: Int32) -> Int32 {
        sqlite3_busy_timeout(handle, milliseconds)
        defer { sqlite3_busy_timeout(handle, Self.busyTimeoutMilliseconds) }
        return sqlite3_wal_checkpoint_v2(handle, nil, mode, nil, nil)
    }

    /// Takes SQLite's own checkpoints, which would make a commit wait, out of the way and keeps `logPages` up to date.
    func watchLog() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                if let context { Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().logPages = Int(pages) }
                return SQLITE_OK
            },
            context
        )
    }
}
