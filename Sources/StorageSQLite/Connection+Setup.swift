// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import Storage

extension Connection {
    /// "MRTL": tells our files from those of other programs.
    private static let applicationID: Int64 = 1_297_241_164

    /// The connection that writes. Throws `storage.corrupt` when the file is not a database of Martlet's.
    static func writer(path: String, durability: Durability, statementCacheLimit: Int) throws -> Connection {
        makePrivate(path)
        let sizes = FileSizes(path)
        let connection = try Connection(path: path, access: .readWrite, statementCacheLimit: statementCacheLimit)
        do {
            try connection.expectWhole(path, sizes)
            let isNew = try connection.isNew(path)
            try connection.run("PRAGMA journal_mode = WAL")
            try connection.run(durability == .full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL")
            try connection.run("PRAGMA journal_size_limit = 33554432")
            try connection.protect(cacheKiB: 8_192)
            if isNew { try connection.run(SQL(stringLiteral: "PRAGMA application_id = \(Self.applicationID)")) }
        } catch {
            throw MartletError(failureCode(error), "cannot open the database \(path)", cause: error)
        }
        connection.watchLog()
        return connection
    }

    /// SQLite would let everybody read a new file, and gives the log the rights that the database has. When this fails,
    /// opening says why.
    private static func makePrivate(_ path: String) {
        let file = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if file >= 0 { Glibc.close(file) }
    }

    /// The connection that moves the log into the database beside the writer.
    static func checkpointer(path: String) throws -> Connection {
        try Connection(path: path, access: .readWrite, statementCacheLimit: 1)
    }

    static func reader(path: String, statementCacheLimit: Int) throws -> Connection {
        let connection = try Connection(path: path, access: .readOnly, statementCacheLimit: statementCacheLimit)
        // Small: each commit of the writer empties it, and the system keeps the pages anyway.
        try connection.protect(cacheKiB: 2_048)
        return connection
    }

    static func memory(statementCacheLimit: Int) throws -> Connection {
        let connection = try Connection(path: "", access: .memory, statementCacheLimit: statementCacheLimit)
        try connection.protect(cacheKiB: 8_192)
        return connection
    }

    /// Reads the header and the schema, so that a broken file is found now and not at the first request.
    private func isNew(_ path: String) throws -> Bool {
        let tables = try value("SELECT COUNT(*) FROM sqlite_schema")
        switch try value("PRAGMA application_id") {
        case .integer(Self.applicationID): return false
        case .integer(0) where tables == .integer(0): return true
        default: throw MartletError(.storageCorrupt, "\(path) is a database of another program")
        }
    }

    /// SQLite takes a file of a few bytes for an empty one, and fills up a last page that was cut.
    private func expectWhole(_ path: String, _ sizes: FileSizes) throws {
        // What a log still holds need not be in the database yet; what a journal holds was undone just now.
        guard sizes.log == 0, sizes.journal == 0, sizes.database > 0 else { return }
        guard case .integer(let pages) = try value("PRAGMA page_count"),
            case .integer(let pageBytes) = try value("PRAGMA page_size"),
            pages > 0, sizes.database >= pages.multipliedReportingOverflow(by: pageBytes).partialValue
        else { throw MartletError(.storageCorrupt, "\(path) is shorter than it says") }
    }

    private func protect(cacheKiB: Int) throws {
        try run("PRAGMA foreign_keys = ON")
        try run("PRAGMA trusted_schema = OFF")
        try run("PRAGMA cell_size_check = ON")
        try run("PRAGMA temp_store = MEMORY")
        try run(SQL(stringLiteral: "PRAGMA cache_size = -\(cacheKiB)"))
    }

    private static func failureCode(_ error: any Error) -> MartletError.Code {
        (error as? MartletError)?.code ?? .storageIO
    }
}

/// In bytes, before SQLite has touched them; 0 when there is no file.
private struct FileSizes {
    let database: Int64
    let log: Int64
    /// Only while the file is made, before it has a write-ahead log.
    let journal: Int64

    init(_ path: String) {
        database = Self.size(path)
        log = Self.size("\(path)-wal")
        journal = Self.size("\(path)-journal")
    }

    private static func size(_ path: String) -> Int64 {
        var information = stat()
        return stat(path, &information) == 0 ? Int64(information.st_size) : 0
    }
}
