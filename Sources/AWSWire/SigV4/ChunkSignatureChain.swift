// SPDX-License-Identifier: Apache-2.0
import Crypto
import MartletCore

/// The signatures of a streamed body: each covers its chunk and the signature before it, beginning with the request's
/// own.
package struct ChunkSignatureChain: Sendable {
    private let key: SymmetricKey
    private let date: String
    private let scope: SigningScope
    private var previous: String

    init(key: SymmetricKey, date: String, scope: SigningScope, seed: String) {
        self.key = key
        self.date = date
        self.scope = scope
        self.previous = seed
    }

    /// The next chunk's signature, from the SHA-256 of its data.
    package mutating func next(dataHash: String) -> String {
        advance("AWS4-HMAC-SHA256-PAYLOAD\n\(date)\n\(scope.text)\n\(previous)\n\(SigV4.emptyHash)\n\(dataHash)")
    }

    /// The trailer's signature, from its lines in the form `name:value\n`.
    package mutating func trailer(_ lines: String) -> String {
        advance("AWS4-HMAC-SHA256-TRAILER\n\(date)\n\(scope.text)\n\(previous)\n\(SigV4.sha256(lines.utf8))")
    }

    private mutating func advance(_ text: String) -> String {
        previous = SigV4.sign(text, with: key)
        return previous
    }
}
