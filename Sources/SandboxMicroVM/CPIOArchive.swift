// SPDX-License-Identifier: Apache-2.0

/// A cpio archive in the “newc” form, which Linux unpacks as its initial file system. All files are root's.
struct CPIOArchive {
    private var bytes: [UInt8] = []
    private var lastInode: UInt32 = 0

    mutating func directory(_ path: String) { entry(path, mode: 0o040_755, contents: []) }

    mutating func file(_ path: String, _ contents: [UInt8], isExecutable: Bool = false) {
        entry(path, mode: isExecutable ? 0o100_755 : 0o100_644, contents: contents)
    }

    mutating func link(_ path: String, to target: String) {
        entry(path, mode: 0o120_777, contents: Array(target.utf8))
    }

    mutating func characterDevice(_ path: String, major: UInt32, minor: UInt32) {
        entry(path, mode: 0o020_600, contents: [], device: (major, minor))
    }

    /// The archive with its end.
    func finished() -> [UInt8] {
        var copy = self
        copy.lastInode = 0
        copy.entry("TRAILER!!!", mode: 0, contents: [])
        return copy.bytes
    }

    /// `path` without a slash in front. A file is at most 4 GiB long, which the form's eight hexadecimal digits say.
    private mutating func entry(
        _ path: String,
        mode: UInt32,
        contents: [UInt8],
        device: (major: UInt32, minor: UInt32) = (0, 0)
    ) {
        lastInode += 1
        let links: UInt32 = mode & 0o170_000 == 0o040_000 ? 2 : 1
        // inode, mode, user, group, links, time, size, device, device of a node, length of the name, check sum
        let fields: [UInt32] = [
            lastInode, mode, 0, 0, links, 0, UInt32(clamping: contents.count), 0, 0, device.major, device.minor,
            UInt32(clamping: path.utf8.count + 1), 0,
        ]
        bytes += "070701".utf8
        for field in fields { bytes += Self.hexadecimal(field) }
        bytes += path.utf8
        bytes.append(0)
        pad()
        bytes += contents
        pad()
    }

    private static func hexadecimal(_ number: UInt32) -> [UInt8] {
        let digits = Array(String(number, radix: 16, uppercase: true).utf8)
        return Array(repeating: UInt8(ascii: "0"), count: 8 - digits.count) + digits
    }

    private mutating func pad() {
        while !bytes.count.isMultiple(of: 4) { bytes.append(0) }
    }
}
