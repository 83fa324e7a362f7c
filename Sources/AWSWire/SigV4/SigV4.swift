// SPDX-License-Identifier: Apache-2.0
import Crypto
import MartletCore

/// AWS Signature Version 4: the words and sums that signer and verifier share.
package enum SigV4 {
    package static let algorithm = "AWS4-HMAC-SHA256"
    /// The last part of every credential scope.
    static let terminator = "aws4_request"
    /// The SHA-256 of nothing.
    package static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    /// The longest life of a presigned request.
    package static let maximumPresignedSeconds = 604_800

    enum QueryName {
        static let algorithm = "X-Amz-Algorithm"
        static let credential = "X-Amz-Credential"
        static let date = "X-Amz-Date"
        static let expires = "X-Amz-Expires"
        static let signedHeaders = "X-Amz-SignedHeaders"
        static let securityToken = "X-Amz-Security-Token"
        static let signature = "X-Amz-Signature"
    }

    /// In lower-case hexadecimal digits.
    package static func sha256(_ bytes: some Sequence<UInt8>) -> String {
        var hash = SHA256()
        hash.update(data: Array(bytes))
        return Hex.encode(hash.finalize())
    }

    static func sign(_ text: String, with key: SymmetricKey) -> String {
        Hex.encode(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key))
    }

    /// Takes the same time wherever two texts of one length differ, so that nobody can guess a signature digit by
    /// digit.
    package static func constantTimeEqual(_ left: String, _ right: String) -> Bool {
        let (a, b) = (Array(left.utf8), Array(right.utf8))
        guard a.count == b.count else { return false }
        var difference: UInt8 = 0
        for index in a.indices { difference |= a[index] ^ b[index] }
        return difference == 0
    }
}

/// What a signing key is good for: one day, one region, one service.
package struct SigningScope: Hashable, Sendable {
    /// `20260131`
    package var date: String
    package var region: String
    package var service: String

    package init(date: String, region: String, service: String) {
        self.date = date
        self.region = region
        self.service = service
    }

    var text: String { "\(date)/\(region)/\(service)/\(SigV4.terminator)" }

    /// A chain of four hashes from the secret to the scope.
    func key(secret: String) -> SymmetricKey {
        var key = SymmetricKey(data: Array("AWS4\(secret)".utf8))
        for part in [date, region, service, SigV4.terminator] {
            key = SymmetricKey(data: Array(HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key)))
        }
        return key
    }
}
