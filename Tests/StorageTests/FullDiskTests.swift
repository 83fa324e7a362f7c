// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import Storage
import StorageSQLite
import Testing

/// A disk of two megabytes, where the tests may mount one; and a process that may not write larger files, everywhere.
@Suite("A full disk", .timeLimit(.minutes(20)), .serialized) struct FullDiskTests {
    private static let megabyte = String(repeating: "x", count: 1_000_000)
    private static let ids: SQL = "SELECT id FROM note ORDER BY id"

    @Test(
        "a write that does not fit fails with storage.full, leaves nothing and spoils no other; with room it goes on",
        .enabled(if: SmallDisk.canMount, "this user may not mount")
    )
    func database() async throws {
        let disk = try SmallDisk()
        let database = try SQLiteDatabase.open(path: "\(disk.path)/martlet.db", durability: .full)
        try await database.migrate(Note.migrations, of: "notes")
        try Scratch.write([UInt8](repeating: 1, count: 700_000), to: "\(disk.path)/filler")
        #expect(try await smallHugeSmall(database) == "storage.full")
        #expect(try await database.read { try $0.rows(Int.self, Self.ids) } == [1, 3])

        unlink("\(disk.path)/filler")
        try await database.add(Note(id: 4, text: "room again"))
        await database.close()
        let reopened = try SQLiteDatabase.open(path: "\(disk.path)/martlet.db", durability: .full)
        #expect(try await reopened.read { try $0.rows(Int.self, Self.ids) } == [1, 3, 4])
        await reopened.close()
    }

    /// Three writes in one group. Gives what became of the one that does not fit.
    private func smallHugeSmall(_ database: SQLiteDatabase) async throws -> String? {
        let gate = Gate()
        let entered = Latch()
        async let holder: Void = database.write { _ in
            entered.open()
            gate.pass()
        }
        await entered.wait()
        async let small: Void = database.add(Note(id: 1, text: "small"))
        async let huge = code { try await database.add(Note(id: 2, text: Self.megabyte + Self.megabyte)) }
        async let last: Void = database.add(Note(id: 3, text: "last"))
        await eventually { database.statistics.waitingWrites == 3 }
        gate.open()
        _ = try await (holder, small, last)
        return await huge
    }

    @Test("a file that does not fit leaves nothing behind", .enabled(if: SmallDisk.canMount, "this user may not mount"))
    func files() async throws {
        let disk = try SmallDisk()
        let store = try DirectoryFileStore.open(path: "\(disk.path)/files", durability: .full)
        #expect(await code { _ = try await store.put([UInt8](repeating: 7, count: 3_000_000)) } == "storage.full")
        #expect(Scratch.names(in: "\(disk.path)/files/tmp").isEmpty)
        let address = try await store.put([UInt8](repeating: 7, count: 1_000_000))
        #expect(try await store.bytes(of: address).count == 1_000_000)
        await store.close()
    }

    /// The limit is the process's, so this is one of its own.
    @Test("where a file may not grow further, row and file fail with storage.io and the rest goes on")
    func limitedProcess() async {
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            let database = try SQLiteDatabase.open(path: scratch.database, durability: .full)
            try await database.migrate(Note.migrations, of: "notes")
            let files = try DirectoryFileStore.open(path: "\(scratch.path)/files", durability: .full)
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 500_000, rlim_max: 500_000)
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
            try await database.add(Note(id: 1, text: "small"))
            #expect(await code { try await database.add(Note(id: 2, text: FullDiskTests.megabyte)) } == "storage.io")
            #expect(await code { _ = try await files.put(Array(FullDiskTests.megabyte.utf8)) } == "storage.io")
            #expect(Scratch.names(in: "\(scratch.path)/files/tmp").isEmpty)
            try await database.add(Note(id: 3, text: "last"))
            #expect(try await database.read { try $0.rows(Int.self, FullDiskTests.ids) } == [1, 3])
            await database.close()
        }
    }
}

/// A file system in memory, unmounted at the end of its life.
private final class SmallDisk {
    private let scratch: Scratch
    var path: String { scratch.path }

    static let canMount = (try? SmallDisk()) != nil

    init() throws {
        scratch = try Scratch()
        guard mount("martlet-tests", scratch.path, "tmpfs", 0, "size=2m") == 0 else {
            throw MartletError("mount", "refused")
        }
    }

    deinit { umount2(scratch.path, Int32(MNT_DETACH)) }
}
