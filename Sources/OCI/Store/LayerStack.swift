// SPDX-License-Identifier: Apache-2.0
import Crypto
import Glibc
import LinuxSystem

/// Unpacks an image's layers over each other into one directory. Blocks its thread.
struct LayerStack {
    /// The blobs' files, the lowest first, with the digest that each must have when unpacked.
    var layers: [(path: String, digest: ImageDigest)]
    var limits: ImageLimits

    /// `root` is empty and nobody else's. Throws `ImageFault`; what was written by then stays, for the caller to remove.
    func unpack(into root: FileDescriptor) throws {
        var bytesLeft = limits.unpackedBytes
        var entries = 0
        for layer in layers {
            (bytesLeft, entries) = try unpack(layer.path, layer.digest, into: root, bytesLeft, entries)
        }
        guard fchmodat(root.number, ".", 0o755, 0) == 0 else { throw RootDirectory.failure("set the mode of the root") }
    }

    private func unpack(
        _ path: String,
        _ digest: ImageDigest,
        into root: FileDescriptor,
        _ bytesLeft: Int,
        _ entriesBefore: Int
    ) throws -> (bytesLeft: Int, entries: Int) {
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { throw RootDirectory.failure("open a layer") }
        defer { close(file) }
        var unpacker = LayerUnpacker(into: root, limits: limits, bytesLeft: bytesLeft)
        defer { unpacker.close() }
        var reader = TarReader(limits: limits, entriesBefore: entriesBefore)
        var sum = SHA256()
        // The archive is longer than its files: by headers and padding for each.
        let decompressor = try Decompressor(limit: bytesLeft + limits.entries * 4 * TarHeader.length)
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw RootDirectory.failure("read a layer") }
            if count == 0 { break }
            try buffer.withUnsafeBytes { bytes in
                try decompressor.feed(UnsafeRawBufferPointer(rebasing: bytes[..<count])) { piece in
                    sum.update(bufferPointer: piece)
                    try reader.feed(piece, &unpacker)
                }
            }
        }
        try decompressor.finish()
        try reader.finish()
        guard ImageDigest(sum.finalize()) == digest else {
            throw ImageFault.invalid("a layer has another content than the configuration says")
        }
        return (unpacker.bytesLeft, reader.entryCount)
    }
}
