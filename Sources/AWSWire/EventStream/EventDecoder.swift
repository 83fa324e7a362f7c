// SPDX-License-Identifier: Apache-2.0
import MartletCore
package import NIOCore

/// Takes frames from pieces of any size. Holds at most one unfinished frame beside what was just put in.
package struct EventDecoder: Sendable {
    private var buffer = ByteBuffer()
    private let maximumBytes: Int

    package init(maximumBytes: Int = EventMessage.maximumBytes) { self.maximumBytes = maximumBytes }

    /// Whether a frame has begun and not ended: a stream that stops here was cut off.
    package var isMidway: Bool { buffer.readableBytes > 0 }

    package mutating func append(_ piece: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = piece
        } else {
            // Once a piece, not once a message: else a piece with many messages would be moved as often.
            buffer.discardReadBytes()
            buffer.writeImmutableBuffer(piece)
        }
    }

    /// The next whole message; nil until more has come. After a throw the stream is lost.
    package mutating func next() throws(EventStreamFault) -> EventMessage? {
        let start = buffer.readerIndex
        guard let total = buffer.getInteger(at: start, as: UInt32.self).map(Int.init),
            let headerBytes = buffer.getInteger(at: start + 4, as: UInt32.self).map(Int.init),
            let preludeSum = buffer.getInteger(at: start + 8, as: UInt32.self)
        else { return nil }
        // The lengths are checked before anything is believed of them.
        guard let prelude = buffer.viewBytes(at: start, length: 8), CRC32.of(prelude) == preludeSum else {
            throw EventStreamFault(reason: "the checksum of the lengths is wrong")
        }
        guard total >= 16, total <= maximumBytes, headerBytes <= EventMessage.maximumHeaderBytes,
            headerBytes <= total - 16
        else {
            throw EventStreamFault(reason: "the lengths are out of range")
        }
        guard buffer.readableBytes >= total else { return nil }
        return try frame(total, headerBytes)
    }

    private mutating func frame(_ total: Int, _ headerBytes: Int) throws(EventStreamFault) -> EventMessage {
        guard var frame = buffer.readSlice(length: total),
            let sum = frame.getInteger(at: frame.readerIndex + total - 4, as: UInt32.self),
            let summed = frame.viewBytes(at: frame.readerIndex, length: total - 4)
        else { throw EventStreamFault(reason: "the frame is cut off") }
        guard CRC32.of(summed) == sum else { throw EventStreamFault(reason: "the checksum of the message is wrong") }
        frame.moveReaderIndex(forwardBy: 12)
        guard var block = frame.readSlice(length: headerBytes),
            let payload = frame.readSlice(length: total - 16 - headerBytes)
        else { throw EventStreamFault(reason: "the frame is cut off") }
        var headers: [EventMessage.Header] = []
        while block.readableBytes > 0 {
            guard let header = EventMessage.Header(reading: &block) else {
                throw EventStreamFault(reason: "a header is malformed")
            }
            headers.append(header)
        }
        return EventMessage(headers: headers, payload: payload)
    }
}

extension EventMessage.Header {
    init?(reading block: inout ByteBuffer) {
        guard let length = block.readInteger(as: UInt8.self), length > 0,
            let bytes = block.readBytes(length: Int(length)), let name = String(validating: bytes, as: UTF8.self),
            let type = block.readInteger(as: UInt8.self), let value = EventMessage.Value(type, reading: &block)
        else { return nil }
        self.init(name, value)
    }
}

extension EventMessage.Value {
    init?(_ type: UInt8, reading block: inout ByteBuffer) {
        let value: Self? =
            switch type {
            case 0: .bool(true)
            case 1: .bool(false)
            case 2: block.readInteger(as: Int8.self).map { .int8($0) }
            case 3: block.readInteger(as: Int16.self).map { .int16($0) }
            case 4: block.readInteger(as: Int32.self).map { .int32($0) }
            case 5: block.readInteger(as: Int64.self).map { .int64($0) }
            case 6: Self.slice(&block).map { .bytes($0) }
            case 7:
                Self.slice(&block).flatMap { String(validating: $0.readableBytesView, as: UTF8.self) }.map {
                    .string($0)
                }
            case 8: block.readInteger(as: Int64.self).map { .timestamp(Instant(milliseconds: $0)) }
            case 9: block.readBytes(length: 16).map { .uuid($0) }
            default: nil
            }
        guard let value else { return nil }
        self = value
    }

    private static func slice(_ block: inout ByteBuffer) -> ByteBuffer? {
        block.readInteger(as: UInt16.self).flatMap { block.readSlice(length: Int($0)) }
    }
}
