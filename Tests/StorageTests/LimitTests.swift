import Glibc
import MartletCore
import Storage
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import StorageSQLite

@Suite("Limits of the store", .timeLimit(.minutes(20))) struct LimitTests {
    @Test("one write more than may wait is refused; those that wait are done", arguments: StorageDriver.allCases)
    func writeQueue(driver: StorageDriver) async throws {
        var options = SQLiteDatabase.Options()
        options.writeQueueLimit = 3
        try await driver.run(options: options) { database async throws in
            let gate = Gate()
            let entered = Latch()
            async let holder: Void = database.write { _ in
                entered.open()
                gate.pass()
            }
            await entered.wait()
            async let first: Void = database.add(Note(id: 1, text: "n"))
            async let second: Void = database.add(Note(id: 2, text: "n"))
            async let third: Void = database.add(Note(id: 3, text: "n"))
            await eventually { database.statistics.waitingWrites == 3 }
            #expect(await code { try await database.add(Note(id: 4, text: "n")) } == "storage.busy")
            gate.open()
            _ = try await (holder, first, second, third)
            #expect(try await database.noteCount() == 3)
        }
    }

    @Test("one read more than may wait is refused; those that wait are done")
    func readQueue() async throws {
        var options = SQLiteDatabase.Options()
        options.readQueueLimit = 2
        options.readerThreads = 1
        try await StorageDriver.fileProcess.run(options: options) { database async throws in
            let gate = Gate()
            let entered = Latch()
            async let holder: Void = database.read { _ in
                entered.open()
                gate.pass()
            }
            await entered.wait()
            async let first = database.noteCount()
            async let second = database.noteCount()
            await eventually { database.statistics.waitingReads == 2 }
            #expect(await code { _ = try await database.noteCount() } == "storage.busy")
            gate.open()
            _ = try await (holder, first, second)
        }
    }

    @Test("readers hold no writer up, and keep their snapshot meanwhile")
    func snapshot() async throws {
        try await StorageDriver.fileProcess.run { database async throws in
            let gate = Gate()
            let entered = Latch()
            async let counts = database.read { tx in
                let before = try tx.count("SELECT COUNT(*) FROM note")
                entered.open()
                gate.pass()
                return [before, try tx.count("SELECT COUNT(*) FROM note")]
            }
            await entered.wait()
            try await database.add(Note(id: 1, text: "n"))
            gate.open()
            #expect(try await counts == [0, 0])
            #expect(try await database.noteCount() == 1)
        }
    }

    @Test("the write-ahead log stays bounded, also when a reader has held it back")
    func log() async throws {
        var options = SQLiteDatabase.Options()
        options.logPagesSoftLimit = 20
        options.logPagesHardLimit = 100
        let scratch = try Scratch()
        let database = try SQLiteDatabase.open(path: scratch.database, durability: .process, options: options)
        try await database.migrate(Note.migrations, of: "notes")
        let gate = Gate()
        let entered = Latch()
        async let holder = database.read { tx in
            _ = try tx.count("SELECT COUNT(*) FROM note")
            entered.open()
            gate.pass()
        }
        await entered.wait()
        let page = String(repeating: "x", count: 4_000)
        for id in 0..<60 { try await database.add(Note(id: id, text: page)) }
        let held = try Scratch.bytes("\(scratch.database)-wal").count
        gate.open()
        _ = try await holder
        for id in 60..<300 { try await database.add(Note(id: id, text: page)) }
        let free = try Scratch.bytes("\(scratch.database)-wal").count
        // 300 notes are 1.2 MB and more in the log, were it never moved.
        #expect(held > 60 * 4_000 && free < held + 100 * 4_200)
        #expect(try await database.noteCount() == 300)
        await database.close()
        #expect(!Scratch.names(in: scratch.path).contains("martlet.db-wal"))
    }

    @Test("the statement cache keeps the statements used last and no more than its limit")
    func statements() throws {
        let connection = try Connection.memory(statementCacheLimit: 8)
        for number in 0..<50 {
            // The text differs, so each is a statement of its own; the first is used again and again.
            let padded: SQL = SQL(stringLiteral: "SELECT 1" + String(repeating: " ", count: number))
            #expect(try connection.value(padded) == .integer(1))
            #expect(try connection.value("SELECT 'kept'") == .text("kept"))
            #expect(connection.cachedStatementCount <= 8)
        }
        #expect(connection.hasCached("SELECT 'kept'"))
        #expect(!connection.hasCached("SELECT 1 "))
    }

    @Test("values of one use do not reach the next use of a statement")
    func bindings() throws {
        let connection = try Connection.memory(statementCacheLimit: 8)
        #expect(try connection.value("SELECT \(5) + 0") == .integer(5))
        let count = connection.cachedStatementCount
        #expect(try connection.value("SELECT \(nil as Int?) + 0") == .null)
        #expect(connection.cachedStatementCount == count)
    }
}
