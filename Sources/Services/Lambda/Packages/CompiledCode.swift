// SPDX-License-Identifier: Apache-2.0
import Crypto
import Glibc
import MartletCore
import NIOCore

/// Where compiled Python lies: for each interpreter a directory, in it one for each package, set of layers, and the
/// interpreter's own library. A cache beside the unpacked packages, as good as they are and thrown away with them.
struct CompiledCode: Sendable {
    /// Less source than this is compiled sooner than a sandbox starts.
    static let leastSourceBytes = 4_096

    let root: HostPath
    /// Emptied at each start.
    let unfinished: HostPath

    /// `directory` is that of the unpacked packages.
    init(directory: String) {
        root = HostPath(directory).appending("compiled")
        unfinished = HostPath(directory).appending("unfinished")
    }

    /// Names an interpreter as it is now: another file at the same place is another interpreter.
    static func name(of interpreter: Interpreter) -> String? {
        var information = stat()
        guard HostPath(interpreter.path).withPointer({ stat($0, &information) }) == 0 else { return nil }
        let marks = [
            interpreter.path, interpreter.version, String(information.st_size), String(information.st_mtim.tv_sec),
            String(information.st_ino),
        ]
        return String(Hex.encode(SHA256.hash(data: Array(marks.joined(separator: "\n").utf8))).prefix(32))
    }

    /// `source` is a directory that is named by its content, below the unpacked packages or the merged layers.
    func place(of source: String, for interpreter: String) -> HostPath {
        let name = HostPath(source).bytes.split(separator: UInt8(ascii: "/")).last.map(Array.init) ?? []
        return root.appending(interpreter).appending(name)
    }

    /// For all interpreters: the source is leaving.
    func remove(named name: String) throws {
        guard root.isDirectory else { return }
        for interpreter in try root.names() { try root.appending(interpreter).appending(name).remove() }
    }

    /// Whether compiling ahead is worth a sandbox.
    static func isWorthwhile(_ source: HostPath) throws -> Bool {
        var bytes = 0
        return try sourceBytes(of: source, upTo: leastSourceBytes, &bytes) >= leastSourceBytes
    }

    private static func sourceBytes(of directory: HostPath, upTo limit: Int, _ bytes: inout Int) throws -> Int {
        for name in try directory.names() where bytes < limit {
            let path = directory.appending(name)
            var information = stat()
            guard path.withPointer({ lstat($0, &information) }) == 0 else { continue }
            switch information.st_mode & S_IFMT {
            case S_IFDIR: _ = try sourceBytes(of: path, upTo: limit, &bytes)
            case S_IFREG where name.suffix(3).elementsEqual(".py".utf8): bytes += Int(information.st_size)
            default: continue
            }
        }
        return bytes
    }
}

/// Writes the files of one source into a directory that nobody else knows yet.
struct CompiledDraft: Sendable {
    let source: HostPath
    let draft: HostPath

    /// Only what stands for a file of the source is taken.
    func write(_ files: [CompiledStream.File]) throws {
        for file in files where source.appending(file.path).kind == S_IFREG {
            let place = draft.appending(file.path + Array("c".utf8))
            try place.parent.makeDirectories()
            try place.createFile(mode: 0o644) { append in try file.content.withUnsafeReadableBytes(append) }
        }
    }
}
