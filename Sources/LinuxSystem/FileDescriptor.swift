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
