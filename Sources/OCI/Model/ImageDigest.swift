// SPDX-License-Identifier: Apache-2.0
import Crypto
import MartletCore

/// The SHA-256 sum by which a part of an image is named. Other algorithms are refused: no registry needs them.
package struct ImageDigest: Hashable, Sendable, CustomStringConvertible {
    /// 64 digits in lower case.
    package let hex: String

    /// Nil unless `text` is `sha256:` and 64 hexadecimal digits in lower case.
    package init?(_ text: some StringProtocol) {
        guard text.hasPrefix("sha256:") else { return nil }
        self.init(hex: text.dropFirst(7))
    }

    package init?(hex: some StringProtocol) {
        guard hex.utf8.count == 64,
            hex.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        self.hex = String(hex)
    }

    init(_ sum: SHA256.Digest) { hex = Hex.encode(sum) }

    /// Of these bytes.
    package init(of bytes: [UInt8]) { self.init(SHA256.hash(data: bytes)) }

    package var description: String { "sha256:\(hex)" }
}
