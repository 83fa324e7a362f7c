// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage
import StorageSQLite
import Testing

@Suite("Lease", .timeLimit(.minutes(20))) struct LeaseTests {
    private static let lease = Lease(table: "job", key: "id")

    private struct Job: RowDecodable, Equatable {
        var id: Int
        var count: Int

        init(id: Int, count: Int) {
            self.id = id
            self.count = count
        }

        init(row: inout Row) throws {
            id = try row.integer()
            count = try row.integer()
        }
    }

    private func at(_ second: Int) -> Instant { Instant(milliseconds: Int64(second) * 1_000) }

    /// Jobs 1 to `count`; job n is due at second n.
    private func withJobs(
        _ count: Int,
        on driver: StorageDriver,
        _ body: (SQLiteDatabase) async throws -> Void
    ) async throws {
        let table: SQL = "CREATE TABLE job (id BIGINT NOT NULL PRIMARY KEY, kind TEXT, \(Lease.columns))"
        try await driver.run { database async throws in
            try await database.migrate([Migration("jobs") { _ in [table] }], of: "jobs")
            try await database.write { tx in
                for id in 0..<count {
                    try tx.execute("INSERT INTO job (id, kind, due_at) VALUES (\(id + 1), 'k', \(at(id + 1)))")
                }
            }
            try await body(database)
        }
    }

    private func claim(
        _ limit: Int,
        for owner: String,
        at now: Int,
        until: Int,
        on database: SQLiteDatabase
    ) async throws -> [Job] {
        try await database.write { [self] tx in
            let sql = Self.lease.claim(
                upTo: limit,
                for: owner,
                at: at(now),
                until: at(until),
                where: "kind = \("k")",
                returning: "id, lease_count",
                tx.dialect
            )
            return try tx.rows(Job.self, sql).sorted { $0.id < $1.id }
        }
    }

    private func changes(_ sql: SQL, _ database: SQLiteDatabase) async throws -> Int {
        try await database.write { try $0.execute(sql) }
    }

    @Test("the longest due are taken first, and by one owner only", arguments: StorageDriver.allCases)
    func taken(driver: StorageDriver) async throws {
        try await withJobs(5, on: driver) { database async throws in
            #expect(
                try await claim(2, for: "a", at: 4, until: 60, on: database) == [
                    Job(id: 1, count: 1), Job(id: 2, count: 1),
                ]
            )
            #expect(
                try await claim(9, for: "b", at: 4, until: 60, on: database) == [
                    Job(id: 3, count: 1), Job(id: 4, count: 1),
                ]
            )
            #expect(try await claim(9, for: "a", at: 4, until: 60, on: database) == [])
        }
    }

    @Test("of many that ask at once each gets rows of its own")
    func concurrent() async throws {
        try await withJobs(50, on: .fileProcess) { database async throws in
            let taken = try await withThrowingTaskGroup(of: [Job].self) { group in
                for worker in 0..<20 {
                    group.addTask { try await claim(3, for: "\(worker)", at: 100, until: 200, on: database) }
                }
                return try await group.reduce(into: [Int]()) { $0 += $1.map(\.id) }
            }
            #expect(taken.sorted() == Array(1...50))
        }
    }

    @Test(
        "when a lease has run out another one takes the row, and the first can do nothing more",
        arguments: StorageDriver.allCases
    )
    func runsOut(driver: StorageDriver) async throws {
        try await withJobs(1, on: driver) { database async throws in
            #expect(try await claim(1, for: "a", at: 1, until: 10, on: database) == [Job(id: 1, count: 1)])
            // The same name: a worker that has lost count of itself is another holder.
            #expect(try await claim(1, for: "a", at: 10, until: 20, on: database) == [Job(id: 1, count: 2)])
            let old = Lease.Hold(owner: "a", count: 1)
            #expect(try await changes(Self.lease.renew(1, old, until: at(99)), database) == 0)
            #expect(try await changes(Self.lease.release(1, old, dueAt: at(0)), database) == 0)
            #expect(try await changes(Self.lease.complete(1, old), database) == 0)
            #expect(try await changes(Self.lease.complete(1, Lease.Hold(owner: "b", count: 2)), database) == 0)
            #expect(try await changes(Self.lease.complete(1, Lease.Hold(owner: "a", count: 2)), database) == 1)
        }
    }

    @Test("a renewed lease lasts longer; a released row is due when its holder says", arguments: StorageDriver.allCases)
    func renewed(driver: StorageDriver) async throws {
        try await withJobs(1, on: driver) { database async throws in
            let hold = Lease.Hold(owner: "a", count: 1)
            _ = try await claim(1, for: "a", at: 1, until: 10, on: database)
            #expect(try await changes(Self.lease.renew(1, hold, until: at(30)), database) == 1)
            #expect(try await claim(1, for: "b", at: 29, until: 40, on: database) == [])
            #expect(try await changes(Self.lease.release(1, hold, dueAt: at(50)), database) == 1)
            #expect(try await changes(Self.lease.complete(1, hold), database) == 0)
            #expect(try await claim(1, for: "b", at: 49, until: 60, on: database) == [])
            #expect(try await claim(1, for: "b", at: 50, until: 60, on: database) == [Job(id: 1, count: 2)])
        }
    }
}
