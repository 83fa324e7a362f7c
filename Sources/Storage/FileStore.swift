// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// Files that belong to rows: code packages, later objects. Content-addressed: the name is the SHA-256 of the bytes.
package protocol FileStore: Sendable {
    /// Stores the bytes and returns their address. Written under a temporary name, synced (`Durability.full`), renamed:
    /// a reader sees the whole file or none. Storing the same bytes twice stores them once.
    func put(_ bytes: [UInt8]) async throws -> ContentAddress
    /// Throws `MartletError` `storage.missing` when no such file is there.
    func bytes(of address: ContentAddress) async throws -> [UInt8]
    /// The absolute path on this machine, for readers that want a file.
    func path(of address: ContentAddress) async throws -> String
    /// Removing what is not there succeeds.
    func remove(_ address: ContentAddress) async throws
}

/// SHA-256 in 64 lower-case hexadecimal digits.
package struct ContentAddress: Hashable, Sendable, CustomStringConvertible {
    package let hex: String

    package init?(hex: String) {
        guard hex.utf8.count == 64, hex.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) })
        else { return nil }
        self.hex = hex
    }

    /// Digits that are known to be right: of a digest just made.
    init(validated hex: String) { self.hex = hex }

    package var description: String { hex }
}
