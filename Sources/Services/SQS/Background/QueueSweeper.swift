// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import ServiceLifecycle

/// Removes messages that are older than their queue keeps them, what lay in purged and deleted queues, and deduplication ids
/// that count no more.
///
/// Nothing of that can be had any more by then, so it does not matter when it happens, or whether several nodes do it. Rows go
/// in small transactions.
struct QueueSweeper: Service {
    let store: SQSStore
    let clock: any WallClock
    let nameRest: Duration
    let logger: Logger
    private static let interval = Duration.seconds(60)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await clock.rounds(every: Self.interval, logger, failing: "expired messages are not removed; trying again")
            {
                try await sweep()
            }
        }
    }

    /// Removes all that can be removed now. Throws `CancellationError` between two steps.
    func sweep() async throws {
        while try await store.removeGarbage() { try await Task.passTurn() }
        while try await store.removeForgotten(at: clock.now, nameRest: nameRest) { try await Task.passTurn() }
        var last = 0
        while let page = try await store.expiringQueues(behind: last, at: clock.now) {
            for queue in page.queues {
                while try await store.removeExpired(queue, at: clock.now) { try await Task.passTurn() }
            }
            last = page.last
            try await Task.passTurn()
        }
    }
}
