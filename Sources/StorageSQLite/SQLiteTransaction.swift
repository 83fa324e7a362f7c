// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// What a body gets to see of a connection, until `end()`.
final class SQLiteTransaction: WriteTransaction {
    let dialect = Dialect(.sqlite)
    private let connection: Connection
    private let mayWrite: Bool
    private var isOpen = true

    init(_ connection: Connection, mayWrite: Bool) {
        self.connection = connection
        self.mayWrite = mayWrite
    }

    /// A body that has kept its transaction finds it shut.
    func end() { isOpen = false }

    func rows<R: RowDecodable>(_ type: R.Type, _ sql: SQL) throws -> [R] {
        var rows: [R] = []
        try forEach(type, sql) { row in
            rows.append(row)
            return true
        }
        return rows
    }

    func forEach<R: RowDecodable>(_ type: R.Type, _ sql: SQL, _ body: (R) throws -> Bool) throws {
        try using(sql) { statement in
            while try statement.step() {
                var row = try statement.row()
                guard try body(R(row: &row)) else { return }
            }
        }
    }

    @discardableResult
    func execute(_ sql: SQL) throws -> Int {
        let before = connection.totalChanges
        try using(sql) { statement in while try statement.step() {} }
        // SQLite remembers the last statement that changed rows, which need not be this one.
        return connection.totalChanges == before ? 0 : Int(connection.changesOfLastStatement)
    }

    private func using(_ sql: SQL, _ body: (Statement) throws -> Void) throws {
        guard isOpen else { throw MartletError(.storageTransaction, "a transaction is used after its end") }
        // A full disk makes SQLite undo everything; a later statement would then stand alone.
        guard connection.isInTransaction else {
            throw MartletError(.storageTransaction, "the transaction has been undone after an earlier error")
        }
        try connection.withStatement(sql) { statement in
            guard mayWrite || statement.isReadOnly else {
                throw MartletError(
                    .storageReadOnly,
                    "a read transaction must not write: \(sql.text(parameterSign: "?"))"
                )
            }
            try body(statement)
        }
    }
}

extension Connection {
    /// One body against one snapshot.
    func reading<T>(_ body: (any ReadTransaction) throws -> T) throws -> T {
        try run("BEGIN")
        let transaction = SQLiteTransaction(self, mayWrite: false)
        defer {
            transaction.end()
            // Nothing was written, so nothing is lost if this fails; SQLite may have ended the transaction itself.
            if isInTransaction { try? run("ROLLBACK") }
        }
        return try body(transaction)
    }
}
