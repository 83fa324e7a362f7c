// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore

/// What the store does with directories and the names in them. Blocking, like `RawFile`.
enum Directories {
    /// Makes `path` and what is missing above it, for this user only.
    static func make(_ path: String) throws {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        let parent = parent(of: path)
        guard errno == ENOENT, parent != path else { throw RawFile.failure("make the directory", path) }
        try make(parent)
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw RawFile.failure("make the directory", path) }
    }

    /// After this a power cut no longer undoes what was made, renamed or removed in `path`.
    static func sync(_ path: String) throws { try RawFile(path, O_RDONLY | O_DIRECTORY).sync() }

    /// Names in `path`; none when there is no such directory.
    static func names(in path: String) throws -> [String] {
        guard let directory = opendir(path) else {
            if errno == ENOENT { return [] }
            throw RawFile.failure("list", path)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a directory with all that is in it, following no links. What is not there is removed already.
    static func removeTree(_ path: String) throws {
        for name in try names(in: path) {
            let child = "\(path)/\(name)"
            if unlink(child) == 0 || errno == ENOENT { continue }
            guard errno == EISDIR || errno == EPERM else { throw RawFile.failure("remove", child) }
            try removeTree(child)
        }
        guard rmdir(path) == 0 || errno == ENOENT else { throw RawFile.failure("remove", path) }
    }

    /// Nil when there is nothing at `path`.
    static func information(_ path: String) -> stat? {
        var information = stat()
        return lstat(path, &information) == 0 ? information : nil
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
