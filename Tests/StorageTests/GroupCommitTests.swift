// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage
import StorageSQLite
import Testing

@Suite("Group commit", .timeLimit(.minutes(20))) struct GroupCommitTests {
    private struct Refusal: Error {}

    /// Queues `count` writes behind one that waits, then lets them go: they are one group. Gives what became of each.
    private func together(
        _ count: Int,
        on database: SQLiteDatabase,
        _ body: @escaping @Sendable (Int, any WriteTransaction) throws -> Void
    ) async -> [Int: String] {
        let gate = Gate()
        let entered = Latch()
        return await withTaskGroup(of: (Int, String?).self) { group in
            group.addTask {
                let failure = await code {
                    try await database.write { _ in
                        entered.open()
                        gate.pass()
                    }
                }
                return (-1, failure)
            }
            await entered.wait()
            for index in 0..<count {
                group.addTask { (index, await code { try await database.write { try body(index, $0) } }) }
            }
            await eventually { database.statistics.waitingWrites == count }
            gate.open()
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    @Test(
        "of a hundred writers that wait together one that fails leaves nothing and spoils nobody",
        arguments: StorageDriver.allCases
    )
    func oneFails(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            let before = database.statistics.groups
            let failures = await together(100, on: database) { index, tx in
                try tx.execute(Note(id: index, text: "n").insertion)
                if index == 42 { throw Refusal() }
            }
            #expect(failures == [42: "Refusal()"])
            let ids = try await database.read { try $0.rows(Int.self, "SELECT id FROM note ORDER BY id") }
            #expect(ids == (0..<100).filter { $0 != 42 })
            // The one that held the others up, and the hundred.
            #expect(database.statistics.groups == before + 2)
        }
    }

    @Test("what only the commit finds wrong fails its own writer alone", arguments: StorageDriver.allCases)
    func commitFails(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            let table: SQL = """
                CREATE TABLE child (id BIGINT PRIMARY KEY, parent BIGINT REFERENCES note (id) DEFERRABLE INITIALLY DEFERRED)
                """
            try await database.write { _ = try $0.execute(table) }
            let failures = await together(10, on: database) { index, tx in
                try tx.execute("INSERT INTO child VALUES (\(index), \(index == 3 ? 77 : nil as Int?))")
            }
            #expect(failures == [3: "storage.constraint"])
            #expect(try await database.read { try $0.count("SELECT COUNT(*) FROM child") } == 9)
        }
    }

    @Test("writers of one group see each other in order", arguments: StorageDriver.allCases)
    func ordered(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            _ = await together(20, on: database) { _, tx in
                let next = try tx.count("SELECT COUNT(*) FROM note")
                try tx.execute(Note(id: next, text: "n").insertion)
            }
            let ids = try await database.read { try $0.rows(Int.self, "SELECT id FROM note ORDER BY id") }
            #expect(ids == Array(0..<20))
        }
    }

    @Test("a single writer is committed at once, alone", arguments: StorageDriver.allCases)
    func single(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            let before = database.statistics
            for id in 0..<5 { try await database.add(Note(id: id, text: "n")) }
            #expect(database.statistics.groups - before.groups == 5)
            #expect(database.statistics.writes - before.writes == 5)
        }
    }

    @Test("a group is no larger than its limit")
    func groupLimit() async throws {
        var options = SQLiteDatabase.Options()
        options.groupLimit = 10
        try await StorageDriver.ephemeral.run(options: options) { database async throws in
            let before = database.statistics.groups
            let failures = await together(35, on: database) { try $1.execute(Note(id: $0, text: "n").insertion) }
            #expect(failures.isEmpty)
            #expect(database.statistics.groups == before + 1 + 4)
        }
    }

    @Test("a body whose transaction the engine has undone does not count, even if it goes on")
    func undoneByEngine() async throws {
        try await StorageDriver.fileProcess.run { database async throws in
            let failures = await together(5, on: database) { index, tx in
                try tx.execute(Note(id: index, text: "n").insertion)
                guard index == 2 else { return }
                // As a full disk does it: everything is gone and the next statement would stand alone.
                _ = try? tx.execute("INSERT OR ROLLBACK INTO note (id) VALUES (2)")
                _ = try? tx.execute(Note(id: 100, text: "alone").insertion)
            }
            #expect(failures == [2: "storage.transaction"])
            let ids = try await database.read { try $0.rows(Int.self, "SELECT id FROM note ORDER BY id") }
            #expect(ids == [0, 1, 3, 4])
        }
    }
}
