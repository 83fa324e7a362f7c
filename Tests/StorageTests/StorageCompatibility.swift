// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage
import StorageSQLite
import Testing

/// What every driver promises.
@Suite("StorageCompatibility", .timeLimit(.minutes(20))) struct StorageCompatibility {
    @Test("what was written is read, in the types it was written in", arguments: StorageDriver.allCases)
    func roundTrip(driver: StorageDriver) async throws {
        struct Everything: RowDecodable {
            var text: String
            var data: [UInt8]
            var weight: Double
            init(row: inout Row) throws {
                text = try row.text()
                data = try row.bytes()
                weight = try row.real()
            }
        }
        let texts = ["", "'; DROP TABLE note; --", "a\0b", "é漢🐦", String(repeating: "x", count: 100_000)]
        try await driver.run { database async throws in
            for (id, text) in texts.enumerated() {
                let data = Array(text.utf8)
                let row = try await database.write { tx in
                    try tx.execute("INSERT INTO note VALUES (\(id), \(text), \(data), \(Double(id) + 0.5))")
                    return try tx.first(Everything.self, "SELECT text, data, weight FROM note WHERE id = \(id)")
                }
                #expect(row?.text == text && row?.data == data && row?.weight == Double(id) + 0.5)
            }
        }
    }

    @Test("the ends of the number range survive", arguments: StorageDriver.allCases)
    func extremes(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            for number in [Int.min, -1, 0, Int.max] {
                #expect(try await database.read { try $0.count("SELECT \(number)") } == number)
            }
        }
    }

    @Test("a body that throws leaves nothing, and its error comes back", arguments: StorageDriver.allCases)
    func rollback(driver: StorageDriver) async throws {
        struct Refusal: Error {}
        try await driver.run { database async throws in
            await #expect(throws: Refusal.self) {
                try await database.write { tx in
                    try tx.execute(Note(id: 1, text: "gone").insertion)
                    throw Refusal()
                }
            }
            #expect(try await database.noteCount() == 0)
        }
    }

    @Test(
        "a key that is there already is StorageError.unique, and the body may go on",
        arguments: StorageDriver.allCases
    )
    func unique(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            try await database.add(Note(id: 1, text: "first"))
            await #expect(throws: StorageError.unique) { try await database.add(Note(id: 1, text: "second")) }
            try await database.write { tx in
                #expect(throws: StorageError.unique) { try tx.execute(Note(id: 1, text: "third").insertion) }
                try tx.execute(Note(id: 2, text: "fourth").insertion)
            }
            #expect(
                try await database.read { try $0.rows(Note.self, "SELECT id, text FROM note ORDER BY id") }
                    == [Note(id: 1, text: "first"), Note(id: 2, text: "fourth")]
            )
        }
    }

    @Test("execute tells how many rows it changed, and none for a table made", arguments: StorageDriver.allCases)
    func changes(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            try await database.write { tx throws in
                for id in 1...3 { #expect(try tx.execute(Note(id: id, text: "n").insertion) == 1) }
                #expect(try tx.execute("CREATE TABLE other (id BIGINT)") == 0)
                #expect(try tx.execute("UPDATE note SET text = 'm' WHERE id > 1") == 2)
                #expect(try tx.execute("DELETE FROM note WHERE id = 9") == 0)
                #expect(try tx.rows(Int.self, "DELETE FROM note WHERE id < 3 RETURNING id").sorted() == [1, 2])
            }
            #expect(try await database.noteCount() == 1)
        }
    }

    @Test("a list binds each element; an empty one matches nothing", arguments: StorageDriver.allCases)
    func lists(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            try await database.write { tx in
                for id in 1...5 { try tx.execute(Note(id: id, text: "n\(id)").insertion) }
                let some = ["n1", "n4", "n9"]
                let none: [String] = []
                #expect(try tx.rows(Int.self, "SELECT id FROM note WHERE text IN \(list: some) ORDER BY id") == [1, 4])
                #expect(try tx.count("SELECT COUNT(*) FROM note WHERE text IN \(list: none)") == 0)
            }
        }
    }

    @Test("forEach stops when its body says so", arguments: StorageDriver.allCases)
    func stopsEarly(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            let seen = try await database.read { tx in
                var seen = 0
                let counting: SQL =
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100) SELECT i FROM n"
                try tx.forEach(Int.self, counting) { number in
                    seen = number
                    return number < 7
                }
                return seen
            }
            #expect(seen == 7)
        }
    }

    @Test("a query may run inside its own loop", arguments: StorageDriver.allCases)
    func nested(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            try await database.write { tx in for id in 1...3 { try tx.execute(Note(id: id, text: "n").insertion) } }
            let pairs = try await database.read { tx in
                var pairs = 0
                try tx.forEach(Int.self, "SELECT id FROM note") { _ in
                    pairs += try tx.rows(Int.self, "SELECT id FROM note").count
                    return true
                }
                return pairs
            }
            #expect(pairs == 9)
        }
    }

    @Test("a read sees every write that was acknowledged before it", arguments: StorageDriver.allCases)
    func readsItsWrites(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        for step in 0..<20 {
                            let note = Note(id: worker * 100 + step, text: "n")
                            try await database.add(note)
                            let found = try await database.read {
                                try $0.count("SELECT COUNT(*) FROM note WHERE id = \(note.id)")
                            }
                            #expect(found == 1)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("a read transaction refuses to write, also through RETURNING", arguments: StorageDriver.allCases)
    func readOnly(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            let refused = await code {
                _ = try await database.read { try $0.rows(Int.self, "INSERT INTO note (id) VALUES (1) RETURNING id") }
            }
            #expect(refused == "storage.readonly")
            #expect(try await database.noteCount() == 0)
        }
    }

    @Test(
        "a statement that is wrong is an error that shows it, and the store goes on",
        arguments: StorageDriver.allCases
    )
    func wrongStatement(driver: StorageDriver) async throws {
        let wrong: [SQL] = ["SELEC 1", "SELECT 1; DELETE FROM note", "", "SELECT * FROM nowhere", "SELECT 1 -- \(1)"]
        try await driver.run { database async throws in
            for sql in wrong {
                #expect(await code { try await database.write { _ = try $0.execute(sql) } } == "storage.statement")
                #expect(await code { _ = try await database.read { try $0.count(sql) } } == "storage.statement")
            }
            try await database.add(Note(id: 1, text: "still here"))
        }
    }

    @Test("a transaction that a body has kept is shut", arguments: StorageDriver.allCases)
    func leaked(driver: StorageDriver) async throws {
        final class Thief: @unchecked Sendable { var transaction: (any WriteTransaction)? }
        try await driver.run { database async throws in
            let thief = Thief()
            try await database.write { thief.transaction = $0 }
            #expect(await code { _ = try thief.transaction?.execute("DELETE FROM note") } == "storage.transaction")
        }
    }

    @Test("after close every call is refused, and closing again does no harm", arguments: StorageDriver.allCases)
    func closed(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            await database.close()
            await database.close()
            #expect(await code { try await database.add(Note(id: 1, text: "late")) } == "storage.closed")
            #expect(await code { _ = try await database.noteCount() } == "storage.closed")
        }
    }

    @Test("rows of the wrong type are an error, never a trap", arguments: StorageDriver.allCases)
    func rubbish(driver: StorageDriver) async throws {
        let rubbish: [SQL] = [
            "SELECT 'x', 'x'", "SELECT NULL, 'x'", "SELECT 1, NULL", "SELECT 1", "SELECT 1.5, 'x'", "SELECT 1e300, 'x'",
            "SELECT 1, x'ff'", "SELECT 1, CAST(x'c328' AS TEXT)", "SELECT 99999999999999999999, 'x'",
        ]
        try await driver.run { database async throws in
            for sql in rubbish {
                #expect(await code { _ = try await database.read { try $0.rows(Note.self, sql) } } == "storage.row")
            }
        }
    }
}
