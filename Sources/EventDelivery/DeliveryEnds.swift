// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import Storage

/// Writes how tries have ended, as many in one transaction as have ended meanwhile.
///
/// What waits here is bounded by the deliveries that the node holds: each keeps its room until its end is written.
final class DeliveryEnds: Sendable {
    struct End: Sendable {
        var held: HeldDelivery
        var verdict: DeliveryVerdict
        var at: Instant
        /// The session that is to hold the next one of the order; nil to leave it in the store.
        var heirSession: String?
    }

    /// What an end has left of its lane.
    struct Outcome: Sendable {
        /// The next one of the order, held by this node in place of the one that has ended.
        var heir: HeldDelivery?
        /// Something of the lane in the store is due.
        var leavesWork = false
    }

    /// A store that fails is asked again; with the server's end it stays, and the delivery runs once more.
    private static let triesAtTheEnd = 3

    private let store: DeliveryStore
    private let dispatch: DeliveryDispatch
    private let clock: any WallClock
    private let limits: DeliveryLimits
    private let logger: Logger
    private let pending = NIOLockedValueBox<[End]>([])
    private let (signals, signal) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let isFinishing = NIOLockedValueBox(false)

    init(
        store: DeliveryStore,
        dispatch: DeliveryDispatch,
        clock: any WallClock,
        limits: DeliveryLimits,
        logger: Logger
    ) {
        (self.store, self.dispatch, self.clock) = (store, dispatch, clock)
        (self.limits, self.logger) = (limits, logger)
    }

    func note(_ end: End) {
        pending.withLockedValue { $0.append(end) }
        signal.yield()
    }

    /// No more will come: `run` ends once all is written.
    func finish() {
        isFinishing.withLockedValue { $0 = true }
        signal.finish()
    }

    func run() async {
        for await _ in signals { await writeAll() }
        await writeAll()
    }

    private func writeAll() async {
        var failures = 0
        while true {
            let batch = takeBatch()
            if batch.isEmpty { return }
            let failed = await write(batch)
            if failed.isEmpty {
                failures = 0
                continue
            }
            failures += 1
            // Behind the others, so that one whose end cannot be written holds up nobody.
            pending.withLockedValue { $0 += failed }
            guard !isFinishing.withLockedValue({ $0 }) || failures < Self.triesAtTheEnd else { return }
            // Cancelled: the next try is at once, and its failures are counted.
            if (try? await clock.sleep(for: .seconds(1))) == nil, failures >= Self.triesAtTheEnd { return }
        }
    }

    private func takeBatch() -> [End] {
        pending.withLockedValue { pending in
            let batch = Array(pending.prefix(limits.endsPerWrite))
            pending.removeFirst(batch.count)
            return batch
        }
    }

    /// Returns those that could not be written: a batch that fails is written one by one.
    private func write(_ batch: [End]) async -> [End] {
        do {
            try await writeTogether(batch)
            return []
        } catch {
            logger.error("cannot write the ends of deliveries", metadata: ["error": "\(error)"])
        }
        guard batch.count > 1 else { return batch }
        var failed: [End] = []
        for end in batch {
            // Its error was logged with the batch's.
            if (try? await writeTogether([end])) == nil { failed.append(end) }
        }
        return failed
    }

    private func writeTogether(_ ends: [End]) async throws {
        let acceptance = Acceptance(dispatch)
        do {
            let outcomes = try await store.database.write { tx in
                acceptance.startOver()
                return try DeliveryStore.write(ends, acceptance, tx)
            }
            for (end, outcome) in zip(ends, outcomes) { dispatch.written(end.held, outcome) }
            acceptance.begin()
        } catch {
            acceptance.startOver()
            throw error
        }
    }
}
