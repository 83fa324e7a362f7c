// SPDX-License-Identifier: Apache-2.0
package import Dispatch
import Glibc
package import MartletCore

/// A TCP connection on which a test may write whatever it likes. Blocking calls, on threads of their own.
package final class RawConnection: Sendable {
    private let descriptor: Int32
    /// Its own, or that of one caller: the global queue has a thread a core, and blocked ones are missed.
    private let queue: DispatchQueue

    /// Reads give up after `timeoutSeconds`, long enough for a machine that is busy with other tests.
    package init(
        to endpoint: Endpoint,
        timeoutSeconds: Int = 600,
        on queue: DispatchQueue = DispatchQueue(label: "raw connection")
    ) async throws {
        self.queue = queue
        descriptor = try await Self.blocking(on: queue) { try Self.connect(port: endpoint.port, timeoutSeconds) }
    }

    deinit { Glibc.close(descriptor) }

    package func send(_ bytes: [UInt8]) async throws {
        try await Self.blocking(on: queue) { [descriptor] in
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes { raw in
                    Glibc.send(descriptor, raw.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { throw Self.failure("send") }
                sent += count
            }
        }
    }

    package func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    /// The next bytes; empty when the server has closed its side.
    package func receive() async throws -> [UInt8] {
        try await Self.blocking(on: queue) { [descriptor] in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = Glibc.recv(descriptor, &buffer, buffer.count, 0)
            guard count >= 0 else { throw Self.failure("receive") }
            return Array(buffer[..<count])
        }
    }

    /// Everything up to the server's end of file. A reset counts as one.
    package func receiveAll() async throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let piece: [UInt8]
            do { piece = try await receive() } catch let error as MartletError where error.code == "test.reset" {
                return all
            }
            if piece.isEmpty { return all }
            all += piece
        }
    }

    package func receiveText() async throws -> String { String(decoding: try await receiveAll(), as: UTF8.self) }

    /// Says that no more will be sent, and goes on listening.
    package func finishSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// From now on the connection ends with a reset when it is let go.
    package func endsWithReset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    private static func connect(port: Int, _ timeoutSeconds: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure("socket") }
        var timeout = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            defer { Glibc.close(descriptor) }
            throw failure("connect")
        }
        return descriptor
    }

    private static func failure(_ what: String) -> MartletError {
        let code = errno
        return MartletError(
            code == ECONNRESET || code == EPIPE ? "test.reset" : "test.socket",
            "\(what) failed, errno \(code)"
        )
    }

    /// Off the threads that Swift's tasks share, which the server needs too.
    private static func blocking<T: Sendable>(
        on queue: DispatchQueue,
        _ body: @escaping @Sendable () throws -> T
    ) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
