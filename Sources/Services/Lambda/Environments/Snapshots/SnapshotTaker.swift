// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Logging
import MartletCore
import NIOConcurrencyHelpers
import Sandbox
import ServiceLifecycle

/// Takes the snapshots of versions: initialises an environment of each, and stores it as it waits to be restored.
///
/// As a service it takes those again that were missed at a start, one after the other.
final class SnapshotTaker: VersionSnapshots, Service {
    /// After a failure a missing snapshot is not tried again before.
    private static let pauseAfterFailure = Duration.seconds(60)

    let shelf: SnapshotShelf
    private let supply: EnvironmentSupply
    private let sandboxes: FunctionSandboxes
    private let clock: any WallClock
    private let logger: Logger
    private let failedAt = NIOLockedValueBox<[String: Instant]>([:])

    init(
        shelf: SnapshotShelf,
        supply: EnvironmentSupply,
        sandboxes: FunctionSandboxes,
        clock: any WallClock,
        logger: Logger
    ) {
        (self.shelf, self.supply, self.sandboxes) = (shelf, supply, sandboxes)
        (self.clock, self.logger) = (clock, logger)
    }

    func checkHost(for function: FunctionReference) throws {
        let driver = sandboxes.choice(of: function.name, in: function.scope)
        guard driver.restores else {
            throw CommonError.notImplemented("SnapStart on this host, whose \(driver.name) sandboxes have no snapshots")
        }
    }

    func isThere(_ key: VersionKey) async -> Bool { await shelf.snapshot(of: key) != nil }
    func renew(_ version: ExecutableVersion) { shelf.renew(version) }
    func generations() throws -> Set<String> { try shelf.generations() }
    func discard(_ generations: Set<String>) async { await shelf.discard(generations) }

    func take(of version: ExecutableVersion) async throws {
        guard let folder = try shelf.beginTaking(version.key) else { return }
        let snapshot: any SandboxSnapshot
        do {
            snapshot = try await supply.snapshot(version, into: folder)
        } catch {
            _ = await shelf.endTaking(version.key, nil)
            throw error
        }
        guard await shelf.endTaking(version.key, snapshot) else {
            throw SnapshotFault("This host has no room for another snapshot.")
        }
        supply.starter.expectCopies(of: version)
    }

    func run() async throws {
        for await version in shelf.missed.cancelOnGracefulShutdown() {
            await cancelWhenGracefulShutdown { await self.takeMissed(version) }
        }
    }

    private func takeMissed(_ version: ExecutableVersion) async {
        let (generation, now) = (version.key.generation, clock.now)
        let isTooSoon = failedAt.withLockedValue { failedAt in
            failedAt = failedAt.filter { now - $0.value < Self.pauseAfterFailure }
            return failedAt[generation] != nil
        }
        if isTooSoon { return }
        if await isThere(version.key) { return }
        do {
            try await take(of: version)
        } catch is CancellationError {
            return  // the server stops
        } catch {
            failedAt.withLockedValue { $0[generation] = now }
            logger.warning(
                "a missing snapshot cannot be taken; environments are initialised each by itself",
                metadata: [
                    "version": "\(version.key)", "cause": "\((error as? SnapshotFault)?.reason.text ?? "\(error)")",
                ]
            )
        }
    }
}

extension SnapshotFault {
    init(_ text: String) { reason = VersionStatus.Reason(code: "InvalidConfiguration", text: text) }
}
