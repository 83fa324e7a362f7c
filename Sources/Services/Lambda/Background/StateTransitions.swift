// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import OCI
import ServiceLifecycle

/// Moves new versions from Pending to Active and updates from InProgress to Successful, once code and layers are in place on
/// this machine. Which versions wait is in the store, so a restart goes on where it was.
///
/// Versions with an image or a snapshot have a lane of their own: pulling the one and taking the other may take minutes, and
/// nobody else is to wait for it.
struct StateTransitions: Service {
    private static let batch = 32
    /// Waiting versions that are looked through for those whose pull or snapshot can begin.
    private static let longOnesSeen = 1_000
    private static let pullAttempts = 3
    private static let pauseAfterFailure = Duration.seconds(1)

    private let store: LambdaStore
    private let source: VersionSource
    private let changes: FunctionChanges
    private let clock: any WallClock
    private let ids: any IDSource
    private let logger: Logger
    private let snapshots: (any VersionSnapshots)?
    private let lanes: [Lane]

    private struct Lane: Sendable {
        var mayTakeLong: Bool
        var signals: AsyncStream<Void>
        var signal: AsyncStream<Void>.Continuation

        init(mayTakeLong: Bool) {
            self.mayTakeLong = mayTakeLong
            // One signal is enough to look again, however many versions began to wait meanwhile.
            (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        }
    }

    init(
        store: LambdaStore,
        source: VersionSource,
        changes: FunctionChanges,
        clock: any WallClock,
        ids: any IDSource,
        logger: Logger,
        snapshots: (any VersionSnapshots)? = nil
    ) {
        (self.store, self.source, self.changes, self.snapshots) = (store, source, changes, snapshots)
        (self.clock, self.ids, self.logger) = (clock, ids, logger)
        lanes = [Lane(mayTakeLong: false), Lane(mayTakeLong: true)]
    }

    /// A version waits.
    func begin() {
        for lane in lanes { lane.signal.yield() }
    }

    func run() async throws {
        begin()
        await withTaskGroup(of: Void.self) { group in
            for lane in lanes { group.addTask { await (lane.mayTakeLong ? runApart(lane) : run(lane)) } }
        }
    }

    private func run(_ lane: Lane) async {
        for await _ in lane.signals.cancelOnGracefulShutdown() {
            _ = await retrying(lane) { try await settle(lane) }
        }
    }

    /// Each by itself, as many as there are slots for.
    private func runApart(_ lane: Lane) async {
        let slots = NIOLockedValueBox(PullSlots())
        await withDiscardingTaskGroup { group in
            for await _ in lane.signals.cancelOnGracefulShutdown() {
                let waiting = await retrying(lane) {
                    try await store.read { try $0.unsettledVersions(thatMayTakeLong: true, limit: Self.longOnesSeen) }
                }
                for version in slots.withLockedValue({ $0.begin(waiting ?? []) }) {
                    group.addTask {
                        _ = await retrying(lane) { try await settle(version) }
                        slots.withLockedValue { $0.end(version) }
                        lane.signal.yield()
                    }
                }
            }
        }
    }

    /// Nil when the server stops, or when it fails: then the lane looks again, a little later.
    private func retrying<T: Sendable>(_ lane: Lane, _ work: @escaping @Sendable () async throws -> T) async -> T? {
        do {
            return try await cancelWhenGracefulShutdown(work)
        } catch is CancellationError {
            return nil
        } catch {
            logger.error("versions wait for their next state longer than they should", metadata: ["cause": "\(error)"])
            try? await clock.sleep(for: Self.pauseAfterFailure)  // cancelled: the loop ends by itself
            lane.signal.yield()
            return nil
        }
    }

    /// Returns when no version waits any more.
    func settleAll() async throws {
        for lane in lanes { try await settle(lane) }
    }

    private func settle(_ lane: Lane) async throws {
        while true {
            let waiting = try await store.read {
                try $0.unsettledVersions(thatMayTakeLong: lane.mayTakeLong, limit: Self.batch)
            }
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
        let failure = try await prepare(version)
        let (revisionID, now) = (ids.uuid(), clock.now)
        try await changes.of(name, in: scope) { tx in
            guard var current = try tx.version(waiting.number, of: name, in: scope) else { return }
            // Changed while it was prepared: it still waits, and its turn comes again.
            guard current.marks.generation == version.marks.generation, !current.status.isSettled else { return }
            current.status = current.status.settled(failure)
            current.marks.revisionID = revisionID
            if current.snapStarts, failure == nil { current.snapshotUsedAt = now }
            try tx.save(current)
        }
    }

    /// Nil when the version can be run.
    private func prepare(_ version: VersionRecord) async throws -> VersionStatus.Reason? {
        do {
            try await prepareWithPatience(version)
            return nil
        } catch let error as CancellationError {
            // The server stops; the version waits for the next start.
            throw error
        } catch let fault as ImageFault {
            logger.warning("an image cannot be used", metadata: ["version": "\(version.key)", "cause": "\(fault)"])
            return VersionStatus.Reason(fault)
        } catch let fault as SnapshotFault {
            logger.warning(
                "a snapshot cannot be taken",
                metadata: ["version": "\(version.key)", "cause": "\(fault.reason.text)"]
            )
            return fault.reason
        } catch {
            logger.error("a version cannot be prepared", metadata: ["version": "\(version.key)", "cause": "\(error)"])
            return .internalError
        }
    }

    /// A registry that does not answer is asked again.
    private func prepareWithPatience(_ version: VersionRecord) async throws {
        for attempt in 1... {
            do {
                let executable = try await source.executable(version)
                if executable.snapStarts, let snapshots { return try await snapshots.take(of: executable) }
                changes.observer?.versionPrepared(executable)
                return
            } catch let fault as ImageFault where fault.kind == .unavailable && attempt < Self.pullAttempts {
                try await clock.sleep(for: .seconds(attempt * 2))
            }
        }
    }
}
