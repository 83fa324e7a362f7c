// SPDX-License-Identifier: Apache-2.0

/// The head of each packet of a virtio socket, little-endian, as the specification of virtio lays it out.
struct PacketHeader: Equatable {
    static let size = 44
    /// The address of the host's side.
    static let hostCID: UInt64 = 2

    var sourceCID: UInt64
    var destinationCID: UInt64
    var sourcePort: UInt32
    var destinationPort: UInt32
    /// Bytes that follow.
    var length: UInt32 = 0
    var type: UInt16 = PacketType.stream
    var operation: UInt16
    var flags: UInt32 = 0
    /// What the sender has room for, all told, and how much it has passed on since the connection began, wrapping.
    var bufferSize: UInt32 = 0
    var forwarded: UInt32 = 0
}

enum PacketType {
    static let stream: UInt16 = 1
}

enum PacketOperation {
    static let request: UInt16 = 1
    static let response: UInt16 = 2
    static let reset: UInt16 = 3
    static let shutdown: UInt16 = 4
    static let data: UInt16 = 5
    static let creditUpdate: UInt16 = 6
    static let creditRequest: UInt16 = 7
}

/// What the sender of a SHUTDOWN will do no more.
struct ShutdownFlags: OptionSet {
    let rawValue: UInt32
    static let receives = ShutdownFlags(rawValue: 1)
    static let sends = ShutdownFlags(rawValue: 2)
    static let both: ShutdownFlags = [.receives, .sends]
}

extension PacketHeader {
    /// `bytes` has at least `size` of them.
    init(_ bytes: UnsafeRawBufferPointer) {
        func field<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type) -> Value {
            Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
        }
        sourceCID = field(0, as: UInt64.self)
        destinationCID = field(8, as: UInt64.self)
        sourcePort = field(16, as: UInt32.self)
        destinationPort = field(20, as: UInt32.self)
        length = field(24, as: UInt32.self)
        type = field(28, as: UInt16.self)
        operation = field(30, as: UInt16.self)
        flags = field(32, as: UInt32.self)
        bufferSize = field(36, as: UInt32.self)
        forwarded = field(40, as: UInt32.self)
    }

    /// `bytes` has at least `size` of them.
    func write(to bytes: UnsafeMutableRawBufferPointer) {
        func put<Value: FixedWidthInteger>(_ value: Value, _ offset: Int) {
            bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
        }
        put(sourceCID, 0)
        put(destinationCID, 8)
        put(sourcePort, 16)
        put(destinationPort, 20)
        put(length, 24)
        put(type, 28)
        put(operation, 30)
        put(flags, 32)
        put(bufferSize, 36)
        put(forwarded, 40)
    }

    /// The answer to a packet that belongs to no connection, or must not.
    var refusal: PacketHeader {
        PacketHeader(
            sourceCID: destinationCID,
            destinationCID: sourceCID,
            sourcePort: destinationPort,
            destinationPort: sourcePort,
            type: type,
            operation: PacketOperation.reset
        )
    }
}
