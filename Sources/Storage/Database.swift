// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// The store that truth lives in. One SQL text serves SQLite and PostgreSQL; where they differ, `Dialect` names the
/// fragment.
///
/// Bodies run synchronously on a thread of the driver and must not wait for anything else: a transaction is a closure
/// and cannot leak. A body may run again after a conflict, so it changes nothing outside its transaction.
package protocol Database: Sendable {
    /// Runs against one consistent snapshot. Sees every write that was acknowledged before the call.
    func read<T: Sendable>(_ body: @escaping @Sendable (any ReadTransaction) throws -> T) async throws -> T

    /// Atomic: when the body throws, nothing of it remains and its error is rethrown. When the call returns, the change
    /// survives `kill -9` of the server, and with `Durability.full` a power cut. Writers that wait at the same time are
    /// committed together.
    func write<T: Sendable>(_ body: @escaping @Sendable (any WriteTransaction) throws -> T) async throws -> T

    /// Applies those migrations of one service that this store has not seen, in order, each atomically.
    func migrate(_ migrations: [Migration], of service: String) async throws

    /// Writes everything out and closes. Later calls throw `MartletError` `storage.closed`.
    func close() async
}

package enum Durability: String, Sendable, CaseIterable {
    /// Every commit is synced to disk.
    case full
    /// A commit survives the end of the process, not a power cut.
    case process
}

package protocol ReadTransaction {
    var dialect: Dialect { get }
    func rows<R: RowDecodable>(_ type: R.Type, _ sql: SQL) throws -> [R]
    /// Calls `body` for each row until it returns false: for results that need not be in memory at once.
    func forEach<R: RowDecodable>(_ type: R.Type, _ sql: SQL, _ body: (R) throws -> Bool) throws
}

extension ReadTransaction {
    package func first<R: RowDecodable>(_ type: R.Type, _ sql: SQL) throws -> R? {
        var found: R?
        try forEach(type, sql) { row in
            found = row
            return false
        }
        return found
    }

    /// The number in the first column of the first row; 0 when there is none.
    package func count(_ sql: SQL) throws -> Int { try first(Int.self, sql) ?? 0 }
}

package protocol WriteTransaction: ReadTransaction {
    /// Returns how many rows were changed. Throws `StorageError.unique` when a unique index forbids it.
    @discardableResult
    func execute(_ sql: SQL) throws -> Int
}

/// What a store's caller can act on. Everything else is a `MartletError`.
package enum StorageError: Error, Sendable, Equatable {
    /// A row with the same unique key is there already.
    case unique
}

/// The named differences between the engines' SQL.
package struct Dialect: Sendable {
    package enum Engine: Sendable, Equatable { case sqlite, postgreSQL }
    package let engine: Engine
    package init(_ engine: Engine) { self.engine = engine }

    /// Behind a `SELECT` that takes work rows: other takers pass over locked ones. SQLite has one writer and needs
    /// none.
    package var skipLockedRows: SQL { engine == .postgreSQL ? "FOR UPDATE SKIP LOCKED" : "" }
    package var hasSeveralWriters: Bool { engine == .postgreSQL }

    /// Waits until nobody else has locked the name, and keeps it to the end of the transaction. SQLite has one writer and
    /// needs no such thing.
    package func lock(_ name: String) -> SQL {
        hasSeveralWriters ? "SELECT pg_advisory_xact_lock(hashtextextended(\(name), 0))" : "SELECT 1"
    }

    /// The type of a column that holds bytes.
    package var bytesType: SQL { engine == .postgreSQL ? "BYTEA" : "BLOB" }
    /// The type of a key that the engine counts up.
    package var sequenceKeyType: SQL {
        engine == .postgreSQL ? "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY" : "INTEGER PRIMARY KEY AUTOINCREMENT"
    }
}

/// An append-only step of one service's tables. Never edited once released.
package struct Migration: Sendable {
    package let name: String
    /// `CREATE TABLE …` and the like, one statement each. Columns use `TEXT`, `BIGINT`, `DOUBLE PRECISION` and
    /// `dialect.bytesType`.
    package let statements: @Sendable (Dialect) -> [SQL]

    package init(_ name: String, _ statements: @escaping @Sendable (Dialect) -> [SQL]) {
        self.name = name
        self.statements = statements
    }
}
