// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Writes a checked archive into a directory that is empty and that nobody else knows.
///
/// Modes are fixed, whatever the archive says: 0755 for directories and executables, 0644 for the rest. Links come last, so
/// nothing is ever written through one.
struct Unpacker {
    let archive: ZipArchive
    let directory: HostPath

    func run() throws {
        var links: [([UInt8], [UInt8])] = []
        // A directory's path is a prefix of what it holds, and prefixes sort first.
        let paths = archive.tree.nodes.keys.sorted { $0.lexicographicallyPrecedes($1) }
        for path in paths {
            switch archive.tree.nodes[path] {
            case .directory?: try directory.appending(path).makeDirectory()
            case .file(let entry, let isExecutable)?: try writeFile(entry, isExecutable, at: path)
            case .link(let target)?: links.append((path, target))
            case nil: continue
            }
        }
        for (path, target) in links { try directory.appending(path).makeLink(to: target) }
    }

    private func writeFile(_ entry: ZipEntry, _ isExecutable: Bool, at path: [UInt8]) throws {
        try directory.appending(path).createFile(mode: isExecutable ? 0o755 : 0o644) { append in
            try Inflate.unpack(entry, of: archive.bytes, append)
        }
    }
}
