// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore

/// An open file, closed at the end of its life. Every call blocks, so it belongs on a `WorkerThread` or into the start.
struct RawFile: ~Copyable {
    private let descriptor: Int32
    private let path: String

    init(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws {
        let descriptor = open(path, flags | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw Self.failure("open", path) }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    func write(_ bytes: [UInt8]) throws {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                Glibc.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("write", path) }
            written += count
        }
    }

    func readAll() throws -> [UInt8] {
        let size = try Int(information().st_size)
        var bytes = [UInt8](repeating: 0, count: size)
        var filled = 0
        while filled < size {
            let count = bytes.withUnsafeMutableBytes { bytes in
                read(descriptor, bytes.baseAddress.map { $0 + filled }, size - filled)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure("read", path) }
            if count == 0 { break }
            filled += count
        }
        bytes.removeLast(size - filled)
        return bytes
    }

    func sync() throws {
        guard fsync(descriptor) == 0 else { throw Self.failure("sync", path) }
    }

    func truncate() throws {
        guard ftruncate(descriptor, 0) == 0 else { throw Self.failure("truncate", path) }
    }

    func setModified(_ instant: Instant) throws {
        var times = Self.times(instant)
        guard futimens(descriptor, &times) == 0 else { throw Self.failure("set the time of", path) }
    }

    func information() throws -> stat {
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { throw Self.failure("look at", path) }
        return information
    }

    /// Whether nobody else holds the lock. It is let go when the file is closed, also by the end of the process.
    func lock() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

    /// Closing does it too, unless a process that is just being started still has a copy of the descriptor.
    func unlock() { flock(descriptor, LOCK_UN) }

    /// Twice the same, for access and modification.
    static func times(_ instant: Instant) -> [timespec] {
        let time = timespec(
            tv_sec: Int(instant.milliseconds / 1_000),
            tv_nsec: Int(instant.milliseconds % 1_000) * 1_000_000
        )
        return [time, time]
    }

    static func failure(_ action: String, _ path: String) -> MartletError {
        let number = errno
        let code: MartletError.Code =
            switch number {
            case ENOSPC, EDQUOT: .storageFull
            case ENOENT: .storageMissing
            default: .storageIO
            }
        return MartletError(code, "cannot \(action) \(path): \(String(cString: strerror(number)))")
    }
}
