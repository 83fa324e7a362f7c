// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Sandbox
internal import Synchronization

/// Files of the host's that the driver reads and writes itself: a kernel's modules, the initial file system.
enum HostFile {
    /// Larger ones are none of those that are read here.
    private static let most = 64 << 20
    /// Two may write the same file at once, each its own draft.
    private static let drafts = Atomic(0)

    static func contents(of path: String) throws(SandboxError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("read", path) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < most {
            let count = read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
        throw SandboxError(.hostLacks, "\(path) is larger than \(most) bytes")
    }

    /// A name beside `path` that nobody else has.
    static func draft(of path: String) -> String {
        "\(path).draft-\(getpid())-\(drafts.add(1, ordering: .relaxed).newValue)"
    }

    /// Removes the drafts that processes have left in `directory` which ended before they could rename them.
    static func clearDrafts(in directory: String) {
        for name in names(in: directory) {
            // NAME.draft-PROCESS-COUNT
            let mark = name.split(separator: ".").last?.split(separator: "-", omittingEmptySubsequences: false) ?? []
            guard mark.count == 3, mark[0] == "draft", let process = pid_t(mark[1]), process > 0 else { continue }
            if kill(process, 0) != 0, errno == ESRCH { unlink("\(directory)/\(name)") }
        }
    }

    /// Whole and on the disk under its name, or not there. Readable by everybody: the machine that reads it has no rights.
    static func rename(_ draft: String, into path: String) -> Bool {
        let file = open(draft, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return fchmod(file, 0o644) == 0 && fsync(file) == 0 && Glibc.rename(draft, path) == 0
    }

    static func write(_ bytes: [UInt8], to path: String) throws(SandboxError) {
        let draft = draft(of: path)
        let file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw failure("write", draft) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        close(file)
        guard rest.isEmpty, rename(draft, into: path) else {
            let failure = failure("write", path)
            unlink(draft)
            throw failure
        }
    }

    /// Nothing, where there is no such directory.
    static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
        return names
    }

    static func makeDirectory(_ path: String) throws(SandboxError) {
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failure("make", path) }
    }

    /// Nil when `path` is no symbolic link.
    static func linkTarget(of path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes -> Int in
            guard let start = bytes.baseAddress else { return 0 }
            return readlink(path, start.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    /// Of what is there, from the root, through no links.
    static func absolute(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }

    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// A path to the same contents that everybody may read: `path` itself, or a copy in `directory`.
    static func readableByAll(_ path: String, in directory: String) throws(SandboxError) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure("read", path) }
        if status.st_mode & S_IROTH != 0 { return path }
        let copy = "\(directory)/kernel"
        try write(try contents(of: path), to: copy)
        return copy
    }

    private static func failure(_ what: String, _ path: String) -> SandboxError {
        SandboxError(.hostLacks, "The microVM driver cannot \(what) \(path): \(SystemError.text(of: errno))")
    }
}
