// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import OCI
import ServiceLifecycle
import Storage

/// Removes packages that no version and no layer uses any more. They stay for an hour: longer than any invocation that still
/// runs from them, and than any request that has claimed one and not yet used it.
struct PackageSweep: Service {
    private static let grace = Duration.seconds(3_600)
    private static let pause = Duration.seconds(600)

    /// Since when what is on the disk was seen without a version that has it. Only in memory: a restart gives another hour.
    struct Idle: Sendable {
        var packages: [ContentAddress: Instant] = [:]
        var layerSets: [String: Instant] = [:]
        var images: [ImageDigest: Instant] = [:]
    }

    let store: LambdaStore
    let intake: PackageIntake
    let clock: any WallClock
    let logger: Logger
    var images: ImageStore? = nil

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var idle = Idle()
            await clock.rounds(every: Self.pause, logger, failing: "unused packages could not be removed") {
                try await sweep(&idle)
            }
        }
    }

    func sweep(_ idle: inout Idle) async throws {
        try await finishLeaving()
        try await sweepPackages(&idle.packages)
        try await sweepLayerSets(&idle.layerSets)
        try await sweepImages(&idle.images)
    }

    private func sweepImages(_ idle: inout [ImageDigest: Instant]) async throws {
        guard let images else { return }
        let now = clock.now
        renew(&idle, with: try await images.idleImages(besides: try await usedImages()), now)
        let leaving = idle.filter { $0.value <= now - Self.grace }.keys
        try await images.remove(Set(leaving), keeping: try await usedImages())
    }

    private func usedImages() async throws -> Set<ImageDigest> {
        Set(try await store.read { try $0.usedImages() }.compactMap { ImageDigest(hex: $0.hex) })
    }

    private func sweepPackages(_ idle: inout [ContentAddress: Instant]) async throws {
        let now = clock.now
        let before = now - Self.grace
        renew(&idle, with: try await store.read { try $0.unusedPackages(before: before) }, now)
        for (address, since) in idle where since <= before {
            _ = try await store.write { try $0.beginLeaving(address, before: before) }
        }
        try await finishLeaving()
    }

    private func finishLeaving() async throws {
        for address in try await store.read({ try $0.leavingPackages() }) {
            try await intake.unpacked.remove(address)
            try await intake.files.remove(address)
            try await store.write { try $0.endLeaving(address) }
        }
    }

    /// Merged sets of layers are made from packages and cost no more than names, but names add up.
    private func sweepLayerSets(_ idle: inout [String: Instant]) async throws {
        let now = clock.now
        let used = try await usedSets()
        renew(&idle, with: try await intake.unpacked.layerSets().filter { !used.contains($0) }, now)
        for (name, since) in idle where since <= now - Self.grace {
            try await intake.unpacked.removeLayerSet(name) { try await usedSets().contains(name) }
        }
    }

    private func renew<Key: Hashable>(_ idle: inout [Key: Instant], with unused: [Key], _ now: Instant) {
        idle = Dictionary(unused.map { ($0, idle[$0] ?? now) }, uniquingKeysWith: { first, _ in first })
    }

    private func usedSets() async throws -> Set<String> {
        Set(try await store.read { try $0.layerSets() }.map(UnpackedPackages.name(of:)))
    }
}
