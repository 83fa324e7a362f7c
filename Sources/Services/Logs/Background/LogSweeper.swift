// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import ServiceLifecycle

/// Removes events that are older than their group's retention, and the rows of deleted groups and streams.
///
/// Nothing of that can be read any more by then: reading leaves out what has expired. So it does not matter when it happens,
/// or whether several nodes do it. Rows go in small transactions, which is why another writer never waits for long.
package struct LogSweeper: Service {
    private let store: LogsStore
    private let clock: any WallClock
    private let logger: Logger
    private let interval = Duration.seconds(60)

    init(store: LogsStore, clock: any WallClock, logger: Logger) {
        self.store = store
        self.clock = clock
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await clock.rounds(every: interval, logger, failing: "expired log events are not removed; trying again") {
                try await sweep()
            }
        }
    }

    /// Removes all that can be removed now. Throws `CancellationError` between two steps.
    package func sweep() async throws {
        while let garbage = try await store.nextGarbage() {
            while try await store.remove(garbage) { try await Task.passTurn() }
        }
        for group in try await store.expiringGroups() {
            while try await store.removeExpired(of: group, at: clock.now) { try await Task.passTurn() }
        }
    }
}
