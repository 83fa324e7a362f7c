// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import Storage

/// The one thread that writes, and for a database in memory also reads.
final class Writer: Sendable {
    enum Job: Sendable {
        case write(WriteJob)
        case read(@Sendable (Connection) -> Void)
    }

    let queue: WorkQueue<Job>
    let hasEnded = Latch()
    private let counts = NIOLockedValueBox(SQLiteDatabase.Statistics())

    var statistics: SQLiteDatabase.Statistics { counts.withLockedValue { $0 } }

    init(limit: Int) { queue = WorkQueue("writer of the database", limit: limit) }

    /// Ends after `queue.close()`, when all that waits is done: calls `last`, empties the log, closes the connection.
    static func start(
        _ writer: Writer,
        on connection: Connection,
        groupLimit: Int,
        checkpointer: Checkpointer?,
        last: @escaping @Sendable () -> Void
    ) throws {
        let thread = try WorkerThread("storage writer") {
            [queue = writer.queue, counts = writer.counts, hasEnded = writer.hasEnded] in
            var loop = Loop(connection: connection, checkpointer: checkpointer, counts: counts)
            while true {
                let jobs = queue.take(upTo: groupLimit)
                guard !jobs.isEmpty else { break }
                loop.run(jobs)
            }
            last()
            checkpointer?.finish()
            connection.close()
            hasEnded.open()
        }
        thread.detach()
    }

    private struct Loop {
        let connection: Connection
        var checkpointer: Checkpointer?
        let counts: NIOLockedValueBox<SQLiteDatabase.Statistics>

        /// Neighbouring writes form a group; a read between them ends it.
        mutating func run(_ jobs: [Job]) {
            var group: [WriteJob] = []
            for job in jobs {
                switch job {
                case .write(let write): group.append(write)
                case .read(let read):
                    commit(&group)
                    read(connection)
                }
            }
            commit(&group)
        }

        private mutating func commit(_ group: inout [WriteJob]) {
            guard !group.isEmpty else { return }
            counts.withLockedValue { [count = group.count] in
                $0.groups &+= 1
                $0.writes &+= count
            }
            GroupCommit(connection).commit(group)
            group = []
            checkpointer?.afterCommit()
        }
    }
}
