// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// System calls of a Unix stream socket that never block. Each returns what it has moved, or minus `errno`.
enum UnixSocket {
    enum Attempt {
        case connected
        /// There is nobody, or nobody who may be reached.
        case refused
        /// The backlog of who listens is full.
        case again
    }

    static func make() -> FileDescriptor? {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let number = socket(AF_UNIX, type, 0)
        return number < 0 ? nil : FileDescriptor(number)
    }

    static func connect(_ descriptor: FileDescriptor, to path: String) -> Attempt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        // With its final zero.
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path), !bytes.contains(0) else { return .refused }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor.number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if result == 0 { return .connected }
        return errno == EAGAIN || errno == EINTR ? .again : .refused
    }

    static func send(_ descriptor: FileDescriptor, _ pieces: UnsafeMutablePointer<iovec>, _ count: Int) -> Int {
        var message = msghdr()
        message.msg_iov = pieces
        message.msg_iovlen = count
        while true {
            let sent = sendmsg(descriptor.number, &message, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            if sent >= 0 { return sent }
            if errno != EINTR { return -Int(errno) }
        }
    }

    static func receive(_ descriptor: FileDescriptor, _ pieces: UnsafeMutablePointer<iovec>, _ count: Int) -> Int {
        while true {
            let received = readv(descriptor.number, pieces, Int32(truncatingIfNeeded: count))
            if received >= 0 { return received }
            if errno != EINTR { return -Int(errno) }
        }
    }

    static func endWriting(_ descriptor: FileDescriptor) { shutdown(descriptor.number, Int32(SHUT_WR)) }
    static func endReading(_ descriptor: FileDescriptor) { shutdown(descriptor.number, Int32(SHUT_RD)) }
}
