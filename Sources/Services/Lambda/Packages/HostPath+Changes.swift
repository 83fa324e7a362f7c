// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import MartletCore

extension HostPath {
    /// Modes are set apart from the creation, as the process's umask would cut them.
    func makeDirectory(mode: mode_t = 0o755) throws {
        guard withPointer({ mkdir($0, mode) == 0 && chmod($0, mode) == 0 }) else { throw failure("make the directory") }
    }

    /// This directory and the missing ones above it; what is there already stays as it is.
    func makeDirectories(mode: mode_t = 0o755) throws {
        if isDirectory { return }
        if let slash = bytes.lastIndex(of: UInt8(ascii: "/")), slash > 0 {
            try HostPath(bytes: Array(bytes[..<slash])).makeDirectories(mode: mode)
        }
        let made = withPointer { mkdir($0, mode) }
        guard made == 0 || errno == EEXIST else { throw failure("make the directory") }
    }

    /// A file that must not be there yet; `fill` gets a function that appends bytes.
    func createFile(mode: mode_t, _ fill: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws {
        let file = withPointer { open($0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode) }
        guard file >= 0 else { throw failure("create") }
        defer { close(file) }
        try fill { bytes in try append(bytes, to: FileDescriptor(file)) }
        guard fchmod(file, mode) == 0 else { throw failure("set the mode of") }
    }

    private func append(_ bytes: UnsafeRawBufferPointer, to file: FileDescriptor) throws {
        do { try file.writeAll(bytes) } catch { throw failure("write", error.code) }
    }

    func makeLink(to target: [UInt8]) throws {
        let made = withPointer { place in HostPath(bytes: target).withPointer { symlink($0, place) } }
        guard made == 0 else { throw failure("make the link") }
    }

    /// A second name of the same file, on the same file system.
    func makeHardLink(to original: HostPath) throws {
        guard original.withPointer({ from in withPointer { link(from, $0) } }) == 0 else { throw failure("link") }
    }

    func linkTarget() throws -> [UInt8] {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = withPointer { readlink($0, &buffer, buffer.count) }
        guard length >= 0 else { throw failure("read the link") }
        return buffer.prefix(length).map { UInt8(bitPattern: $0) }
    }

    /// Moves this directory to a place where none may be. Returns false when another was there first.
    func move(to place: HostPath) throws -> Bool {
        let moved = withPointer { from in place.withPointer { rename(from, $0) } }
        if moved == 0 { return true }
        guard errno == ENOTEMPTY || errno == EEXIST else { throw failure("move") }
        return false
    }

    /// With everything below; links are removed, never followed. What is not there is no failure.
    func remove() throws {
        guard let kind else { return }
        if kind == S_IFDIR {
            for name in try names() { try appending(name).remove() }
            guard withPointer({ rmdir($0) }) == 0 || errno == ENOENT else { throw failure("remove") }
        } else {
            guard withPointer({ unlink($0) }) == 0 || errno == ENOENT else { throw failure("remove") }
        }
    }

    /// The whole of a small file; nil when it is not there or longer than `limit`.
    func contents(limit: Int) -> [UInt8]? {
        let file = withPointer { open($0, O_RDONLY | O_CLOEXEC) }
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: limit + 1)
        let length = read(file, &buffer, buffer.count)
        guard length >= 0, length <= limit else { return nil }
        return Array(buffer.prefix(length))
    }
}
