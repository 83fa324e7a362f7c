// SPDX-License-Identifier: Apache-2.0
import MartletCore
package import NIOCore

extension EventMessage {
    /// Appends the frame: lengths, checksum of the lengths, headers, payload, checksum of everything.
    package func encode(into output: inout ByteBuffer) throws(EventStreamFault) {
        var block = ByteBuffer()
        for header in headers { try header.encode(into: &block) }
        guard block.readableBytes <= Self.maximumHeaderBytes else {
            throw EventStreamFault(reason: "the headers are too long")
        }
        let total = 16 + block.readableBytes + payload.readableBytes
        guard total <= Self.maximumBytes else { throw EventStreamFault(reason: "the message is too long") }
        var frame = ByteBuffer()
        frame.reserveCapacity(total)
        frame.writeInteger(UInt32(total))
        frame.writeInteger(UInt32(block.readableBytes))
        frame.writeInteger(CRC32.of(frame.readableBytesView))
        frame.writeImmutableBuffer(block)
        frame.writeImmutableBuffer(payload)
        frame.writeInteger(CRC32.of(frame.readableBytesView))
        output.writeImmutableBuffer(frame)
    }
}

extension EventMessage.Header {
    /// The length of the name in a byte, the name, the type in a byte, the value.
    func encode(into block: inout ByteBuffer) throws(EventStreamFault) {
        let name = Array(name.utf8)
        guard (1...255).contains(name.count) else {
            throw EventStreamFault(reason: "a header's name has 1 to 255 bytes")
        }
        block.writeInteger(UInt8(name.count))
        block.writeBytes(name)
        switch value {
        case .bool(let yes): block.writeInteger(UInt8(yes ? 0 : 1))
        case .int8(let value): block.writeMultipleIntegers(UInt8(2), value)
        case .int16(let value): block.writeMultipleIntegers(UInt8(3), value)
        case .int32(let value): block.writeMultipleIntegers(UInt8(4), value)
        case .int64(let value): block.writeMultipleIntegers(UInt8(5), value)
        case .bytes(let bytes): try Self.write(6, bytes, to: &block)
        case .string(let text): try Self.write(7, ByteBuffer(string: text), to: &block)
        case .timestamp(let instant): block.writeMultipleIntegers(UInt8(8), instant.milliseconds)
        case .uuid(let bytes):
            guard bytes.count == 16 else { throw EventStreamFault(reason: "a UUID has 16 bytes") }
            block.writeInteger(UInt8(9))
            block.writeBytes(bytes)
        }
    }

    private static func write(_ type: UInt8, _ bytes: ByteBuffer, to block: inout ByteBuffer) throws(EventStreamFault) {
        guard bytes.readableBytes <= 32_767 else {
            throw EventStreamFault(reason: "a header's value has at most 32,767 bytes")
        }
        block.writeMultipleIntegers(type, UInt16(bytes.readableBytes))
        block.writeImmutableBuffer(bytes)
    }
}
