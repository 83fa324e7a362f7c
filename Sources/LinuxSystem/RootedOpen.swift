// SPDX-License-Identifier: Apache-2.0
internal import CLinux

extension FileDescriptor {
    /// Opens `path` as if this directory were the root of everything: neither a link nor `..` leads out of it. `path`
    /// holds no zero byte. `flags` are those of open(2), without O_CREAT. The caller closes what it gets.
    package func open(inRoot path: [UInt8], flags: Int32) throws(SystemError) -> FileDescriptor {
        let result = (path + [0]).withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                characters.baseAddress.map { martlet_open_in_root(number, $0, flags) } ?? -22
            }
        }
        return FileDescriptor(try SystemError.check("openat2", result))
    }

    /// Returns when all of the file system that this file lies in is on its disk.
    package func syncFileSystem() throws(SystemError) {
        _ = try SystemError.check("syncfs", martlet_sync_file_system(number))
    }
}

extension FileDescriptor {
    /// The flag of open(2) for a descriptor that only names a file: it can neither be read nor written by it.
    package static var pathOnly: Int32 { Int32(MARTLET_O_PATH) }

    /// A descriptor that names a directory, for `open(inRoot:flags:)`. The caller closes it.
    package static func directory(_ path: String) throws(SystemError) -> FileDescriptor {
        FileDescriptor(try SystemError.check("open", martlet_open_directory(path)))
    }
}
