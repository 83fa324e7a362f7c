// SPDX-License-Identifier: Apache-2.0
import CEpoll
import Glibc
import LinuxSystem

@testable import VirtioVsock

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Longer than anything here takes; a test that waits so long has found that something hangs.
let patienceMilliseconds: Int32 = 20_000

/// Acts as the emulator: memory that is a file, event descriptors, and the conversation.
final class TestFrontend {
    static let guestStart: UInt64 = 0x10_0000
    static let frontendStart: UInt64 = 0x7000_0000_0000
    static let memoryBytes = 4 << 20

    let socket: FileDescriptor
    /// For the device.
    let deviceSocket: FileDescriptor
    let memory: UnsafeMutableRawBufferPointer
    let file: FileDescriptor
    let kicks: [FileDescriptor]
    let calls: [FileDescriptor]

    init() throws {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            throw TestFailure("socketpair")
        }
        (socket, deviceSocket) = (FileDescriptor(pair[0]), FileDescriptor(pair[1]))
        var name = Array("/tmp/vsock-memory-XXXXXX".utf8CString)
        file = FileDescriptor(mkstemp(&name))
        unlink(name)
        guard ftruncate(file.number, Self.memoryBytes) == 0,
            let start = mmap(nil, Self.memoryBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.number, 0),
            start != MAP_FAILED
        else { throw TestFailure("memory") }
        memory = UnsafeMutableRawBufferPointer(start: start, count: Self.memoryBytes)
        kicks = (0..<2).map { _ in Self.event() }
        calls = (0..<2).map { _ in Self.event() }
    }

    deinit {
        socket.close()
        file.close()
        kicks.closeAll()
        calls.closeAll()
        munmap(memory.baseAddress, memory.count)
    }

    static func event() -> FileDescriptor { FileDescriptor(eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))) }

    /// The bytes of a message.
    static func message(_ request: UInt32, _ payload: [UInt8] = [], flags: UInt32 = 1) -> [UInt8] {
        FrontendHeader.bytes(of: request) + FrontendHeader.bytes(of: flags)
            + FrontendHeader.bytes(of: UInt32(payload.count)) + payload
    }

    func say(_ request: UInt32, _ payload: [UInt8] = [], _ descriptors: [FileDescriptor] = []) throws {
        try send(Self.message(request, payload), descriptors)
    }

    /// Says it and waits for the acknowledgement.
    func agree(_ request: UInt32, _ payload: [UInt8] = [], _ descriptors: [FileDescriptor] = []) throws -> UInt64 {
        try send(Self.message(request, payload, flags: 9), descriptors)
        return try answer().withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    }

    func ask(_ request: UInt32, _ payload: [UInt8] = []) throws -> [UInt8] {
        try say(request, payload)
        return try answer()
    }

    /// The payload of the next answer.
    func answer() throws -> [UInt8] {
        let head = try read(12)
        let length = head.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 8, as: UInt32.self) }
        guard head[4] == 5 else { throw TestFailure("flags \(head[4])") }
        return try read(Int(length))
    }

    private func read(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count { bytes += try HostPeer.read(socket, count - bytes.count) }
        return bytes
    }

    func send(_ bytes: [UInt8], _ descriptors: [FileDescriptor] = []) throws {
        // A control message by hand: its length, its level and type, and the numbers.
        let numbers = descriptors.flatMap { FrontendHeader.bytes(of: $0.number) }
        var control = FrontendHeader.bytes(of: UInt64(16 + numbers.count))
        control += FrontendHeader.bytes(of: SOL_SOCKET) + FrontendHeader.bytes(of: Int32(SCM_RIGHTS)) + numbers
        control += [UInt8](repeating: 0, count: control.count % 8 == 0 ? 0 : 4)
        var bytes = bytes
        let sent = bytes.withUnsafeMutableBytes { data in
            control.withUnsafeMutableBytes { control in
                var part = iovec(iov_base: data.baseAddress, iov_len: data.count)
                var message = msghdr()
                if !descriptors.isEmpty {
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                }
                return withUnsafeMutablePointer(to: &part) { part in
                    message.msg_iov = part
                    message.msg_iovlen = 1
                    return sendmsg(socket.number, &message, Int32(MSG_NOSIGNAL))
                }
            }
        }
        guard sent == bytes.count else { throw TestFailure("sendmsg: \(errno)") }
    }
}

extension TestFrontend {
    func bytes(_ values: UInt32...) -> [UInt8] { values.flatMap { FrontendHeader.bytes(of: $0) } }
    func bytes(_ values: UInt64...) -> [UInt8] { values.flatMap { FrontendHeader.bytes(of: $0) } }

    /// All that comes before the rings: features, and the memory.
    func introduce(features: UInt64) throws {
        try say(3)
        try say(2, bytes(features | Feature.version1 | Feature.protocolFeatures))
        try say(16, bytes(Feature.offeredToProtocol))
        try shareMemory()
    }

    func shareMemory() throws {
        let region = bytes(Self.guestStart, UInt64(Self.memoryBytes), Self.frontendStart, 0)
        try say(5, bytes(UInt32(1), 0) + region, [file])
    }

    /// Sets a ring up and lets it run. `place` is where in the memory it lies: 4 KiB for each of its parts.
    func startRing(_ ring: UInt32, size: UInt16, place: Int, base: UInt16 = 0) throws {
        let start = Self.frontendStart + UInt64(place)
        try say(8, bytes(ring, UInt32(size)))
        try say(10, bytes(ring, UInt32(base)))
        try say(9, bytes(ring, 0) + bytes(start, start + 0x2000, start + 0x1000, 0))
        try say(13, bytes(UInt64(ring)), [calls[Int(ring)]])
        try say(12, bytes(UInt64(ring)), [kicks[Int(ring)]])
        try say(18, bytes(ring, 1))
    }
}
