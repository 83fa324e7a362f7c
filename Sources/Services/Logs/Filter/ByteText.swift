// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Part of a message while it is looked at: bytes that somebody else keeps, valid only inside `String.withUTF8`.
struct ByteText {
    let bytes: UnsafeBufferPointer<UInt8>

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }
    init(_ slice: Slice<UnsafeBufferPointer<UInt8>>) { bytes = UnsafeBufferPointer(rebasing: slice) }

    var count: Int { bytes.count }
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Lines of functions end in a line feed, which no pattern means.
    var withoutLineEnd: ByteText {
        var end = bytes.count
        while end > 0, bytes[end - 1] == 0x0a || bytes[end - 1] == 0x0d { end -= 1 }
        return ByteText(bytes[0..<end])
    }

    subscript(range: Range<Int>) -> ByteText { ByteText(bytes[range]) }

    func contains(_ needle: [UInt8]) -> Bool { find(needle, from: 0) != nil }

    /// Where `needle` begins first, at `start` or later.
    func find(_ needle: [UInt8], from start: Int) -> Int? {
        guard let first = needle.first else { return start }
        guard let base = bytes.baseAddress else { return nil }
        var position = start
        let last = bytes.count - needle.count
        return needle.withUnsafeBytes { needle in
            guard let address = needle.baseAddress else { return nil }
            while position <= last {
                guard let hit = memchr(base + position, Int32(first), last - position + 1) else { return nil }
                if memcmp(hit, address, needle.count) == 0 { return UnsafeRawPointer(base).distance(to: hit) }
                position = UnsafeRawPointer(base).distance(to: hit) + 1
            }
            return nil
        }
    }

    func hasPrefix(_ prefix: [UInt8]) -> Bool { bytes.starts(with: prefix) }

    func hasSuffix(_ suffix: [UInt8]) -> Bool {
        count >= suffix.count && bytes[(count - suffix.count)...].elementsEqual(suffix)
    }

    func equals(_ other: [UInt8]) -> Bool { bytes.elementsEqual(other) }
}

extension UInt8 {
    var isSpace: Bool { self == 0x20 || (0x09...0x0d).contains(self) }
    var isDigit: Bool { (0x30...0x39).contains(self) }
    /// A letter or digit of ASCII, or an underscore: what needs no quotes.
    var isWordCharacter: Bool {
        isDigit || (0x41...0x5a).contains(self) || (0x61...0x7a).contains(self) || self == UInt8(ascii: "_")
    }
}
