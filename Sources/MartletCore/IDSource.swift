// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Where every id, token and secret comes from, so that tests can predict them.
package protocol IDSource: Sendable {
    /// Uniformly random bytes, fit for secrets.
    func bytes(_ count: Int) -> [UInt8]
}

/// The operating system's random number generator.
package struct SystemIDSource: IDSource {
    package init() {}

    package func bytes(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            // One call for all: Swift's generator makes one for each number.
            while filled < count {
                let part = min(count - filled, 256)
                // Fails only for more bytes than it gives at once.
                if getentropy(buffer.baseAddress.map { $0 + filled }, part) == 0 { filled += part }
            }
        }
    }
}

extension IDSource {
    /// A version 4 UUID in lower case, as AWS writes request ids and revision ids.
    package func uuid() -> String {
        var raw = bytes(16)
        raw[6] = raw[6] & 0x0f | 0x40
        raw[8] = raw[8] & 0x3f | 0x80
        return String(unsafeUninitializedCapacity: 36) { text in
            var at = 0
            for (index, byte) in raw.enumerated() {
                if index == 4 || index == 6 || index == 8 || index == 10 {
                    text[at] = 0x2d
                    at += 1
                }
                text[at] = Hex.digit(byte >> 4)
                text[at + 1] = Hex.digit(byte & 15)
                at += 2
            }
            return at
        }
    }

    /// `count` characters drawn evenly from `alphabet`, which holds at most 256.
    package func token(_ count: Int, from alphabet: String = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") -> String {
        let letters = Array(alphabet.utf8)
        let bound = 256 / letters.count * letters.count
        var result: [UInt8] = []
        while result.count < count {
            // Bytes past the last whole multiple would favour the first letters.
            for byte in bytes(count) where Int(byte) < bound && result.count < count {
                result.append(letters[Int(byte) % letters.count])
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Lower-case hexadecimal digits.
    package func hex(_ digits: Int) -> String { String(Hex.encode(bytes((digits + 1) / 2)).prefix(digits)) }
}

/// Base 16.
package enum Hex {
    /// Of a number below 16.
    fileprivate static func digit(_ number: UInt8) -> UInt8 { number < 10 ? 0x30 &+ number : 0x57 &+ number }

    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.underestimatedCount * 2)
        for byte in bytes {
            text.append(digit(byte >> 4))
            text.append(digit(byte & 15))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil when the length is odd or a character is not a digit of either case.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let bytes = Array(text.utf8)
        guard bytes.count.isMultiple(of: 2) else { return nil }
        var result: [UInt8] = []
        for index in stride(from: 0, to: bytes.count, by: 2) {
            guard let high = value(bytes[index]), let low = value(bytes[index + 1]) else { return nil }
            result.append(high << 4 | low)
        }
        return result
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
