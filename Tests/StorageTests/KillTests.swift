// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import Storage
import StorageSQLite
import Testing

/// A child process writes rows that name files, notes down each one that was acknowledged, and is killed at a random
/// point.
@Suite("kill -9", .timeLimit(.minutes(20))) struct KillTests {
    private static let rounds = 25

    @Test(
        "every acknowledged write is there after each kill, and the database needs no repair",
        arguments: Durability.allCases
    )
    func survives(durability: Durability) async throws {
        let scratch = try Scratch()
        var random = Random(state: durability == .full ? 4_711 : 1_147)
        var written = 0
        for round in 0..<Self.rounds {
            // Every third time at any point, also while opening and recovering; else in the midst of writing.
            let microseconds = UInt32(random.next() % 30_000)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [
                    path = scratch.path as String, mode = durability.rawValue as String, round = round as Int,
                    microseconds = microseconds as UInt32
                ] in
                try await KillTests.writeUntilKilled(path, mode, round, after: microseconds)
            }
            written = try await check(scratch.path, durability)
        }
        // Otherwise nothing was tried.
        #expect(written > Self.rounds)
    }

    private static func writeUntilKilled(
        _ path: String,
        _ durability: String,
        _ round: Int,
        after microseconds: UInt32
    ) async throws {
        let durability = try #require(Durability(rawValue: durability))
        let acknowledged = Gate()
        if round % 3 == 0 { acknowledged.open() }
        _ = try WorkerThread("killer") {
            acknowledged.pass()
            usleep(microseconds)
            kill(getpid(), SIGKILL)
        }
        let claim = try DataDirectory.claim(path)
        let database = try SQLiteDatabase.open(path: claim.databasePath, durability: durability)
        let files = try DirectoryFileStore.open(path: claim.filesPath, durability: durability)
        try await database.migrate(migrations, of: "kill")
        let acknowledgements = open("\(path)/acknowledged", O_WRONLY | O_APPEND | O_CREAT, 0o600)
        await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<16 {
                group.addTask {
                    for step in 0..<10_000 {
                        var id = round * 1_000_000 + step * 16 + worker
                        let address = try await files.put(content(id))
                        try await database.write { [id] tx in
                            _ = try tx.execute("INSERT INTO kept (id, address) VALUES (\(id), \(address.hex))")
                        }
                        _ = write(acknowledgements, &id, 8)
                        acknowledged.open()
                    }
                }
            }
        }
        withExtendedLifetime(claim) {}
    }

    private static let migrations = [
        Migration("kept") { _ in ["CREATE TABLE kept (id BIGINT NOT NULL PRIMARY KEY, address TEXT NOT NULL)"] },
        Migration("kept by address") { _ in ["CREATE INDEX kept_address ON kept (address)"] },
    ]

    private static func content(_ id: Int) -> [UInt8] { Array("content of \(id)".utf8) }

    private struct Kept: RowDecodable {
        var id: Int
        var address: String
        init(row: inout Row) throws {
            id = try row.integer()
            address = try row.text()
        }
    }

    /// Returns how many rows there are.
    private func check(_ path: String, _ durability: Durability) async throws -> Int {
        let claim = try DataDirectory.claim(path)
        let database = try SQLiteDatabase.open(path: claim.databasePath, durability: durability)
        let files = try DirectoryFileStore.open(path: claim.filesPath, durability: durability)
        try await database.migrate(Self.migrations, of: "kill")
        #expect(try await database.read { try $0.rows(String.self, "PRAGMA integrity_check") } == ["ok"])
        let kept = try await database.read { try $0.rows(Kept.self, "SELECT id, address FROM kept") }
        let lost = try Set(acknowledged(path)).subtracting(kept.map(\.id))
        #expect(lost.isEmpty, "acknowledged, but not there: \(lost.sorted())")
        for row in kept {
            let address = try #require(ContentAddress(hex: row.address))
            #expect(try await files.bytes(of: address) == Self.content(row.id))
        }
        await database.close()
        withExtendedLifetime(claim) {}
        return kept.count
    }

    private func acknowledged(_ path: String) throws -> [Int] {
        guard access("\(path)/acknowledged", R_OK) == 0 else { return [] }
        let bytes = try Scratch.bytes("\(path)/acknowledged")
        return stride(from: 0, to: bytes.count - bytes.count % 8, by: 8).map { start in
            bytes.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: start, as: Int64.self)) }
        }
    }
}
