// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem

/// The host's side: a listening Unix socket, and what is said on its connections.
final class HostPeer {
    let listener: FileDescriptor
    private let path: String

    init(path: String, backlog: Int32 = 4_096) throws {
        self.path = path
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        listener = FileDescriptor(number)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(number, backlog) == 0 else { throw TestFailure("listen at \(path): \(errno)") }
    }

    deinit {
        // Also whoever is blocked in accepting.
        shutdown(listener.number, Int32(SHUT_RDWR))
        unlink(path)
    }

    func accept() throws -> FileDescriptor {
        try Self.wait(listener, for: POLLIN)
        return try listener.accept()
    }

    /// Sends back what comes, on a thread for each connection, until it ends; then ends, too.
    func echo() throws {
        let listener = listener
        try detachThread(named: "echo") {
            while let connection = try? listener.accept() {
                try? detachThread(named: "echo") {
                    while let bytes = try? Self.read(connection, 60_000), !bytes.isEmpty {
                        guard (try? bytes.withUnsafeBytes { try connection.sendAll($0) }) != nil else { break }
                    }
                    connection.close()
                }
            }
            listener.close()
        }
    }

    static func wait(_ descriptor: FileDescriptor, for events: Int32) throws {
        var entry = pollfd(fd: descriptor.number, events: Int16(events), revents: 0)
        guard poll(&entry, 1, patienceMilliseconds) == 1 else { throw TestFailure("nothing has come") }
    }

    /// What there is, at most `count`; nothing at the end.
    static func read(_ descriptor: FileDescriptor, _ count: Int) throws -> [UInt8] {
        try wait(descriptor, for: POLLIN)
        var bytes = [UInt8](repeating: 0, count: count)
        let got = Glibc.read(descriptor.number, &bytes, count)
        guard got >= 0 else { throw SystemError("read", errno) }
        return Array(bytes.prefix(got))
    }

    /// That many.
    static func readAll(_ descriptor: FileDescriptor, _ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try read(descriptor, count - bytes.count)
            guard !more.isEmpty else { throw TestFailure("ended after \(bytes.count)") }
            bytes += more
        }
        return bytes
    }
}

extension FileDescriptor {
    /// As `writeAll`, but without the signal when nobody reads any more.
    func sendAll(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            let sent = Glibc.send(number, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            guard sent > 0 else { throw SystemError("send", errno) }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(sent))
        }
    }
}
