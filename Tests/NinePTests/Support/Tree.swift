// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import NineP

/// A directory for a test, gone with it.
final class Tree {
    let path: String

    init() throws {
        var template = Array("/tmp/martlet-ninep-XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit {
        empty(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
        rmdir(path)
    }

    /// By descriptors, since a path may be longer than the kernel takes.
    private func empty(_ directory: Int32) {
        guard directory >= 0, let list = fdopendir(directory) else { return }
        defer { closedir(list) }
        while let entry = readdir(list) {
            // In place: the entry is only as long as its name, a copy of the structure would read beyond it.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { place in
                place.withMemoryRebound(to: CChar.self, capacity: 256) {
                    Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
                }
            }
            guard name != [0x2e, 0], name != [0x2e, 0x2e, 0], unlinkat(directory, name, 0) < 0 else { continue }
            empty(openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
            unlinkat(directory, name, AT_REMOVEDIR)
        }
    }

    subscript(name: String) -> String { "\(path)/\(name)" }

    func directory(_ name: String) throws { try #require(mkdir(self[name], 0o755) == 0) }

    func link(_ name: String, to target: String) throws { try #require(symlink(target, self[name]) == 0) }

    func pipe(_ name: String) throws { try #require(mkfifo(self[name], 0o644) == 0) }

    func file(_ name: String, _ content: String = "") throws { try file(name, Array(content.utf8)) }

    /// Made under another name and renamed, so that it is another file than the one before.
    func file(_ name: String, _ content: [UInt8]) throws {
        let file = open(self[name] + ".new", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        try #require(file >= 0)
        defer { close(file) }
        var place = 0
        while place < content.count {
            let count = content.withUnsafeBytes { write(file, $0.baseAddress?.advanced(by: place), $0.count - place) }
            try #require(count > 0)
            place += count
        }
        try #require(rename(self[name] + ".new", self[name]) == 0)
    }

    /// Many names for one empty file, in a directory.
    func names(_ names: some Sequence<String>, in directory: String) throws {
        try file("one")
        for name in names { try #require(Glibc.link(self["one"], self["\(directory)/\(name)"]) == 0) }
    }

    /// Gives a file an extended attribute.
    func attribute(_ name: String, _ key: String, _ value: [UInt8]) throws {
        typealias Function =
            @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafePointer<UInt8>, Int, Int32) -> Int32
        let setxattr = unsafeBitCast(try #require(dlsym(nil, "setxattr")), to: Function.self)
        try #require(setxattr(self[name], key, value, value.count, 0) == 0)
    }

    func status(_ name: String) throws -> stat {
        var status = stat()
        try #require(lstat(self[name], &status) == 0)
        return status
    }
}
