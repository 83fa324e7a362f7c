// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// Blocking calls on sockets, each with a limit of time, for threads that may block.
enum Socket {
    /// POLLRDHUP, which the Swift importer does not see: the other end has sent its last byte, and it is here.
    static let peerHasEnded: Int32 = 0x2000

    /// Seconds of a clock that only goes forward.
    static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }

    /// Whether the event, or an end, comes within the time.
    static func waits(_ socket: FileDescriptor, for event: Int32, seconds: Int) -> Bool {
        let deadline = now() + seconds
        repeat {
            var polled = pollfd(fd: socket.number, events: Int16(truncatingIfNeeded: event), revents: 0)
            let left = Int32(clamping: max(0, deadline - now()) * 1_000)
            let count = poll(&polled, 1, left)
            if count > 0 { return true }
            if count < 0, errno != EINTR { return false }
        } while now() < deadline
        return false
    }

    /// Exactly `count` bytes; nil when they do not come.
    static func read(_ count: Int, from socket: FileDescriptor, seconds: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var have = 0
        let deadline = now() + seconds
        while have < count {
            guard waits(socket, for: POLLIN, seconds: deadline - now()) else { return nil }
            let got = bytes.withUnsafeMutableBytes { bytes in
                recv(socket.number, bytes.baseAddress.map { $0 + have }, count - have, Int32(MSG_DONTWAIT))
            }
            if got < 0, errno == EAGAIN || errno == EINTR { continue }
            guard got > 0 else { return nil }
            have += got
        }
        return bytes
    }

    /// False when the other end does not take them, with `errno`.
    static func write(_ bytes: [UInt8], to socket: FileDescriptor) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let put = rest.withUnsafeBytes { send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if put < 0, errno == EINTR { continue }
            guard put > 0 else { return false }
            rest = rest.dropFirst(put)
        }
        return true
    }

    /// Nil when none comes within the time. The listener does not block: who has connected may have gone again by now.
    static func accept(at listener: FileDescriptor, seconds: Int) -> FileDescriptor? {
        guard waits(listener, for: POLLIN, seconds: seconds) else { return nil }
        return try? listener.accept()
    }

    static func limitSending(_ socket: FileDescriptor, seconds: Int) {
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(socket.number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    static func setNonBlocking(_ socket: FileDescriptor) -> Bool {
        fcntl(socket.number, F_SETFL, fcntl(socket.number, F_GETFL) | O_NONBLOCK) == 0
    }

    static func shutDown(_ socket: FileDescriptor) { _ = shutdown(socket.number, Int32(SHUT_RDWR)) }
}

extension FileDescriptor {
    /// Another number for the same, closed at exec. When there is none left, −1, of which every use fails.
    func duplicate() -> FileDescriptor { FileDescriptor(fcntl(number, F_DUPFD_CLOEXEC, 3)) }
}

/// A Unix socket that listens.
enum UnixListener {
    static func open(at path: String) throws(SystemError) -> FileDescriptor {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8) + [0]
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { place in
            guard bytes.count <= place.count else { return false }
            place.copyBytes(from: bytes)
            return true
        }
        guard fits else { throw SystemError("listen at \(path)", ENAMETOOLONG) }
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let listener = socket(AF_UNIX, type, 0)
        guard listener >= 0 else { throw SystemError("make a socket", errno) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(listener, 64) == 0 else {
            let failure = SystemError("listen at \(path)", errno)
            close(listener)
            throw failure
        }
        return FileDescriptor(listener)
    }
}
