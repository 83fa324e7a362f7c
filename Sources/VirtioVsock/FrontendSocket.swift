// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// The conversation with the front end: a stream of messages, some of which bring descriptors. Never blocks; what has come
/// of a message is kept until the rest is there.
struct FrontendSocket {
    let descriptor: FileDescriptor
    private let buffer: UnsafeMutableRawBufferPointer
    private var have = 0
    private var received: [FileDescriptor] = []

    struct Message {
        var header: FrontendHeader
        var request: FrontendMessage
        /// The receiver closes them.
        var descriptors: [FileDescriptor]
    }

    init(_ descriptor: FileDescriptor) {
        self.descriptor = descriptor
        buffer = .allocate(byteCount: FrontendHeader.size + VsockLimits.messageBytes, alignment: 8)
        _ = fcntl(descriptor.number, F_SETFL, fcntl(descriptor.number, F_GETFL) | O_NONBLOCK)
    }

    /// Nothing can be done with it afterwards.
    mutating func close() {
        received.closeAll()
        received = []
        descriptor.close()
        buffer.deallocate()
    }

    /// The next message, nil when not all of it has come.
    mutating func next() throws(ProtocolBreach) -> Message? {
        if have < FrontendHeader.size {
            guard try fill(to: FrontendHeader.size) else { return nil }
        }
        let header = try FrontendHeader(UnsafeRawBufferPointer(rebasing: buffer[..<FrontendHeader.size]))
        let end = FrontendHeader.size + header.length
        if have < end {
            guard try fill(to: end) else { return nil }
        }
        let payload = UnsafeRawBufferPointer(rebasing: buffer[FrontendHeader.size..<end])
        let request = try FrontendMessage(request: header.request, payload: payload, descriptors: received.count)
        defer {
            received = []
            have = 0
        }
        return Message(header: header, request: request, descriptors: received)
    }

    /// Whether there are `end` bytes now.
    private mutating func fill(to end: Int) throws(ProtocolBreach) -> Bool {
        while have < end {
            var numbers = [Int32](repeating: -1, count: VsockLimits.memoryRegions)
            var count = numbers.count
            let result = martlet_packet_receive(
                descriptor.number,
                buffer.baseAddress.map { $0 + have },
                end - have,
                &numbers,
                &count
            )
            received += numbers.prefix(count).map { FileDescriptor($0) }
            if result == -Int64(EAGAIN) { return false }
            guard result > 0, received.count <= VsockLimits.memoryRegions else { throw ProtocolBreach() }
            have += Int(result)
        }
        return true
    }

    /// A front end that does not read its answers is none.
    func send(_ bytes: [UInt8]) throws(ProtocolBreach) {
        do { try descriptor.sendAtOnce(bytes) } catch { throw ProtocolBreach() }
    }
}
