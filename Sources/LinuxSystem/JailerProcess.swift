// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// The helper process that does what needs privileges, and the socket that leads to it. When the socket closes, the
/// helper ends every sandbox and itself.
package struct JailerProcess: Sendable {
    package let processID: Int32
    private let socket: FileDescriptor

    /// Starts `command`: a path, then arguments. The process is called `martlet-jailer`, by which the executable
    /// knows its part.
    package static func start(_ command: [String]) throws(SystemError) -> JailerProcess {
        guard let path = command.first else { throw SystemError("start the jailer", ENOENT) }
        var ours: Int32 = -1
        var theirs: Int32 = -1
        _ = try SystemError.check("socketpair", martlet_packet_pair(&ours, &theirs))
        let result = withArguments(["martlet-jailer"] + command.dropFirst()) { martlet_spawn_jailer(path, $0, theirs) }
        FileDescriptor(theirs).close()
        guard result >= 0 else {
            FileDescriptor(ours).close()
            throw SystemError("start \(path)", -result)
        }
        return JailerProcess(processID: result, socket: FileDescriptor(ours))
    }

    /// Sends one request. Any thread may; a message is sent whole.
    package func send(_ operation: JailerOperation, request: UInt32, body: [UInt8]) throws(SystemError) {
        var header = jailer_header(
            operation: operation.number,
            request: request,
            length: UInt32(truncatingIfNeeded: body.count),
            descriptors: 0
        )
        let result = body.withUnsafeBytes { martlet_packet_send(socket.number, &header, $0.baseAddress) }
        _ = try SystemError.check("send to the jailer", result)
    }

    /// Sends bytes as they are, for tests of the jailer's patience.
    package func sendRaw(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { Glibc.send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) } >= 0
    }

    /// Blocks until the next message. Nil when the jailer has gone, or has said nothing for as long as `patience`.
    package func receive() -> JailerMessage? {
        while true {
            var descriptors = [Int32](repeating: -1, count: Int(JAILER_MAX_DESCRIPTORS))
            var count = descriptors.count
            let message: JailerMessage?? = withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 8) { buffer in
                let length = martlet_packet_receive(
                    socket.number,
                    buffer.baseAddress,
                    buffer.count,
                    &descriptors,
                    &count
                )
                guard length > 0 else { return .none }
                let received = descriptors.prefix(count).map { FileDescriptor($0) }
                let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<Int(length)])
                guard let message = JailerMessage(bytes, received) else {
                    received.closeAll()
                    return .some(.none)
                }
                return .some(message)
            }
            guard let message else { return nil }
            if let message { return message }
        }
    }

    /// How long `receive` waits; nil for ever.
    package func setPatience(seconds: Int32?) { martlet_packet_patience(socket.number, seconds ?? 0) }

    /// Tells the jailer to end. A thread in `receive` gets nil.
    package func hangUp() { martlet_packet_shut_down(socket.number) }

    /// Blocks until the process has ended, and lets go of the socket. Call once, after `receive` has returned nil.
    /// Returns the wait status: 0 after an orderly end.
    @discardableResult package func reap() -> Int32 {
        defer { socket.close() }
        return martlet_wait(processID)
    }
}

/// Calls `body` with a C argument vector.
private func withArguments<Result>(
    _ arguments: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeBufferPointer { buffer in
        // Never empty: it ends in nil.
        buffer.baseAddress.map(body) ?? body([nil])
    }
}
