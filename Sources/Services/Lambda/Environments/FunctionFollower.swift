// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// Ends idle environments whose version has changed or gone, as soon as the control plane says that a function changed.
final class EnvironmentRetirement: FunctionObserver {
    private let pool: EnvironmentPool
    private let supervisor: Supervisor
    private let directory = NIOLockedValueBox<(any VersionDirectory)?>(nil)

    init(pool: EnvironmentPool, supervisor: Supervisor) {
        self.pool = pool
        self.supervisor = supervisor
    }

    /// Set once: the control plane, which owns the directory, is built with this observer.
    func follow(_ directory: any VersionDirectory) { self.directory.withLockedValue { $0 = directory } }

    func functionChanged(_ name: String, in scope: Scope) {
        guard let directory = directory.withLockedValue({ $0 }) else { return }
        supervisor.submit { [pool] in
            for key in pool.keys(of: name, in: scope) {
                // A version that cannot be resolved any more has no use for environments.
                let current = try? await directory.resolve(function: name, qualifier: key.version, in: scope, draw: 0)
                if current?.version.key != key { await pool.retire(key) }
            }
        }
    }
}
