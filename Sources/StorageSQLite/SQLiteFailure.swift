// SPDX-License-Identifier: Apache-2.0
import CSQLite
import MartletCore
import Storage

/// SQLite's result codes, turned into the errors that Martlet speaks of.
enum SQLiteFailure {
    /// The error for `result`, with the engine's message, its extended code and the statement. Bound values are left
    /// out: they may be secret.
    static func error(_ result: Int32, on handle: OpaquePointer?, during statement: String) -> any Error {
        let extended = handle.map { sqlite3_extended_errcode($0) } ?? result
        if [SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID].contains(extended) {
            return StorageError.unique
        }
        let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(result))
        return MartletError(code(of: result), "\(message) (SQLite code \(extended)) during: \(statement)")
    }

    private static func code(of result: Int32) -> MartletError.Code {
        switch result & 0xff {
        case SQLITE_BUSY, SQLITE_LOCKED: .storageLocked
        case SQLITE_FULL: .storageFull
        case SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_NOMEM: .storageIO
        case SQLITE_CORRUPT, SQLITE_NOTADB: .storageCorrupt
        case SQLITE_CONSTRAINT: .storageConstraint
        case SQLITE_READONLY: .storageReadOnly
        default: .storageStatement
        }
    }
}

// The C header makes these by arithmetic in macros, which Swift does not import.
let SQLITE_CONSTRAINT_PRIMARYKEY: Int32 = SQLITE_CONSTRAINT | 6 << 8
let SQLITE_CONSTRAINT_UNIQUE: Int32 = SQLITE_CONSTRAINT | 8 << 8
let SQLITE_CONSTRAINT_ROWID: Int32 = SQLITE_CONSTRAINT | 10 << 8
