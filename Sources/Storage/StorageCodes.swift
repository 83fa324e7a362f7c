// SPDX-License-Identifier: Apache-2.0
package import MartletCore

extension MartletError.Code {
    /// A bounded queue of the store is full. Nothing was done; the caller may try again.
    package static let storageBusy: Self = "storage.busy"
    /// The database or file store has been closed.
    package static let storageClosed: Self = "storage.closed"
    /// Another process holds the data directory.
    package static let storageClaimed: Self = "storage.claimed"
    /// The disk, or its quota, is full. Nothing was stored.
    package static let storageFull: Self = "storage.full"
    /// Reading, writing or syncing failed.
    package static let storageIO: Self = "storage.io"
    /// What is on disk is not what was written.
    package static let storageCorrupt: Self = "storage.corrupt"
    /// The engine's own lock was not to be had in time.
    package static let storageLocked: Self = "storage.locked"
    /// A constraint other than uniqueness forbids the change.
    package static let storageConstraint: Self = "storage.constraint"
    /// A write was asked for where only reading is allowed.
    package static let storageReadOnly: Self = "storage.readonly"
    /// A statement that the engine does not understand, or cannot run.
    package static let storageStatement: Self = "storage.statement"
    /// A transaction is used after its end, or the engine has already undone it.
    package static let storageTransaction: Self = "storage.transaction"
    /// A row, or a column of it, is not of the type that was asked for.
    package static let storageRow: Self = "storage.row"
    /// There is no such file.
    package static let storageMissing: Self = "storage.missing"
    /// The tables are not those that this version of Martlet knows.
    package static let storageMigration: Self = "storage.migration"
    /// Sealed bytes do not open: another key, another context, or altered.
    package static let storageSealed: Self = "storage.sealed"
    /// The operating system gives no thread.
    package static let storageThread: Self = "storage.thread"
}
