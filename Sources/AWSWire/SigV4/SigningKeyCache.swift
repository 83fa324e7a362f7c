// SPDX-License-Identifier: Apache-2.0
import Crypto
import Synchronization

/// Signing keys that were derived lately, since one costs four hashes and serves a day.
package final class SigningKeyCache: Sendable {
    private struct Name: Hashable {
        var secret: String
        var scope: SigningScope
    }

    private let limit: Int
    private let keys = Mutex<[Name: SymmetricKey]>([:])

    /// Keeps at most `limit` keys; when it is full, all of them go.
    package init(limit: Int = 1_000) { self.limit = limit }

    package var count: Int { keys.withLock { $0.count } }

    func key(secret: String, scope: SigningScope) -> SymmetricKey {
        let name = Name(secret: secret, scope: scope)
        if let known = keys.withLock({ $0[name] }) { return known }
        let key = scope.key(secret: secret)
        keys.withLock { keys in
            if keys.count >= limit { keys.removeAll(keepingCapacity: true) }
            keys[name] = key
        }
        return key
    }
}
