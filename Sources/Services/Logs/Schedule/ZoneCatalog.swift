// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The time zones of this host by their names: `Europe/Berlin`.
struct ZoneCatalog: Sendable {
    static let maximumFileBytes = 65_536
    private static let maximumNameLength = 64

    var directory = "/usr/share/zoneinfo"

    /// Nil for a name that nobody knows here.
    func zone(_ name: String) -> ZoneRules? {
        if ["UTC", "Etc/UTC", "GMT", "Z"].contains(name) { return .utc }
        guard Self.isName(name), let bytes = Self.read("\(directory)/\(name)") else { return nil }
        return ZoneRules(tzif: bytes)
    }

    /// Nothing that leads out of the directory.
    private static func isName(_ name: String) -> Bool {
        guard (1...maximumNameLength).contains(name.utf8.count) else { return false }
        return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty
                && part.utf8.allSatisfy { $0.isWordCharacter || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
        }
    }

    private static func read(_ path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            (0...Int64(maximumFileBytes)).contains(Int64(status.st_size))
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                buffer.baseAddress.map { Glibc.read(file, $0 + filled, buffer.count - filled) } ?? -1
            }
            guard count > 0 else { return nil }
            filled += count
        }
        return bytes
    }
}
