// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The folder of a sandbox's image: what the jailer has put there, and a note of where it comes from.
package struct ImageFolder: Sendable, Equatable {
    package let path: String

    private static let files = ["table", "memory", "files", "table.new", "origin"]
    private static let maximumNoteBytes = 4 << 10

    package init(_ path: String) { self.path = path }

    /// A new folder in `/tmp`.
    package static func temporary() throws(SystemError) -> ImageFolder {
        var template = Array("/tmp/martlet-image-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else { throw SystemError("mkdtemp", errno) }
        return ImageFolder(String(cString: path))
    }

    private func path(of file: String) -> String { "\(path)/\(file)" }

    /// The bytes that it takes on disk.
    package var bytes: Int {
        Self.files.reduce(0) { sum, file in
            var status = stat()
            guard lstat(path(of: file), &status) == 0 else { return sum }
            return sum + Int(clamping: Int64(status.st_blocks)) * 512
        }
    }

    /// Whether the image is whole: its table is named last.
    package var isWhole: Bool { access(path(of: "table"), R_OK) == 0 }

    /// Its memory, files and table, for reading; the caller owns them.
    package func open() throws(SystemError) -> [FileDescriptor] {
        var opened: [FileDescriptor] = []
        for file in ["memory", "files", "table"] {
            let number = Glibc.open(path(of: file), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            guard number >= 0 else {
                let error = SystemError("open \(path(of: file))", errno)
                opened.closeAll()
                throw error
            }
            opened.append(FileDescriptor(number))
        }
        return opened
    }

    package func writeOrigin(_ text: String) throws(SystemError) {
        let number = Glibc.open(path(of: "origin"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw SystemError("open \(path(of: "origin"))", errno) }
        let file = FileDescriptor(number)
        defer { file.close() }
        var failure: SystemError?
        Array(text.utf8).withUnsafeBytes { bytes in
            do throws(SystemError) { try file.writeAll(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    package var origin: String? { SmallFile.text(path(of: "origin"), upTo: Self.maximumNoteBytes) }

    /// Removes the image and the folder, unless there is something else in it.
    package func remove() {
        for file in Self.files { unlink(path(of: file)) }
        rmdir(path)
    }
}

/// What an image cannot outlive: the boot, the kernel, and the program that has written it.
package enum ImageOrigin {
    /// Nil when the kernel does not tell.
    package static func current(program: String) -> String? {
        var status = stat()
        guard let boot = SmallFile.text("/proc/sys/kernel/random/boot_id", upTo: 64),
            let kernel = SmallFile.text("/proc/sys/kernel/osrelease", upTo: 256),
            stat(program, &status) == 0
        else { return nil }
        let time = "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        return "\(boot)\(kernel)\(status.st_dev) \(status.st_ino) \(status.st_size) \(time)\n"
    }
}

enum SmallFile {
    /// The beginning of a file. Nil when it cannot be read, or is no UTF-8.
    static func text(_ path: String, upTo limit: Int) -> String? {
        let number = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard number >= 0 else { return nil }
        defer { close(number) }
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, read(number, buffer.baseAddress, limit))
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
