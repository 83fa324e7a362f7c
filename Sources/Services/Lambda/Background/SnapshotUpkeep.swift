// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import ServiceLifecycle

/// Once at the start and then every hour: lets versions that nobody uses become inactive, has missing snapshots taken again
/// (the host has booted or its interpreter was upgraded), and removes those of versions that are gone.
struct SnapshotUpkeep: Service {
    private static let pause = Duration.seconds(3_600)

    let source: VersionSource
    let idling: SnapshotIdling
    let snapshots: any VersionSnapshots
    let clock: any WallClock
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await clock.rounds(every: Self.pause, logger, failing: "snapshots could not be looked after") {
                try await pass()
            }
        }
    }

    func pass() async throws {
        let now = clock.now
        // Looked at before the versions: what is kept from now on is of versions that are not seen below.
        let kept = try snapshots.generations()
        let versions = try await source.store.read { try $0.snapStartVersions() }
        var wanted: Set<String> = []
        for version in versions where version.keepsSnapshot {
            let isIdle = version.usedAt.map { now - $0 >= SnapshotIdling.limit } ?? false
            if isIdle, version.state == "Active", try await idling.deactivate(version, at: now) { continue }
            wanted.insert(version.generation)
            if version.state == "Active" { try await renew(version) }
        }
        await snapshots.discard(kept.subtracting(wanted))
    }

    private func renew(_ version: SnapStartVersion) async throws {
        let (number, name, scope) = (version.number, version.functionName, version.scope)
        guard let record = try await source.store.read({ try $0.version(number, of: name, in: scope) }),
            await !snapshots.isThere(record.key)
        else { return }
        snapshots.renew(try await source.executable(record))
    }
}
