// SPDX-License-Identifier: Apache-2.0
import NIOConcurrencyHelpers

@testable import Lambda

/// Snapshots that are taken when a version asks for one, unless the test says what goes wrong.
final class FakeSnapshots: VersionSnapshots {
    struct State {
        var taken: [VersionKey] = []
        var renewed: [VersionKey] = []
        var kept: Set<String> = []
        var failures: [any Error] = []
        var hostLacks: (any Error)?
    }

    let state = NIOLockedValueBox(State())

    func checkHost(for function: FunctionReference) throws {
        if let error = state.withLockedValue({ $0.hostLacks }) { throw error }
    }

    func take(of version: ExecutableVersion) async throws {
        try state.withLockedValue { state in
            if !state.failures.isEmpty { throw state.failures.removeFirst() }
            state.taken.append(version.key)
            state.kept.insert(version.key.generation)
        }
    }

    func isThere(_ key: VersionKey) async -> Bool { state.withLockedValue { $0.kept.contains(key.generation) } }
    func renew(_ version: ExecutableVersion) { state.withLockedValue { $0.renewed.append(version.key) } }
    func generations() throws -> Set<String> { state.withLockedValue { $0.kept } }
    func discard(_ generations: Set<String>) async { state.withLockedValue { $0.kept.subtract(generations) } }
}
