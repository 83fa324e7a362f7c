// SPDX-License-Identifier: Apache-2.0

/// The front end has broken the protocol, or cannot be spoken with: the device ends.
struct ProtocolBreach: Error, Equatable {}

/// Addresses of a queue's parts, as in the front end's process.
struct RingAddresses: Equatable {
    var descriptors: UInt64
    var available: UInt64
    var used: UInt64
}

/// A request of the vhost-user front end, as far as a socket device hears any.
enum FrontendMessage: Equatable {
    case getFeatures
    case setFeatures(UInt64)
    case setOwner
    case resetOwner
    case setMemory([MemoryDescription])
    case setRingSize(Int, UInt16)
    case setRingAddresses(Int, RingAddresses)
    case setRingBase(Int, UInt16)
    case getRingBase(Int)
    /// With a descriptor.
    case setRingKick(Int)
    /// With a descriptor, or none: then there is nobody to signal.
    case setRingCall(Int)
    case setRingError(Int)
    case getProtocolFeatures
    case setProtocolFeatures(UInt64)
    case getQueueCount
    case setRingEnabled(Int, Bool)
    case getConfiguration(offset: UInt32, size: UInt32, flags: UInt32)
    case setConfiguration
}

/// What comes before each message, in the byte order of the machine.
struct FrontendHeader: Equatable {
    static let size = 12

    var request: UInt32
    var needsReply: Bool
    var length: Int

    /// `bytes` has `size` of them.
    init(_ bytes: UnsafeRawBufferPointer) throws(ProtocolBreach) {
        request = bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self)
        let flags = bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
        let length = bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
        // Version 1, and no reply itself.
        guard flags & 7 == 1, length <= VsockLimits.messageBytes else { throw ProtocolBreach() }
        needsReply = flags & 8 != 0
        self.length = Int(length)
    }

    /// The bytes of an answer to `request`.
    static func reply(to request: UInt32, _ payload: [UInt8]) -> [UInt8] {
        bytes(of: request) + bytes(of: UInt32(1 | 4)) + bytes(of: UInt32(payload.count)) + payload
    }

    static func bytes(of value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
}

extension FrontendMessage {
    private static let ringIndexMask: UInt64 = 0xff
    private static let noDescriptor: UInt64 = 0x100

    /// `descriptors` is how many came with it.
    init(request: UInt32, payload: UnsafeRawBufferPointer, descriptors: Int) throws(ProtocolBreach) {
        var fields = Fields(payload)
        var taken = 0
        switch request {
        case 1: self = .getFeatures
        case 2: self = .setFeatures(try fields.u64())
        case 3: self = .setOwner
        case 4: self = .resetOwner
        case 5:
            let table = try fields.memoryTable()
            self = .setMemory(table)
            taken = table.count
        case 8: self = .setRingSize(try fields.ring(), try fields.small())
        case 9: self = try fields.ringAddresses()
        case 10: self = .setRingBase(try fields.ring(), try fields.small())
        case 11:
            self = .getRingBase(try fields.ring())
            _ = try fields.u32()
        case 12, 13, 14:
            let value = try fields.u64()
            let ring = try Fields.checked(value & Self.ringIndexMask)
            taken = value & Self.noDescriptor == 0 ? 1 : 0
            // A queue without a kick would have to be looked at all the time.
            guard request != 12 || taken == 1 else { throw ProtocolBreach() }
            self = request == 12 ? .setRingKick(ring) : request == 13 ? .setRingCall(ring) : .setRingError(ring)
        case 15: self = .getProtocolFeatures
        case 16: self = .setProtocolFeatures(try fields.u64())
        case 17: self = .getQueueCount
        case 18: self = .setRingEnabled(try fields.ring(), try fields.small() != 0)
        case 24:
            self = .getConfiguration(offset: try fields.u32(), size: try fields.u32(), flags: try fields.u32())
            fields.skipRest()
        case 25:
            self = .setConfiguration
            fields.skipRest()
        default: throw ProtocolBreach()
        }
        guard fields.isAtEnd, taken == descriptors else { throw ProtocolBreach() }
    }

    /// Whether it has an answer of its own, beside the acknowledgement that any may ask for.
    var isQuestion: Bool {
        switch self {
        case .getFeatures, .getRingBase, .getProtocolFeatures, .getQueueCount, .getConfiguration: true
        default: false
        }
    }
}

/// Reads the payload of a message from front to end.
private struct Fields {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func skipRest() { position = bytes.count }

    private mutating func next<Value: FixedWidthInteger>(_ type: Value.Type) throws(ProtocolBreach) -> Value {
        let size = MemoryLayout<Value>.size
        guard bytes.count - position >= size else { throw ProtocolBreach() }
        defer { position += size }
        return bytes.loadUnaligned(fromByteOffset: position, as: type)
    }

    mutating func u32() throws(ProtocolBreach) -> UInt32 { try next(UInt32.self) }
    mutating func u64() throws(ProtocolBreach) -> UInt64 { try next(UInt64.self) }

    mutating func ring() throws(ProtocolBreach) -> Int { try Self.checked(UInt64(try u32())) }

    static func checked(_ ring: UInt64) throws(ProtocolBreach) -> Int {
        guard ring < VsockLimits.queues else { throw ProtocolBreach() }
        return Int(ring)
    }

    mutating func small() throws(ProtocolBreach) -> UInt16 {
        guard let value = UInt16(exactly: try u32()) else { throw ProtocolBreach() }
        return value
    }

    mutating func ringAddresses() throws(ProtocolBreach) -> FrontendMessage {
        let ring = try ring()
        // Flags, of which the only one asks for a log that is not offered.
        guard try u32() & 1 == 0 else { throw ProtocolBreach() }
        let (descriptors, used, available) = (try u64(), try u64(), try u64())
        _ = try u64()
        return .setRingAddresses(ring, RingAddresses(descriptors: descriptors, available: available, used: used))
    }

    mutating func memoryTable() throws(ProtocolBreach) -> [MemoryDescription] {
        let count = try u32()
        _ = try u32()
        guard count <= VsockLimits.memoryRegions else { throw ProtocolBreach() }
        var table: [MemoryDescription] = []
        for _ in 0..<count {
            table.append(
                MemoryDescription(
                    guestAddress: try u64(),
                    size: try u64(),
                    frontendAddress: try u64(),
                    offset: try u64()
                )
            )
        }
        return table
    }
}
