// SPDX-License-Identifier: Apache-2.0
internal import Sandbox

/// What the guests of this host start with: the initial file system, and the host's directories that they see.
///
/// The initial file system holds the first program, the kernel's modules, and empty directories on which the host's are
/// mounted; the rest of what a guest runs is the host's own /usr, read-only.
struct GuestFiles: Sendable {
    /// Directories of the host's root that a guest has too, as far as the host has them: the jailer's list.
    static let top = ["bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr"]
    /// Where the mounts of one sandbox lie in the machine's jail, and in the guest.
    static let export = "/export"
    static let share = "/share"

    /// Of `top`: what are directories and so shares of their own, and what are links.
    let directories: [String]
    private let links: [String: String]

    init(hostRoot: String = "") {
        let links = Self.top.reduce(into: [String: String]()) { $0[$1] = HostFile.linkTarget(of: "\(hostRoot)/\($1)") }
        self.links = links
        directories = Self.top.filter { links[$0] == nil && HostFile.isDirectory("\(hostRoot)/\($0)") }
    }

    /// A share's name, its path in the jail, and where the guest mounts it.
    var shares: [(tag: String, path: String, target: String)] {
        directories.map { ($0, "/\($0)", "/\($0)") } + [("etc", "/etc", "/etc"), ("share", Self.export, Self.share)]
    }

    /// The archive for a kernel with `modules`, each a file's contents, in the order of loading.
    func initialFileSystem(modules: [[UInt8]], outwardModules: [[UInt8]], firstProgram: [UInt8]) -> [UInt8] {
        var archive = CPIOArchive()
        for name in ["dev", "proc", "sys", "tmp", "newroot", "modules", "outward", "share", "etc"] + directories {
            archive.directory(name)
        }
        for (name, target) in links.sorted(by: { $0.key < $1.key }) { archive.link(name, to: target) }
        archive.characterDevice("dev/console", major: 5, minor: 1)
        archive.file("init", firstProgram, isExecutable: true)
        for (folder, modules) in [("modules", modules), ("outward", outwardModules)] {
            for (index, module) in modules.prefix(100).enumerated() {
                archive.file("\(folder)/\(index < 10 ? "0" : "")\(index)", module)
            }
        }
        archive.file("shares", Array(shares.map { "\($0.tag) \($0.target)\n" }.joined().utf8))
        return archive.finished()
    }
}
