// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The characters of JSON: escapes, and printing of scalars.
enum JSONText {
    /// Whether one of eight bytes is a quote, a backslash, a control character or not ASCII.
    static func hasSpecial(_ word: UInt64) -> Bool {
        let (ones, tops): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        let (quotes, slashes) = (word ^ (ones &* 0x22), word ^ (ones &* 0x5c))
        // A byte below N borrows from its top bit, which it does not have itself.
        let below = (word &- ones &* 0x20) & ~word | (quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes
        return (word | below) & tops != 0
    }

    /// The value of hexadecimal digits; nil when one is not.
    static func hex(_ digits: ArraySlice<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt32(digit - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(digit - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt32(digit - 0x61 + 10)
            default: return nil
            }
        }
        return value
    }

    /// Of a string that the parser has accepted. Half of a surrogate pair becomes U+FFFD, since no Swift string holds it.
    static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            guard text[index] == 0x5c, index + 1 < text.endIndex else {
                result.append(text[index])
                index += 1
                continue
            }
            if text[index + 1] == 0x75 {
                index = appendUnicode(text, at: index, to: &result)
            } else {
                result.append(plain(text[index + 1]))
                index += 2
            }
        }
        return result
    }

    private static func plain(_ letter: UInt8) -> UInt8 {
        switch letter {
        case 0x62: 0x08
        case 0x66: 0x0c
        case 0x6e: 0x0a
        case 0x72: 0x0d
        case 0x74: 0x09
        default: letter
        }
    }

    private static func unit(_ text: ArraySlice<UInt8>, at index: Int) -> UInt32? {
        guard index + 6 <= text.endIndex, text[index] == 0x5c, text[index + 1] == 0x75 else { return nil }
        return hex(text[(index + 2)..<(index + 6)])
    }

    /// Returns the index behind the escape, or behind two of them that make one character.
    private static func appendUnicode(_ text: ArraySlice<UInt8>, at index: Int, to result: inout [UInt8]) -> Int {
        guard let high = unit(text, at: index) else { return text.endIndex }
        var scalar = Unicode.Scalar(high)
        var end = index + 6
        if (0xd800...0xdbff).contains(high), let low = unit(text, at: end), (0xdc00...0xdfff).contains(low) {
            scalar = Unicode.Scalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
            end += 6
        }
        result.append(contentsOf: String(Character(scalar ?? "\u{FFFD}")).utf8)
        return end
    }

    // MARK: Printing

    private static let digits = Array("0123456789abcdef".utf8)

    /// Appends `text` in quotes. The first pass finds the length, so that the second fills bytes in place.
    static func write(_ text: String, to buffer: inout ByteBuffer) {
        var text = text
        text.withUTF8 { bytes in
            let length = bytes.reduce(2) { $0 + escapedLength($1) }
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { output in
                fill(output, with: bytes, isPlain: length == bytes.count + 2)
                return length
            }
        }
    }

    private static func escapedLength(_ byte: UInt8) -> Int {
        switch byte {
        case 0x22, 0x5c, 0x08, 0x09, 0x0a, 0x0c, 0x0d: 2
        case 0x00..<0x20: 6
        default: 1
        }
    }

    private static func fill(
        _ output: UnsafeMutableRawBufferPointer,
        with bytes: UnsafeBufferPointer<UInt8>,
        isPlain: Bool
    ) {
        output[0] = 0x22
        var at = 1
        if isPlain {
            output[1...].copyBytes(from: bytes)
            at += bytes.count
        } else {
            for byte in bytes { at += put(byte, into: output, at: at) }
        }
        output[at] = 0x22
    }

    /// Returns how many bytes it has written.
    private static func put(_ byte: UInt8, into output: UnsafeMutableRawBufferPointer, at index: Int) -> Int {
        let length = escapedLength(byte)
        guard length > 1 else {
            output[index] = byte
            return 1
        }
        output[index] = 0x5c
        output[index + 1] = letter(of: byte)
        guard length > 2 else { return length }
        output[index + 2] = 0x30
        output[index + 3] = 0x30
        output[index + 4] = digits[Int(byte >> 4)]
        output[index + 5] = digits[Int(byte & 15)]
        return length
    }

    /// Behind the backslash.
    private static func letter(of byte: UInt8) -> UInt8 {
        switch byte {
        case 0x22, 0x5c: byte
        case 0x08: 0x62
        case 0x09: 0x74
        case 0x0a: 0x6e
        case 0x0c: 0x66
        case 0x0d: 0x72
        default: 0x75
        }
    }

    /// The shortest form that reads back the same, without `.0`. JSON has no word for what is no number, so AWS writes those
    /// as strings.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "\"NaN\"" }
        if value.isInfinite { return value < 0 ? "\"-Infinity\"" : "\"Infinity\"" }
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
