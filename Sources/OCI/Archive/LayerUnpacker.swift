// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem

/// Lays the entries of one layer into an image's root, over what the layers below have put there.
///
/// Owners, extended attributes, devices and set-user-id bits are not taken over: a function is one user without privileges.
/// Whatever is replaced is removed first, so nothing is written through a link, hard or symbolic.
struct LayerUnpacker: TarSink {
    private typealias Name = RootDirectory.Name

    private let directory: RootDirectory
    private let limits: ImageLimits
    /// Bytes of files that may still be written, over all layers.
    private(set) var bytesLeft: Int
    /// What this layer has made: its whiteouts are about the layers below.
    private var made: Set<UInt64> = []
    private var parent: (path: [UInt8], descriptor: FileDescriptor)?
    private var file: Int32 = -1
    private var entry: TarEntry?

    init(into root: FileDescriptor, limits: ImageLimits, bytesLeft: Int) {
        directory = RootDirectory(root: root)
        self.limits = limits
        self.bytesLeft = bytesLeft
    }

    /// To be called whatever has happened.
    mutating func close() {
        forgetParent()
        if file >= 0 { Glibc.close(file) }
        file = -1
    }

    mutating func begin(_ entry: TarEntry) throws {
        self.entry = entry
        guard let path = try LayerPath(entry.path, limits) else { return }
        if let whiteout = try path.whiteout { return try hide(whiteout, in: path.parent) }
        guard entry.kind != .special else { return }
        let parent = try parent(path.parent)
        if entry.kind == .directory, try keepDirectory(path.name, entry, in: parent) { return }
        try clear(path.name, in: parent)
        switch entry.kind {
        case .file: try createFile(path.name, in: parent)
        case .directory: try createDirectory(path.name, entry, in: parent)
        case .symbolicLink: try createLink(path.name, entry, in: parent)
        case .hardLink: try createHardLink(path.name, entry, in: parent)
        case .special: return
        }
        try note(path.name, in: parent)
    }

    mutating func content(_ piece: UnsafeRawBufferPointer) throws {
        // The content of a whiteout, or of something at the root's own name, goes nowhere.
        guard file >= 0 else { return }
        guard piece.count <= bytesLeft else {
            throw ImageFault(.tooLarge, "the image is larger than it may be, unpacked")
        }
        bytesLeft -= piece.count
        do { try FileDescriptor(file).writeAll(piece) } catch {
            throw RootDirectory.failure("write a file", error.code)
        }
    }

    mutating func end() throws {
        guard file >= 0, let entry else { return }
        defer {
            Glibc.close(file)
            file = -1
        }
        // Python compares the time of a source with that in its compiled form.
        var times = [timespec(tv_sec: 0, tv_nsec: 0), timespec(tv_sec: entry.modified, tv_nsec: 0)]
        guard fchmod(file, mode_t(entry.mode & 0o777 | 0o600)) == 0, futimens(file, &times) == 0 else {
            throw RootDirectory.failure("set the mode of a file")
        }
    }

    // MARK: The directory that holds the entry

    private mutating func parent(_ path: [UInt8]) throws -> Int32 {
        if let parent, parent.path == path { return parent.descriptor.number }
        forgetParent()
        let descriptor = try directory.directory(path)
        parent = (path, descriptor)
        return descriptor.number
    }

    /// A removal or a new link may change what a path leads to.
    private mutating func forgetParent() {
        parent?.descriptor.close()
        parent = nil
    }

    private mutating func clear(_ name: [UInt8], in parent: Int32) throws {
        var status = stat()
        guard Name(name).use({ fstatat(parent, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
            guard errno == ENOENT else { throw RootDirectory.failure("look at a file") }
            return
        }
        try RootDirectory.remove(name, in: FileDescriptor(parent))
    }

    private mutating func note(_ name: [UInt8], in parent: Int32) throws {
        var status = stat()
        guard Name(name).use({ fstatat(parent, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
            throw RootDirectory.failure("look at a file")
        }
        made.insert(UInt64(status.st_ino))
    }

    private mutating func hide(_ whiteout: LayerPath.Whiteout, in path: [UInt8]) throws {
        let parent = FileDescriptor(try parent(path))
        switch whiteout {
        case .name(let name): try RootDirectory.remove(name, in: parent, keeps: made.contains)
        case .all: try RootDirectory.empty(parent, keeps: made.contains)
        }
        forgetParent()
    }

    // MARK: Entries

    private mutating func createFile(_ name: [UInt8], in parent: Int32) throws {
        file = Name(name).use { openat(parent, $0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600) }
        guard file >= 0 else { throw RootDirectory.failure("create a file") }
    }

    private static func mode(_ entry: TarEntry) -> mode_t { mode_t(entry.mode & 0o777 | 0o700) }

    private func createDirectory(_ name: [UInt8], _ entry: TarEntry, in parent: Int32) throws {
        let mode = Self.mode(entry)
        guard Name(name).use({ mkdirat(parent, $0, 0o700) == 0 && fchmodat(parent, $0, mode, 0) == 0 }) else {
            throw RootDirectory.failure("make a directory")
        }
    }

    /// True when there is such a directory already: it keeps what it holds, and is of this layer from now on.
    private mutating func keepDirectory(_ name: [UInt8], _ entry: TarEntry, in parent: Int32) throws -> Bool {
        var status = stat()
        guard Name(name).use({ fstatat(parent, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0,
            status.st_mode & S_IFMT == S_IFDIR
        else { return false }
        // It is a directory and nobody else is here, so no link is followed.
        guard Name(name).use({ fchmodat(parent, $0, Self.mode(entry), 0) }) == 0 else {
            throw RootDirectory.failure("set the mode of a directory")
        }
        made.insert(UInt64(status.st_ino))
        return true
    }

    /// Any target: inside a sandbox the image's root is all that there is, and here no link is followed out of it.
    private mutating func createLink(_ name: [UInt8], _ entry: TarEntry, in parent: Int32) throws {
        guard !entry.linkTarget.isEmpty, entry.linkTarget.count <= limits.pathBytes, !entry.linkTarget.contains(0)
        else {
            throw ImageFault.invalid("a link's target is empty or too long")
        }
        let made = Name(entry.linkTarget).use { target in Name(name).use { symlinkat(target, parent, $0) } }
        guard made == 0 else { throw RootDirectory.failure("make a link") }
    }

    private func createHardLink(_ name: [UInt8], _ entry: TarEntry, in parent: Int32) throws {
        guard let target = try LayerPath(entry.linkTarget, limits) else {
            throw ImageFault.invalid("a hard link names a directory")
        }
        let source = try directory.directory(target.parent)
        defer { source.close() }
        var status = stat()
        guard Name(target.name).use({ fstatat(source.number, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0,
            status.st_mode & S_IFMT != S_IFDIR
        else { throw ImageFault.invalid("a hard link names nothing that could be linked") }
        let linked = Name(target.name).use { from in
            Name(name).use { linkat(source.number, from, parent, $0, 0) }
        }
        guard linked == 0 else { throw RootDirectory.failure("link a file") }
    }
}
