// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Takes the fields out of a request, from the first to the last. What is not there is EINVAL.
struct MessageReader {
    private let bytes: UnsafeRawBufferPointer
    private var place = 0

    /// `bytes` outlive the reader, and what it gives out.
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }

    mutating func next<Number: FixedWidthInteger & BitwiseCopyable>(
        _: Number.Type = Number.self
    ) throws(Refusal) -> Number {
        let size = MemoryLayout<Number>.size
        guard bytes.count - place >= size else { throw Refusal(EINVAL) }
        let number = bytes.loadUnaligned(fromByteOffset: place, as: Number.self)
        place += size
        return Number(littleEndian: number)
    }

    /// A string: a length of two bytes, and as many bytes, which need not be UTF-8.
    mutating func nextText() throws(Refusal) -> UnsafeRawBufferPointer {
        let length = Int(try next(UInt16.self))
        guard bytes.count - place >= length else { throw Refusal(EINVAL) }
        let text = UnsafeRawBufferPointer(rebasing: bytes[place..<place + length])
        place += length
        return text
    }

    /// There is nothing more.
    func end() throws(Refusal) {
        guard isAtEnd else { throw Refusal(EINVAL) }
    }
}
