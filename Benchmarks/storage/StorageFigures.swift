// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import Storage
import StorageSQLite
import Synchronization

/// Rows per second that concurrent clients write, one row a transaction, and read back by key.
/// `storage-figures DIRECTORY [SECONDS]`: the directory should lie on the disk that is to be measured.
@main struct StorageFigures {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count > 1 else { return print("usage: storage-figures DIRECTORY [SECONDS]") }
        let seconds = arguments.count > 2 ? Int(arguments[2]) ?? 3 : 3
        print("store      clients  writes/s  p50 µs  p99 µs  writes/commit  reads/s")
        for (name, durability) in [("full", Durability.full), ("process", .process), ("ephemeral", nil)] {
            for clients in [1, 10, 100] {
                let store = try await open(arguments[1], durability)
                let before = store.statistics
                let written = Counter()
                let writes = try await measure(clients, seconds) { try await write(written.next(), to: store) }
                let after = store.statistics
                let perCommit = Double(after.writes - before.writes) / Double(max(after.groups - before.groups, 1))
                let reads = try await measure(clients, 1) { try await read(written.some(), from: store) }
                await store.close()
                line([
                    name, "\(clients)", "\(writes.perSecond)", "\(writes.median)", "\(writes.tail)", tenths(perCommit),
                    "\(reads.perSecond)",
                ])
            }
        }
    }

    /// Ids count up, as those of messages do; reads take any.
    private final class Counter: Sendable {
        private let count = Atomic(0)
        func next() -> Int { count.add(1, ordering: .relaxed).oldValue }
        func some() -> Int { Int.random(in: 0..<max(count.load(ordering: .relaxed), 1)) }
    }

    private struct Figures {
        var perSecond: Int
        /// Microseconds.
        var median: Int64
        var tail: Int64
    }

    private static func open(_ directory: String, _ durability: Durability?) async throws -> SQLiteDatabase {
        let path = "\(directory)/storage-figures.db"
        for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
        let store = try durability.map { try SQLiteDatabase.open(path: path, durability: $0) } ?? .ephemeral()
        let table: SQL =
            "CREATE TABLE message (id BIGINT NOT NULL PRIMARY KEY, queue TEXT NOT NULL, body TEXT NOT NULL)"
        try await store.migrate([Migration("messages") { _ in [table] }], of: "figures")
        return store
    }

    private static let body = String(repeating: "x", count: 200)

    private static func write(_ id: Int, to store: SQLiteDatabase) async throws {
        try await store.write { tx in
            _ = try tx.execute("INSERT INTO message (id, queue, body) VALUES (\(id), \("queue"), \(body))")
        }
    }

    private static func read(_ id: Int, from store: SQLiteDatabase) async throws {
        _ = try await store.read { try $0.first(String.self, "SELECT body FROM message WHERE id = \(id)") }
    }

    private static func measure(
        _ clients: Int,
        _ seconds: Int,
        _ call: @escaping @Sendable () async throws -> Void
    ) async throws -> Figures {
        let clock = SystemClock()
        let start = clock.monotonicMicroseconds
        let end = start + Int64(seconds) * 1_000_000
        let times = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for _ in 0..<clients {
                group.addTask {
                    var times: [Int64] = []
                    while true {
                        let begun = clock.monotonicMicroseconds
                        guard begun < end else { return times }
                        try await call()
                        times.append(clock.monotonicMicroseconds - begun)
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }.sorted()
        }
        let elapsed = clock.monotonicMicroseconds - start
        return Figures(
            perSecond: times.count * 1_000_000 / Int(elapsed),
            median: times[times.count / 2],
            tail: times[times.count * 99 / 100]
        )
    }

    private static func tenths(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }

    private static func line(_ cells: [String]) {
        let widths = [9, 8, 8, 6, 6, 13, 7]
        let padded = zip(cells, widths).enumerated().map { index, cell in
            let space = String(repeating: " ", count: max(cell.1 - cell.0.utf8.count, 0))
            return index == 0 ? cell.0 + space : space + cell.0
        }
        print(padded.joined(separator: "  "))
    }
}
