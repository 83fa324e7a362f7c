// SPDX-License-Identifier: Apache-2.0
import Crypto
import Glibc
import LinuxSystem

/// Writes one blob to a new file and knows at the end whether it is the one that was asked for. Used by one task at a time.
final class BlobWriter: @unchecked Sendable {
    private let expected: Descriptor
    private var file: Int32
    private var sum = SHA256()
    private var count = 0

    /// The file must not be there yet.
    init(_ path: String, expecting descriptor: Descriptor) throws {
        expected = descriptor
        file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw RootDirectory.failure("create a blob") }
    }

    deinit { if file >= 0 { close(file) } }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count <= expected.size - count else {
            throw ImageFault.invalid("\(expected.digest) is longer than its descriptor says")
        }
        count += bytes.count
        sum.update(bufferPointer: bytes)
        do { try FileDescriptor(file).writeAll(bytes) } catch {
            throw RootDirectory.failure("write a blob", error.code)
        }
    }

    /// Returns once the file is whole, right and on the disk.
    func finish() throws {
        guard count == expected.size, ImageDigest(sum.finalize()) == expected.digest else {
            throw ImageFault.invalid("\(expected.digest) has another content than its digest says")
        }
        guard fsync(file) == 0 else { throw RootDirectory.failure("sync a blob") }
    }
}
