// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem

/// A directory that becomes an image's root, while layers are laid into it. Every path is resolved by the kernel as if this
/// directory were `/`, so links of the image lead nowhere else. Nobody else may change it meanwhile.
struct RootDirectory {
    let root: FileDescriptor
    /// Deeper ones could only have been made through links, and would cost a descriptor a level to remove.
    static let removableDepth = 400

    /// Opens the directory at `path`, or makes it with its missing parents. The caller closes `root`.
    func directory(_ path: [UInt8]) throws -> FileDescriptor {
        if path.isEmpty { return try open([0x2e]) }
        return try openIfThere(path) ?? makeDirectories(path)
    }

    private func openIfThere(_ path: [UInt8]) throws -> FileDescriptor? {
        do {
            return try open(path)
        } catch {
            switch error.code {
            case ENOENT: return nil
            case ENOTDIR, ELOOP: throw ImageFault.invalid("a name lies below something that is no directory")
            default: throw error
            }
        }
    }

    private func open(_ path: [UInt8]) throws(SystemError) -> FileDescriptor {
        try root.open(inRoot: path, flags: FileDescriptor.pathOnly | O_DIRECTORY)
    }

    private func makeDirectories(_ path: [UInt8]) throws -> FileDescriptor {
        var done: [UInt8] = []
        var current = try open([0x2e])
        for component in path.split(separator: LayerPath.slash) {
            done += (done.isEmpty ? [] : [LayerPath.slash]) + component
            let above = current
            defer { above.close() }
            if let there = try openIfThere(done) {
                current = there
                continue
            }
            guard Name(Array(component)).use({ mkdirat(above.number, $0, 0o755) }) == 0 else {
                throw ImageFault.invalid("a name lies below a link that leads nowhere")
            }
            current = try open(done)
        }
        return current
    }

    /// Removes `name` with everything below; what is not there is no failure. `keeps` is asked for each inode.
    static func remove(_ name: [UInt8], in directory: FileDescriptor, keeps: (UInt64) -> Bool = { _ in false }) throws {
        _ = try remove(Name(name), in: directory.number, depth: 0, keeps: keeps)
    }

    /// Everything that the directory holds.
    static func empty(_ directory: FileDescriptor, keeps: (UInt64) -> Bool) throws {
        for name in try names(of: directory.number) {
            _ = try remove(Name(name), in: directory.number, depth: 0, keeps: keeps)
        }
    }

    /// Removes a directory however deep it is: what lies too deep is brought up beside it first.
    static func removeTree(_ name: [UInt8], in directory: FileDescriptor) throws {
        var waiting = [name]
        var count = 0
        func bringUp(_ deep: Name, of parent: Int32) throws -> Bool {
            count += 1
            let place = name + Array("-deep-\(count)".utf8)
            let moved = deep.use { from in Name(place).use { renameat(parent, from, directory.number, $0) } }
            guard moved == 0 else { throw failure("move a directory") }
            waiting.append(place)
            return true
        }
        while let next = waiting.popLast() {
            _ = try remove(Name(next), in: directory.number, depth: 0, keeps: { _ in false }, tooDeep: bringUp)
        }
    }

    /// Returns whether it is gone. `tooDeep` gets a directory at the greatest depth, and the one that holds it.
    private static func remove(
        _ name: Name,
        in directory: Int32,
        depth: Int,
        keeps: (UInt64) -> Bool,
        tooDeep: (Name, Int32) throws -> Bool = { _, _ in
            throw ImageFault.invalid("directories are nested too deeply")
        }
    ) throws -> Bool {
        var status = stat()
        guard name.use({ fstatat(directory, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else { return errno == ENOENT }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            if keeps(UInt64(status.st_ino)) { return false }
            guard name.use({ unlinkat(directory, $0, 0) }) == 0 || errno == ENOENT else {
                throw failure("remove a file")
            }
            return true
        }
        guard depth < removableDepth else { return try tooDeep(name, directory) }
        let inside = name.use { openat(directory, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        guard inside >= 0 else { throw failure("open a directory") }
        defer { close(inside) }
        var isEmpty = true
        for child in try names(of: inside) {
            let isGone = try remove(Name(child), in: inside, depth: depth + 1, keeps: keeps, tooDeep: tooDeep)
            isEmpty = isGone && isEmpty
        }
        guard isEmpty, !keeps(UInt64(status.st_ino)) else { return false }
        guard name.use({ unlinkat(directory, $0, AT_REMOVEDIR) }) == 0 else { throw failure("remove a directory") }
        return true
    }

    static func names(of directory: Int32) throws -> [[UInt8]] {
        let copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { throw failure("open a directory") }
        guard let stream = fdopendir(copy) else {
            close(copy)
            throw failure("list a directory")
        }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != [0x2e], name != [0x2e, 0x2e] { names.append(name) }
        }
        return names
    }

    /// To be called right after the failed system call.
    static func failure(_ what: String, _ code: Int32 = errno) -> ImageFault {
        ImageFault(.unavailable, "cannot \(what) of the image: \(SystemError.text(of: code))")
    }

    /// The bytes of a name or a link's target, for a system call.
    struct Name {
        private let bytes: [UInt8]
        init(_ bytes: [UInt8]) { self.bytes = bytes + [0] }

        func use<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
            bytes.withUnsafeBufferPointer { buffer in
                buffer.withMemoryRebound(to: CChar.self) { characters in
                    // There is at least the final zero.
                    characters.baseAddress.map(body) ?? "".withCString(body)
                }
            }
        }
    }
}
