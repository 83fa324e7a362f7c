// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import Storage
import StorageSQLite
import Testing

@Suite("Migrations", .timeLimit(.minutes(20))) struct MigrationTests {
    private static let first = Migration("letters") { _ in ["CREATE TABLE letter (id BIGINT PRIMARY KEY)"] }
    private static let second = Migration("letter text") { _ in
        ["ALTER TABLE letter ADD COLUMN text TEXT", "INSERT INTO letter VALUES (1, 'a')"]
    }
    private static let broken = Migration("broken") { _ in
        ["INSERT INTO letter VALUES (2, 'b')", "CREATE TABLE letter (id BIGINT)"]
    }

    private func letters(_ database: SQLiteDatabase) async throws -> Int {
        try await database.read { try $0.count("SELECT COUNT(*) FROM letter") }
    }

    @Test("each migration is applied once, in order, also over several starts", arguments: StorageDriver.allCases)
    func once(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            try await database.migrate([Self.first], of: "post")
            for _ in 0..<3 { try await database.migrate([Self.first, Self.second], of: "post") }
            #expect(try await letters(database) == 1)
        }
    }

    @Test("services number their migrations apart", arguments: StorageDriver.allCases)
    func apart(driver: StorageDriver) async throws {
        let other = Migration("letters") { _ in ["CREATE TABLE other (id BIGINT)"] }
        try await driver.run { database async throws in
            try await database.migrate([Self.first], of: "post")
            try await database.migrate([other], of: "other")
            #expect(try await database.read { try $0.count("SELECT COUNT(*) FROM other") } == 0)
        }
    }

    @Test("an edited history is refused by name", arguments: StorageDriver.allCases)
    func edited(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            try await database.migrate([Self.first, Self.second], of: "post")
            let error = await #expect(throws: MartletError.self) {
                try await database.migrate([Self.second, Self.first], of: "post")
            }
            #expect(error?.code == .storageMigration)
            #expect(error?.message.contains("\"letters\"") == true && error?.message.contains("edited") == true)
        }
    }

    @Test("a store that a newer version has written is refused", arguments: StorageDriver.allCases)
    func newer(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            try await database.migrate([Self.first, Self.second], of: "post")
            let error = await #expect(throws: MartletError.self) {
                try await database.migrate([Self.first], of: "post")
            }
            #expect(
                error?.message.contains("newer Martlet") == true && error?.message.contains("\"letter text\"") == true
            )
        }
    }

    @Test("a migration that fails leaves nothing of itself, and those before stay", arguments: StorageDriver.allCases)
    func atomic(driver: StorageDriver) async throws {
        try await driver.run { database async throws in
            let history = [Self.first, Self.second, Self.broken]
            #expect(await code { try await database.migrate(history, of: "post") } == "storage.migration")
            #expect(try await letters(database) == 1)
            // The next start finds the two and goes on from there.
            try await database.migrate([Self.first, Self.second], of: "post")
        }
    }

    @Test("data and history are there after closing and opening, in files for this user only")
    func reopened() async throws {
        let scratch = try Scratch()
        for _ in 0..<2 {
            let database = try SQLiteDatabase.open(path: scratch.database, durability: .full)
            try await database.migrate([Self.first, Self.second], of: "post")
            #expect(try await letters(database) == 1)
            #expect(Scratch.names(in: scratch.path).allSatisfy { isPrivate("\(scratch.path)/\($0)") })
            await database.close()
        }
    }

    private func isPrivate(_ path: String) -> Bool {
        var information = stat()
        return stat(path, &information) == 0 && information.st_mode & 0o077 == 0
    }
}
