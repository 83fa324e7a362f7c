// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import ServiceLifecycle

/// Moves new versions from Pending to Active and updates from InProgress to Successful, once code and layers are in place on
/// this machine. Which versions wait is in the store, so a restart goes on where it was.
struct StateTransitions: Service {
    private static let batch = 32
    private static let pauseAfterFailure = Duration.seconds(1)

    private let store: LambdaStore
    private let source: VersionSource
    private let changes: FunctionChanges
    private let clock: any WallClock
    private let ids: any IDSource
    private let logger: Logger
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init(
        store: LambdaStore,
        source: VersionSource,
        changes: FunctionChanges,
        clock: any WallClock,
        ids: any IDSource,
        logger: Logger
    ) {
        (self.store, self.source, self.changes) = (store, source, changes)
        (self.clock, self.ids, self.logger) = (clock, ids, logger)
        // One signal is enough to look again, however many versions began to wait meanwhile.
        (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// A version waits.
    func begin() { signal.yield() }

    func run() async throws {
        begin()
        for await _ in signals.cancelOnGracefulShutdown() {
            do {
                try await settleAll()
            } catch is CancellationError {
                return
            } catch {
                logger.error(
                    "versions wait for their next state longer than they should",
                    metadata: ["cause": "\(error)"]
                )
                try? await clock.sleep(for: Self.pauseAfterFailure)  // cancelled: the loop ends by itself
                begin()
            }
        }
    }

    /// Returns when no version waits any more.
    func settleAll() async throws {
        while true {
            let waiting = try await store.read { try $0.unsettledVersions(limit: Self.batch) }
            if waiting.isEmpty { return }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for version in waiting { group.addTask { try await settle(version) } }
                try await group.waitForAll()
            }
        }
    }

    private func settle(_ waiting: UnsettledVersion) async throws {
        let (scope, name) = (waiting.scope, waiting.functionName)
        guard let version = try await store.read({ try $0.version(waiting.number, of: name, in: scope) }) else {
            return try await store.write { try $0.forgetTransition(waiting) }
        }
        let failure = await prepare(version)
        let revisionID = ids.uuid()
        try await changes.of(name, in: scope) { tx in
            guard var current = try tx.version(waiting.number, of: name, in: scope) else { return }
            // Changed while it was prepared: it still waits, and its turn comes again.
            guard current.marks.generation == version.marks.generation, !current.status.isSettled else { return }
            current.status = current.status.settled(failure)
            current.marks.revisionID = revisionID
            try tx.save(current)
        }
    }

    /// Nil when the version can be run.
    private func prepare(_ version: VersionRecord) async -> VersionStatus.Reason? {
        do {
            _ = try await source.executable(version)
            return nil
        } catch {
            logger.error("a version cannot be prepared", metadata: ["version": "\(version.key)", "cause": "\(error)"])
            return .internalError
        }
    }
}
