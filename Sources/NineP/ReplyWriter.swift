// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Writes one answer into a buffer that is as long as a message may be. What does not fit is EMSGSIZE.
struct ReplyWriter {
    /// Length, type and tag.
    static let headerBytes = 7

    private let buffer: UnsafeMutableRawBufferPointer
    private(set) var count = Self.headerBytes

    /// `buffer` has at least `NinePLimits.leastMessageBytes`.
    init(_ buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }

    mutating func put<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) throws(Refusal) {
        let size = MemoryLayout<Number>.size
        guard buffer.count - count >= size else { throw Refusal(EMSGSIZE) }
        buffer.storeBytes(of: number.littleEndian, toByteOffset: count, as: Number.self)
        count += size
    }

    mutating func put(bytes: UnsafeRawBufferPointer) throws(Refusal) {
        guard buffer.count - count >= bytes.count else { throw Refusal(EMSGSIZE) }
        UnsafeMutableRawBufferPointer(rebasing: buffer[count..<count + bytes.count]).copyMemory(from: bytes)
        count += bytes.count
    }

    mutating func put(text: UnsafeRawBufferPointer) throws(Refusal) {
        guard let length = UInt16(exactly: text.count) else { throw Refusal(EMSGSIZE) }
        try put(length)
        try put(bytes: text)
    }

    /// At most 65,535 bytes of ASCII.
    mutating func put(text: StaticString) throws(Refusal) {
        try put(text: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func put(_ qid: Qid) throws(Refusal) {
        try put(qid.kind.rawValue)
        try put(qid.version)
        try put(qid.path)
    }

    /// A length of the type `Length`, and as many bytes as `body` says that it has written into the room it is given, at
    /// most `most`.
    mutating func fill<Length: FixedWidthInteger & BitwiseCopyable>(
        _: Length.Type,
        upTo most: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(Refusal) -> Int
    ) throws(Refusal) {
        let place = count
        try put(Length.zero)
        let room = UnsafeMutableRawBufferPointer(rebasing: buffer[count..<min(buffer.count, count + max(0, most))])
        let written = try body(room)
        guard written >= 0, written <= room.count, let length = Length(exactly: written) else { throw Refusal(EIO) }
        buffer.storeBytes(of: length.littleEndian, toByteOffset: place, as: Length.self)
        count += written
    }

    /// The answer is whole. Returns its length.
    func seal(_ type: UInt8, tag: UInt16) -> Int {
        buffer.storeBytes(of: UInt32(truncatingIfNeeded: count).littleEndian, as: UInt32.self)
        buffer.storeBytes(of: type, toByteOffset: 4, as: UInt8.self)
        buffer.storeBytes(of: tag.littleEndian, toByteOffset: 5, as: UInt16.self)
        return count
    }

    /// Rlerror instead of what has been written. Returns its length.
    mutating func refuse(_ refusal: Refusal, tag: UInt16) -> Int {
        buffer.storeBytes(
            of: UInt32(bitPattern: refusal.code).littleEndian,
            toByteOffset: count(of: 0),
            as: UInt32.self
        )
        count = count(of: MemoryLayout<UInt32>.size)
        return seal(MessageType.refused, tag: tag)
    }

    private func count(of bodyBytes: Int) -> Int { Self.headerBytes + bodyBytes }
}
