// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// Versions whose snapshot nobody has used for two weeks become inactive, and come back when somebody invokes them.
struct SnapshotIdling: Sendable {
    /// AWS: 14 days
    static let limit = Duration.seconds(14 * 86_400)

    let store: LambdaStore
    let changes: FunctionChanges
    let transitions: StateTransitions
    let ids: any IDSource

    /// Returns whether it is inactive now: it may have been used since the caller looked.
    func deactivate(_ version: SnapStartVersion, at now: Instant) async throws -> Bool {
        try await move(version.number, of: version.functionName, in: version.scope) { current in
            guard current.status.state == "Active", let usedAt = current.snapshotUsedAt, now - usedAt >= Self.limit
            else {
                return nil
            }
            return .inactive
        }
    }

    /// An invocation has named it. One that is not inactive stays as it is.
    func wake(_ reference: FunctionReference) async throws {
        let target = try await store.read { try $0.target(of: reference) }
        for number in [target.version, target.routing?.version].compactMap({ $0 }) {
            let isWaking = try await move(number, of: reference.name, in: reference.scope) { current in
                current.status.state == "Inactive" ? .restoring : nil
            }
            if isWaking { transitions.begin() }
        }
    }

    private func move(
        _ number: VersionNumber,
        of name: String,
        in scope: Scope,
        _ next: @escaping @Sendable (VersionRecord) -> VersionStatus?
    ) async throws -> Bool {
        let revisionID = ids.uuid()
        let seen = try await store.read { try $0.version(number, of: name, in: scope) }
        guard let seen, seen.snapStarts, next(seen) != nil else { return false }
        return try await changes.of(name, in: scope) { tx in
            guard var current = try tx.version(number, of: name, in: scope), current.snapStarts,
                let status = next(current)
            else { return false }
            current.status = status
            current.marks.revisionID = revisionID
            try tx.save(current)
            return true
        }
    }
}

/// Resolves as the cache does. A version that has become inactive is restored meanwhile, so a later try finds it.
struct WakingDirectory: VersionDirectory {
    let cache: VersionCache
    let idling: SnapshotIdling

    func resolve(
        function name: String,
        qualifier: String?,
        in scope: Scope,
        draw: Double
    ) async throws -> ResolvedInvocation {
        do {
            return try await cache.resolve(function: name, qualifier: qualifier, in: scope, draw: draw)
        } catch let error as SnapStartNotReadyException {
            try await idling.wake(FunctionReference(name, qualifier: qualifier, in: scope))
            throw error
        }
    }

    func claimedConcurrency(in scope: Scope) async throws -> ClaimedConcurrency {
        try await cache.claimedConcurrency(in: scope)
    }
}
