// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import Sandbox

/// The snapshots that this node has, in folders named by their versions' generations. Like warm environments they can be
/// lost: they are taken again, and meanwhile environments are initialised in their place.
final class SnapshotShelf: Sendable {
    /// Stores when a version's snapshot was last used.
    typealias UseRecorder = @Sendable (VersionKey, Instant) async throws -> Void

    private enum Place: Sendable {
        case there(any SandboxSnapshot)
        /// There is none that this host could start from.
        case empty
        /// It is being taken; what lies in the folder is nobody else's business.
        case taking

        var snapshot: (any SandboxSnapshot)? {
            if case .there(let snapshot) = self { snapshot } else { nil }
        }
    }

    private struct State {
        var places: [String: Place] = [:]
        var keys: [String: VersionKey] = [:]
        /// When the use was last stored, so that not each start writes.
        var usedAt: [String: Instant] = [:]
        /// Starts that are not to be from the snapshot.
        var passedOver: [String: Int] = [:]
        var recordUse: UseRecorder?
    }

    private static let useGrain = Duration.seconds(3_600)

    private let root: HostPath
    private let budgetBytes: Int
    private let sandboxes: FunctionSandboxes
    private let clock: any WallClock
    private let supervisor: Supervisor
    private let logger: Logger
    private let flight = SingleFlight()
    private let state = NIOLockedValueBox(State())
    /// Versions whose snapshot was missed. Beyond the buffer they are missed again at their next start.
    let missed: AsyncStream<ExecutableVersion>
    private let miss: AsyncStream<ExecutableVersion>.Continuation

    init(
        folder: String,
        budgetBytes: Int = LambdaDataPlane.Environment.usualSnapshotGiB << 30,
        sandboxes: FunctionSandboxes,
        clock: any WallClock,
        supervisor: Supervisor,
        logger: Logger
    ) {
        (root, self.budgetBytes) = (HostPath(folder), budgetBytes)
        (self.sandboxes, self.clock, self.supervisor, self.logger) = (sandboxes, clock, supervisor, logger)
        (missed, miss) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1_024))
    }

    /// Set once: the control plane, which has the store, is built later.
    func follow(_ recordUse: @escaping UseRecorder) { state.withLockedValue { $0.recordUse = recordUse } }

    // MARK: Starting from it

    /// The version's snapshot; opened once, so that it costs a start nothing.
    func snapshot(of key: VersionKey) async -> (any SandboxSnapshot)? {
        if let place = state.withLockedValue({ $0.places[key.generation] }) { return place.snapshot }
        return await flight.run(key.generation) {
            if let place = state.withLockedValue({ $0.places[key.generation] }) { return place.snapshot }
            let opened = await sandboxes.choice(of: key)
                .openSnapshot(at: folder(key.generation).description)
            state.withLockedValue { state in
                guard state.places[key.generation] == nil else { return }
                state.places[key.generation] = opened.map { .there($0) } ?? .empty
                state.keys[key.generation] = key
            }
            return opened
        }
    }

    func noteUse(_ key: VersionKey) {
        let now = clock.now
        let recordUse = state.withLockedValue { state -> UseRecorder? in
            if let usedAt = state.usedAt[key.generation], now - usedAt < Self.useGrain { return nil }
            state.usedAt[key.generation] = now
            return state.recordUse
        }
        guard let recordUse else { return }
        supervisor.submit { [logger] in
            do { try await recordUse(key, now) } catch {
                logger.warning("a snapshot's use is not noted", metadata: ["version": "\(key)", "cause": "\(error)"])
            }
        }
    }

    /// A copy did not come up. Where that is the image's fault, it is thrown away, to be taken again; the host's troubles pass.
    func copyFailed(_ key: VersionKey, because error: SandboxError) async {
        let isImageAtFault = error.code == .badSpecification || error.code == .cannotExecute
        logger.warning(
            isImageAtFault
                ? "a snapshot cannot be restored and is taken again" : "a copy of a snapshot cannot be made now",
            metadata: ["version": "\(key)", "cause": "\(error)"]
        )
        guard isImageAtFault else { return }
        let place = state.withLockedValue { state -> Place? in
            guard case .there = state.places[key.generation] else { return nil }
            return state.places.updateValue(.empty, forKey: key.generation)
        }
        await place?.snapshot?.discard()
    }

    /// The next start is not from the snapshot, even where it is there: it is one whose copy has failed.
    func passOverOnce(_ key: VersionKey) { state.withLockedValue { $0.passedOver[key.generation, default: 0] += 1 } }

    /// Whether this start is such a one.
    func isPassedOver(_ key: VersionKey) -> Bool {
        state.withLockedValue { state in
            guard let count = state.passedOver[key.generation] else { return false }
            state.passedOver[key.generation] = count > 1 ? count - 1 : nil
            return true
        }
    }

    func renew(_ version: ExecutableVersion) { miss.yield(version) }

    // MARK: Keeping it

    /// An empty folder for the version's snapshot. Nil while another is being taken.
    func beginTaking(_ key: VersionKey) throws -> String? {
        let isFree = state.withLockedValue { state in
            if case .taking = state.places[key.generation] { return false }
            state.places[key.generation] = .taking
            state.keys[key.generation] = key
            return true
        }
        guard isFree else { return nil }
        do {
            let folder = folder(key.generation)
            try folder.remove()
            try root.makeDirectories(mode: 0o700)
            try folder.makeDirectory(mode: 0o700)
            return folder.description
        } catch {
            state.withLockedValue { $0.places[key.generation] = .empty }
            throw error
        }
    }

    /// Nil: it could not be taken. False: there is no room for it among the others.
    func endTaking(_ key: VersionKey, _ snapshot: (any SandboxSnapshot)?) async -> Bool {
        let fits = state.withLockedValue { state in
            let taken = state.places.values.reduce(0) { $0 + ($1.snapshot?.bytes ?? 0) }
            let fits = snapshot.map { $0.bytes <= budgetBytes - taken } ?? true
            state.places[key.generation] = snapshot.flatMap { fits ? .there($0) : nil } ?? .empty
            state.usedAt[key.generation] = nil
            return fits
        }
        if snapshot == nil || !fits {
            await snapshot?.discard()
            removeFolder(key.generation)
        }
        return fits
    }

    /// Of which something lies in the folder. What has another name is a rest of another version's.
    func generations() throws -> Set<String> {
        guard root.isDirectory else { return [] }
        let taking = state.withLockedValue { state in
            state.places.compactMap { if case .taking = $0.value { $0.key } else { nil } }
        }
        return Set(try root.names().map { String(decoding: $0, as: UTF8.self) }).subtracting(taking)
    }

    func discard(_ generations: Set<String>) async {
        for generation in generations {
            let place = state.withLockedValue { state -> Place? in
                if case .taking = state.places[generation] { return .taking }
                state.keys[generation] = nil
                state.usedAt[generation] = nil
                state.passedOver[generation] = nil
                return state.places.removeValue(forKey: generation)
            }
            if case .taking = place { continue }
            await place?.snapshot?.discard()
            removeFolder(generation)
        }
    }

    /// The versions of a function that have, or had lately, a snapshot here.
    func keys(of function: String, in scope: Scope) -> [VersionKey] {
        state.withLockedValue { $0.keys.values.filter { $0.scope == scope && $0.functionName == function } }
    }

    private func folder(_ generation: String) -> HostPath { root.appending(generation) }

    private func removeFolder(_ generation: String) {
        do { try folder(generation).remove() } catch {
            logger.warning("a snapshot cannot be removed", metadata: ["cause": "\(error)"])
        }
    }
}
