// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import Storage
import StorageSQLite
import Testing

/// A directory of one test, removed at its end.
final class Scratch: Sendable {
    let path: String

    init() throws {
        var template = "/tmp/martlet-storage-tests-XXXXXX".utf8CString.map { $0 }
        try #require(mkdtemp(&template) != nil)
        path = template.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    deinit { Self.remove(path) }

    var database: String { "\(path)/martlet.db" }

    private static func remove(_ path: String) {
        for name in names(in: path) where unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
        rmdir(path)
    }

    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(withUnsafePointer(to: &entry.pointee.d_name.0) { String(cString: $0) })
        }
        return names.filter { $0 != "." && $0 != ".." }.sorted()
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        let file = open(path, O_RDONLY)
        try #require(file >= 0)
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Int(lseek(file, 0, SEEK_END)))
        try #require(pread(file, &bytes, bytes.count, 0) == bytes.count)
        return bytes
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        try #require(Glibc.write(file, bytes, bytes.count) == bytes.count)
    }
}

/// Every way to run the store. PostgreSQL joins here.
enum StorageDriver: String, CaseIterable, Sendable {
    case fileFull, fileProcess, ephemeral

    func open(in scratch: Scratch, options: SQLiteDatabase.Options = .init()) throws -> SQLiteDatabase {
        switch self {
        case .fileFull: try .open(path: scratch.database, durability: .full, options: options)
        case .fileProcess: try .open(path: scratch.database, durability: .process, options: options)
        case .ephemeral: try .ephemeral(options: options)
        }
    }

    /// A new database with the table `note`.
    func run(
        options: SQLiteDatabase.Options = .init(),
        _ body: (SQLiteDatabase) async throws -> Void
    ) async throws {
        let scratch = try Scratch()
        let database = try open(in: scratch, options: options)
        try await database.migrate(Note.migrations, of: "notes")
        do {
            try await body(database)
        } catch {
            await database.close()
            throw error
        }
        await database.close()
    }
}

struct Note: RowDecodable, Equatable {
    static let migrations = [
        Migration("notes") { dialect in
            [
                "CREATE TABLE note (id BIGINT NOT NULL PRIMARY KEY, text TEXT, data \(dialect.bytesType), weight DOUBLE PRECISION)"
            ]
        }
    ]

    var id: Int
    var text: String

    init(id: Int, text: String) {
        self.id = id
        self.text = text
    }

    init(row: inout Row) throws {
        id = try row.integer()
        text = try row.text()
    }

    var insertion: SQL { "INSERT INTO note (id, text) VALUES (\(id), \(text))" }
}

extension Database {
    func add(_ note: Note) async throws { try await write { _ = try $0.execute(note.insertion) } }
    func noteCount() async throws -> Int { try await read { try $0.count("SELECT COUNT(*) FROM note") } }
}

/// Holds a thread of the store until it is opened.
final class Gate: Sendable {
    private let queue = WorkQueue<Bool>("gate", limit: 1)
    func open() { queue.close() }
    func pass() { _ = queue.take(upTo: 1) }
}

/// The code of the error that `body` throws, or nil.
func code(of body: () async throws -> Void) async -> String? {
    do {
        try await body()
        return nil
    } catch let error as MartletError {
        return error.code.name
    } catch {
        return "\(error)"
    }
}

/// Lets others run until `condition` holds. The test's time limit is the end of it.
func eventually(_ condition: () -> Bool) async {
    while !condition() { await Task.yield() }
}
