// SPDX-License-Identifier: Apache-2.0

/// An uploaded archive whose list of entries has passed every check; its data is checked while it is unpacked.
struct ZipArchive: Sendable {
    let bytes: [UInt8]
    let tree: PackageTree
    /// What all files unpack to.
    let unpackedBytes: Int

    /// Throws `PackageFault`. Nothing is unpacked but the targets of links.
    init(_ bytes: [UInt8], limits: PackageLimits = PackageLimits()) throws {
        self.bytes = bytes
        let entries = try ZipDirectory(LittleEndianBytes(bytes: bytes), limits).entries()
        unpackedBytes = try Self.total(entries, limits)
        var tree = PackageTree(limits: limits)
        for entry in entries { try tree.insert(entry, Self.linkTarget(of: entry, in: bytes, limits)) }
        try tree.checkLinks()
        self.tree = tree
    }

    /// Unpacks every file to nowhere.
    func checkContents() throws {
        for case .file(let entry, _) in tree.nodes.values { try Inflate.unpack(entry, of: bytes) { _ in } }
    }

    private static func total(_ entries: [ZipEntry], _ limits: PackageLimits) throws -> Int {
        var total = 0
        for entry in entries {
            guard entry.size < limits.unpackedBytes - total else {
                throw PackageFault(kind: .tooLarge, reason: "the archive unpacks to too many bytes")
            }
            total += entry.size
        }
        return total
    }

    private static func linkTarget(of entry: ZipEntry, in bytes: [UInt8], _ limits: PackageLimits) throws -> [UInt8]? {
        guard entry.kind == .link else { return nil }
        guard entry.size <= limits.linkTargetBytes else { throw PackageFault.broken("a link's target is too long") }
        var target: [UInt8] = []
        try Inflate.unpack(entry, of: bytes) { target.append(contentsOf: $0) }
        return target
    }
}
