// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// Hears that a function changed: idle environments of versions that have changed or gone end at once, and a runtime that
/// has come into use gets its stem cells before the first invocation, and provisioned concurrency follows.
final class FunctionFollower: FunctionObserver {
    private let pool: EnvironmentPool
    private let starter: EnvironmentStarter
    private let keeper: ProvisionedKeeper
    private let shelf: SnapshotShelf?
    private let supervisor: Supervisor
    private let directory = NIOLockedValueBox<(any VersionDirectory)?>(nil)

    private let prepared: @Sendable (ExecutableVersion) -> Void

    init(
        pool: EnvironmentPool,
        starter: EnvironmentStarter,
        keeper: ProvisionedKeeper,
        shelf: SnapshotShelf? = nil,
        supervisor: Supervisor,
        prepared: @escaping @Sendable (ExecutableVersion) -> Void = { _ in }
    ) {
        self.pool = pool
        self.starter = starter
        self.keeper = keeper
        self.shelf = shelf
        self.supervisor = supervisor
        self.prepared = prepared
    }

    func versionPrepared(_ version: ExecutableVersion) { prepared(version) }

    /// Set once: the control plane, which owns the directory, is built with this observer.
    func follow(_ directory: any VersionDirectory) { self.directory.withLockedValue { $0 = directory } }

    func functionChanged(_ name: String, in scope: Scope) {
        guard let directory = directory.withLockedValue({ $0 }) else { return }
        keeper.changed(name, in: scope)
        supervisor.submit { [pool, starter, shelf] in
            for key in pool.keys(of: name, in: scope) {
                // A version that cannot be resolved any more has no use for environments.
                let current = try? await directory.resolve(function: name, qualifier: key.version, in: scope, draw: 0)
                // The directory knows of no tenants: each has environments of the same version.
                var present = current?.version.key
                present?.tenantID = key.tenantID
                if present != key { await pool.retire(key) }
            }
            for key in shelf?.keys(of: name, in: scope) ?? [] {
                do {
                    let current = try await directory.resolve(
                        function: name,
                        qualifier: key.version,
                        in: scope,
                        draw: 0
                    )
                    guard current.version.key.generation != key.generation else { continue }
                } catch is ResourceNotFoundException {
                    // Gone, and its snapshot with it.
                } catch {
                    continue  // its state says for now that it cannot be invoked
                }
                await shelf?.discard([key.generation])
            }
            // One that is not ready yet is heard of again when it is.
            let current = try? await directory.resolve(function: name, qualifier: nil, in: scope, draw: 0)
            if let current { starter.expect(current.version, isNew: true) }
        }
    }
}
