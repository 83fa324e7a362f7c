// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import Storage
import StorageSQLite
import Testing

@Suite("Damaged databases", .timeLimit(.minutes(20))) struct DamageTests {
    /// A closed database of 500 notes.
    private func filled(_ scratch: Scratch) async throws -> [UInt8] {
        let database = try SQLiteDatabase.open(path: scratch.database, durability: .process)
        try await database.migrate(Note.migrations, of: "notes")
        try await database.write { tx in
            for id in 0..<500 { try tx.execute(Note(id: id, text: String(repeating: "n", count: id)).insertion) }
        }
        await database.close()
        return try Scratch.bytes(scratch.database)
    }

    /// Reads and changes everything. Gives the error's code, or nil when there was none.
    private func use(_ scratch: Scratch) async -> String? {
        await code {
            let database = try SQLiteDatabase.open(path: scratch.database, durability: .process)
            let failure = await code {
                try await database.migrate(Note.migrations, of: "notes")
                _ = try await database.read { try $0.rows(Note.self, "SELECT id, text FROM note") }
                try await database.write { _ = try $0.execute("UPDATE note SET text = text || 'm'") }
                try await database.write { _ = try $0.execute("DELETE FROM note WHERE id % 2 = 0") }
            }
            await database.close()
            if let failure { throw MartletError(.init(stringLiteral: failure), "") }
        }
    }

    @Test("a file that is no database is refused at once", arguments: [1, 100, 5_000])
    func rubbish(count: Int) async throws {
        let scratch = try Scratch()
        try Scratch.write([UInt8](repeating: 0x4d, count: count), to: scratch.database)
        let error = #expect(throws: MartletError.self) {
            _ = try SQLiteDatabase.open(path: scratch.database, durability: .full)
        }
        #expect(error?.code == .storageCorrupt)
        #expect(error?.message.contains(scratch.database) == true)
    }

    @Test("a database of another program is refused and not touched")
    func foreign() async throws {
        let scratch = try Scratch()
        var bytes = try await filled(scratch)
        // The application id of the header.
        bytes.replaceSubrange(68..<72, with: [0, 0, 0, 7])
        try Scratch.write(bytes, to: scratch.database)
        let error = #expect(throws: MartletError.self) {
            _ = try SQLiteDatabase.open(path: scratch.database, durability: .full)
        }
        #expect("\(error as Any)".contains("another program"))
        #expect(try Scratch.bytes(scratch.database) == bytes)
    }

    @Test("a truncated file gives storage.corrupt", arguments: [0.1, 0.3, 0.5, 0.9, 0.99])
    func truncated(part: Double) async throws {
        let scratch = try Scratch()
        let whole = try await filled(scratch)
        try Scratch.write(Array(whole.prefix(Int(Double(whole.count) * part))), to: scratch.database)
        #expect(await use(scratch) == "storage.corrupt")
    }

    @Test("bytes changed anywhere never end the process, and an error says what is wrong")
    func changed() async throws {
        let scratch = try Scratch()
        let whole = try await filled(scratch)
        var random = Random(state: 42)
        var found = 0
        for _ in 0..<80 {
            var bytes = whole
            for _ in 0..<20 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            try Scratch.write(bytes, to: scratch.database)
            for suffix in ["-wal", "-shm"] { unlink(scratch.database + suffix) }
            guard let code = await use(scratch) else { continue }
            found += 1
            #expect(code.hasPrefix("storage."))
        }
        #expect(found > 20)
    }

    @Test("a rubbish write-ahead log is passed over")
    func rubbishLog() async throws {
        let scratch = try Scratch()
        _ = try await filled(scratch)
        try Scratch.write([UInt8](repeating: 0x37, count: 10_000), to: "\(scratch.database)-wal")
        #expect(await use(scratch) == nil)
    }

    @Test("a directory that is not there is an error that names the file")
    func nowhere() throws {
        let error = #expect(throws: MartletError.self) {
            _ = try SQLiteDatabase.open(path: "/nowhere/martlet.db", durability: .full)
        }
        #expect(error?.code == .storageIO && error?.message.contains("/nowhere/martlet.db") == true)
    }
}

/// The same numbers in every run (a xorshift).
struct Random {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
