// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// The way to write what invocations can see of a function: stores it, counts it for other nodes, and makes this node forget
/// what it knew.
struct FunctionChanges: Sendable {
    let store: LambdaStore
    let cache: VersionCache
    let observer: (any FunctionObserver)?

    func of<T: Sendable>(
        _ name: String,
        in scope: Scope,
        _ body: @escaping @Sendable (LambdaWrite) throws -> T
    ) async throws -> T {
        // Also when the write fails: whether it was stored may then be unknown.
        defer { forget(name, in: scope) }
        return try await store.write { tx in
            let result = try body(tx)
            try tx.countChange(of: name, in: scope)
            return result
        }
    }

    func forget(_ name: String, in scope: Scope) {
        cache.forget(name, in: scope)
        observer?.functionChanged(name, in: scope)
    }
}
