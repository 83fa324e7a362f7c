// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem

/// An image layout in a directory of this machine. Links in it lead nowhere outside the directory that the operator allowed.
struct LayoutSource: ImageSource {
    let directory: String
    /// Below `directory`.
    let path: String
    let limits: ImageLimits

    /// The entry of that name in the layout's index; without a name the only one there is, or `latest`.
    func document(tag: String?) async throws -> [UInt8] {
        guard case .index(let entries) = try Document(try await file("index.json"), limits: limits) else {
            throw ImageFault.invalid("the layout's index.json is no index")
        }
        let named = entries.filter { $0.name == tag ?? "latest" }
        guard let entry = named.first ?? (tag == nil && entries.count == 1 ? entries.first : nil) else {
            throw ImageFault(.notFound, "the layout has no image \(tag ?? "latest")")
        }
        return try await document(entry.descriptor.digest)
    }

    func document(_ digest: ImageDigest) async throws -> [UInt8] { try await file("blobs/sha256/\(digest.hex)") }

    func blob(_ digest: ImageDigest, into writer: BlobWriter) async throws {
        try await ImageThreads.run {
            let file = try open("blobs/sha256/\(digest.hex)")
            defer { file.close() }
            var buffer = [UInt8](repeating: 0, count: 1 << 18)
            while true {
                let count = read(file.number, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw RootDirectory.failure("read a blob") }
                if count == 0 { return }
                try buffer.withUnsafeBytes { try writer.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            }
        }
    }

    private func file(_ name: String) async throws -> [UInt8] {
        try await ImageThreads.runQuickly {
            let file = try open(name)
            defer { file.close() }
            return try file.contents(limit: limits.documentBytes)
        }
    }

    private func open(_ name: String) throws -> FileDescriptor {
        // A configured directory may itself be a link: it is the operator's.
        do {
            let top = try FileDescriptor.directory(directory)
            defer { top.close() }
            let flags = O_RDONLY | O_NONBLOCK
            let file = try top.open(inRoot: Array("\(path)/\(name)".utf8), flags: flags)
            var status = stat()
            guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                file.close()
                throw ImageFault.invalid("\(name) of the layout is no file")
            }
            return file
        } catch let error as SystemError {
            throw ImageFault(.notFound, "the layout at \(directory)/\(path) has no \(name) (\(error))")
        }
    }
}

extension FileDescriptor {
    func contents(limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(number, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw RootDirectory.failure("read a document") }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else {
                throw ImageFault(.tooLarge, "a document is larger than \(limit) bytes")
            }
            bytes += buffer[..<count]
        }
    }
}
