// SPDX-License-Identifier: Apache-2.0
import CSQLite
import MartletCore
import Storage

/// One prepared statement of one connection.
final class Statement {
    private let handle: OpaquePointer
    private let connection: OpaquePointer
    private let text: String

    init(_ sql: SQL, on connection: OpaquePointer) throws {
        let text = sql.text(parameterSign: "?")
        self.text = text
        self.connection = connection
        self.handle = try Self.prepare(text, on: connection)
    }

    deinit { sqlite3_finalize(handle) }

    var isReadOnly: Bool { sqlite3_stmt_readonly(handle) != 0 }

    /// Returns whether there is a row; false at the end.
    func step() throws -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: true
        case SQLITE_DONE: false
        case let result: throw failure(result)
        }
    }

    /// Ready for the next use, holding no lock and no bound value.
    func reset() {
        // The result repeats the error of the last step, which has been thrown already.
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    func bind(_ values: [SQLValue]) throws {
        for (index, value) in values.enumerated() {
            let result = bind(value, at: Int32(truncatingIfNeeded: index + 1))
            guard result == SQLITE_OK else { throw failure(result) }
        }
    }

    func row() throws -> Row {
        var values: [SQLValue] = []
        let count = sqlite3_column_count(handle)
        values.reserveCapacity(Int(count))
        for column in 0..<count { values.append(try value(in: column)) }
        return Row(values)
    }

    private func failure(_ result: Int32) -> any Error { SQLiteFailure.error(result, on: connection, during: text) }

    /// Only a single statement: SQLite would silently leave the rest of the text out.
    private static func prepare(_ text: String, on connection: OpaquePointer) throws -> OpaquePointer {
        var handle: OpaquePointer?
        var result = SQLITE_OK
        var hasMore = false
        var copy = text
        copy.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                var tail: UnsafePointer<CChar>?
                let count = Int32(clamping: characters.count)
                let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
                result = sqlite3_prepare_v3(connection, characters.baseAddress, count, flags, &handle, &tail)
                guard result == SQLITE_OK, let tail, let start = characters.baseAddress else { return }
                hasMore = bytes.dropFirst(start.distance(to: tail)).contains { $0 > 0x20 && $0 != UInt8(ascii: ";") }
            }
        }
        guard result == SQLITE_OK else { throw SQLiteFailure.error(result, on: connection, during: text) }
        guard let handle, !hasMore else {
            sqlite3_finalize(handle)
            throw MartletError(.storageStatement, "one statement expected: \(text)")
        }
        return handle
    }
}

extension Statement {
    private func bind(_ value: SQLValue, at index: Int32) -> Int32 {
        switch value {
        case .null: sqlite3_bind_null(handle, index)
        case .integer(let number): sqlite3_bind_int64(handle, index, number)
        case .real(let number): sqlite3_bind_double(handle, index, number)
        case .text(let text): bind(text, at: index)
        case .bytes(let bytes): bind(bytes, at: index)
        }
    }

    private func bind(_ text: String, at index: Int32) -> Int32 {
        var copy = text
        return copy.withUTF8 { bytes in
            guard let start = bytes.baseAddress else {
                return sqlite3_bind_text(handle, index, "", 0, martlet_sqlite_transient())
            }
            return start.withMemoryRebound(to: CChar.self, capacity: bytes.count) { characters in
                sqlite3_bind_text64(
                    handle,
                    index,
                    characters,
                    UInt64(bytes.count),
                    martlet_sqlite_transient(),
                    UInt8(SQLITE_UTF8)
                )
            }
        }
    }

    private func bind(_ bytes: [UInt8], at index: Int32) -> Int32 {
        // An empty array may have no address, which SQLite would take for NULL.
        guard !bytes.isEmpty else { return sqlite3_bind_zeroblob(handle, index, 0) }
        return bytes.withUnsafeBytes { bytes in
            sqlite3_bind_blob64(handle, index, bytes.baseAddress, UInt64(bytes.count), martlet_sqlite_transient())
        }
    }

    private func value(in column: Int32) throws -> SQLValue {
        switch sqlite3_column_type(handle, column) {
        case SQLITE_INTEGER: .integer(sqlite3_column_int64(handle, column))
        case SQLITE_FLOAT: .real(sqlite3_column_double(handle, column))
        case SQLITE_TEXT: try text(in: column)
        case SQLITE_BLOB: try .bytes(Array(bytes(sqlite3_column_blob(handle, column), in: column)))
        default: .null
        }
    }

    private func text(in column: Int32) throws -> SQLValue {
        let start = UnsafeRawPointer(sqlite3_column_text(handle, column))
        guard let text = String(validating: try bytes(start, in: column), as: UTF8.self) else {
            throw MartletError(.storageRow, "column \(column) holds text that is not UTF-8, of: \(text)")
        }
        return .text(text)
    }

    private func bytes(_ start: UnsafeRawPointer?, in column: Int32) throws -> UnsafeRawBufferPointer {
        let count = Int(sqlite3_column_bytes(handle, column))
        // Without memory SQLite gives no address, as it does for no bytes at all.
        if start == nil && count > 0 { throw failure(SQLITE_NOMEM) }
        return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count)
    }
}
