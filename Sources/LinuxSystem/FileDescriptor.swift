// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// An open file, socket or pipe end, by number. A value, not an owner: whoever takes it closes it, once.
package struct FileDescriptor: Hashable, Sendable {
    package let number: Int32

    package init(_ number: Int32) { self.number = number }

    package func close() { _ = Glibc.close(number) }

    /// A TCP socket that listens on 127.0.0.1, at a port of the kernel's choice. Non-blocking, not inherited.
    package static func listeningOnLoopback() throws(SystemError) -> FileDescriptor {
        FileDescriptor(try SystemError.check("listen", martlet_listen_on_loopback()))
    }

    /// A TCP socket, not connected. Non-blocking, not inherited.
    package static func tcpSocket() throws(SystemError) -> FileDescriptor {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        return FileDescriptor(try SystemError.check("socket", Self.result(Glibc.socket(AF_INET, type, 0))))
    }

    /// The next connection of a listening socket, not inherited. Throws EAGAIN where there is none and it does not block.
    package func accept() throws(SystemError) -> FileDescriptor {
        FileDescriptor(try SystemError.check("accept", martlet_accept(number)))
    }

    /// As the C functions of this module tell it: minus errno.
    private static func result(_ result: Int32) -> Int32 { result < 0 ? -errno : result }

    /// Begins to connect a non-blocking TCP socket to a port of 127.0.0.1; what comes of it shows when it is used.
    package func beginConnecting(toLoopback port: UInt16) throws(SystemError) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result < 0, errno != EINPROGRESS else { return }
        _ = try SystemError.check("connect", -errno)
    }

    /// The port that an internet socket is bound to.
    package func localPort() throws(SystemError) -> UInt16 {
        UInt16(truncatingIfNeeded: try SystemError.check("getsockname", martlet_local_port(number)))
    }
}

extension Sequence<FileDescriptor> {
    package func closeAll() {
        for descriptor in self { descriptor.close() }
    }
}
