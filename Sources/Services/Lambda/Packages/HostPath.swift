// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import MartletCore

/// A path on this machine, in bytes: names inside packages need not be UTF-8.
struct HostPath: Sendable, CustomStringConvertible {
    var bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }
    init(bytes: [UInt8]) { self.bytes = bytes }

    /// `component` may itself hold slashes; the caller has checked it.
    func appending(_ component: [UInt8]) -> HostPath { HostPath(bytes: bytes + [UInt8(ascii: "/")] + component) }
    func appending(_ component: String) -> HostPath { appending(Array(component.utf8)) }

    /// The directory that holds it, by name; itself when it has no slash.
    var parent: HostPath {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")), slash > 0 else { return self }
        return HostPath(bytes: Array(bytes[..<slash]))
    }

    /// For messages and for callers that know the path to be text.
    var description: String { String(decoding: bytes, as: UTF8.self) }

    func withPointer<R>(_ body: (UnsafePointer<CChar>) throws -> R) rethrows -> R {
        try (bytes + [0]).withUnsafeBufferPointer { buffer in
            try buffer.withMemoryRebound(to: CChar.self) { characters in
                // The buffer holds at least the final zero, so it has an address.
                guard let pointer = characters.baseAddress else { return try "".withCString(body) }
                return try body(pointer)
            }
        }
    }

    /// Whether something is there; links are not followed.
    var exists: Bool { kind != nil }

    /// The file type bits of the mode; nil when nothing is there.
    var kind: mode_t? {
        var information = stat()
        return withPointer { lstat($0, &information) } == 0 ? information.st_mode & S_IFMT : nil
    }

    var isDirectory: Bool { kind == S_IFDIR }

    /// The names in this directory, without `.` and `..`.
    func names() throws -> [[UInt8]] {
        guard let directory = withPointer({ opendir($0) }) else { throw failure("list") }
        defer { closedir(directory) }
        var names: [[UInt8]] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
        }
        return names
    }

    /// To be called right after the failed system call.
    func failure(_ what: String, _ code: Int32 = errno) -> MartletError {
        MartletError("package.disk", "cannot \(what) \(description): \(SystemError.text(of: code))")
    }
}
