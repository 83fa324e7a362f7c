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
        /// The session that is to hold each delivery that follows; nil to leave it in the store.
        var following: [String?]
    }

    /// What became of the deliveries that follow. Without sequences they were not stored: another node does the work.
    struct Outcome: Sendable {
        var new: [NewDelivery] = []
        var sequences: [Int] = []
        var sessions: [String?] = []
    }

    private struct Pending: Sendable {
        var end: End
        var written: @Sendable (Outcome) -> Void
    }

    /// A store that fails is asked again; with the server's end it stays, and the delivery runs once more.
    private static let triesAtTheEnd = 3

    private let store: DeliveryStore
    private let clock: any WallClock
    private let limits: DeliveryLimits
    private let logger: Logger
    private let pending = NIOLockedValueBox<[Pending]>([])
    private let (signals, signal) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let isFinishing = NIOLockedValueBox(false)

    init(store: DeliveryStore, clock: any WallClock, limits: DeliveryLimits, logger: Logger) {
        (self.store, self.clock, self.limits, self.logger) = (store, clock, limits, logger)
    }

    func note(_ end: End, _ written: @escaping @Sendable (Outcome) -> Void) {
        pending.withLockedValue { $0.append(Pending(end: end, written: written)) }
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
            let batch = pending.withLockedValue { Array($0.prefix(limits.endsPerWrite)) }
            if batch.isEmpty { return }
            do {
                let outcomes = try await write(batch.map(\.end))
                pending.withLockedValue { $0.removeFirst(batch.count) }
                for (pending, outcome) in zip(batch, outcomes) { pending.written(outcome) }
                failures = 0
            } catch {
                failures += 1
                logger.error("cannot write the ends of deliveries", metadata: ["error": "\(error)"])
                guard !isFinishing.withLockedValue({ $0 }) || failures < Self.triesAtTheEnd else { return }
                // Cancelled: the next try is at once, and its failures are counted.
                if (try? await clock.sleep(for: .seconds(1))) == nil, failures >= Self.triesAtTheEnd { return }
            }
        }
    }

    private func write(_ ends: [End]) async throws -> [Outcome] {
        try await store.database.write { tx in
            try Self.removeAtOnce(ends, tx)
            return try ends.map { try Self.write($0, tx) }
        }
    }

    /// Most ends are nothing but a removal: one statement for all of a session.
    private static func removeAtOnce(_ ends: [End], _ tx: any WriteTransaction) throws {
        let simple = ends.filter(\.isPlainRemoval).map(\.held)
        for (session, held) in Dictionary(grouping: simple, by: \.session) {
            try DeliveryStore.remove(held, of: session, tx)
        }
    }

    private static func write(_ end: End, _ tx: any WriteTransaction) throws -> Outcome {
        switch end.verdict {
        case .finished(let new):
            guard !new.isEmpty else { return Outcome() }
            guard try DeliveryStore.remove(end.held, tx) else { return Outcome(new: new, sessions: end.following) }
            let sequences = try zip(new, end.following).map { try DeliveryStore.insert($0, for: $1, tx) }
            return Outcome(new: new, sequences: sequences, sessions: end.following)
        case .again(let pause, let detail), .throttled(let pause, let detail):
            try DeliveryStore.putBack(end.held, detail: detail, dueAt: end.at + pause, tx)
            return Outcome()
        }
    }
}

extension DeliveryEnds.End {
    fileprivate var isPlainRemoval: Bool {
        if case .finished(let new) = verdict { return new.isEmpty }
        return false
    }
}
