// SPDX-License-Identifier: Apache-2.0
import Crypto
import CryptoExtras
import MartletCore

/// A certificate that a key has signed for itself: what subscribers verify notifications with.
enum Certificate {
    private static let sha256WithRSA = DER.sequence(DER.identifier([1, 2, 840, 113_549, 1, 1, 11]), DER.null)
    private static let commonName = DER.identifier([2, 5, 4, 3])
    private static let subjectAlternativeName = DER.identifier([2, 5, 29, 17])
    private static let basicConstraints = DER.identifier([2, 5, 29, 19])
    private static let host = "sns.amazonaws.com"

    /// DER, for ten years from yesterday: clocks differ.
    static func make(for key: _RSA.Signing.PrivateKey, at now: Instant) throws -> [UInt8] {
        let name = DER.sequence(DER.set(DER.sequence(commonName, DER.utf8(host))))
        let publicKey = Array(key.publicKey.derRepresentation)
        // 16 bytes of the key's hash: different keys have different numbers.
        let serial = Array(SHA256.hash(data: publicKey).prefix(16))
        let body = DER.sequence(
            DER.explicit(0, DER.integer([2])),
            DER.integer([0x01] + serial),
            sha256WithRSA,
            name,
            DER.sequence(DER.time(now - .seconds(86_400)), DER.time(now + .seconds(3_650 * 86_400))),
            name,
            publicKey,
            DER.explicit(3, extensions)
        )
        let signature = try key.signature(for: SHA256.hash(data: body), padding: .insecurePKCS1v1_5)
        return DER.sequence(body, sha256WithRSA, DER.bitString(Array(signature.rawRepresentation)))
    }

    private static var extensions: [UInt8] {
        let names = DER.sequence(DER.element(0x82, Array(host.utf8)))
        return DER.sequence(
            DER.sequence(subjectAlternativeName, DER.octetString(names)),
            DER.sequence(basicConstraints, DER.yes, DER.octetString(DER.sequence()))
        )
    }

    static func pem(_ der: [UInt8]) -> String {
        let text = Array(Base64.encode(der))
        let lines = stride(from: 0, to: text.count, by: 64).map { String(text[$0..<min($0 + 64, text.count)]) }
        return "-----BEGIN CERTIFICATE-----\n\(lines.joined(separator: "\n"))\n-----END CERTIFICATE-----\n"
    }
}
