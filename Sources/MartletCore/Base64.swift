// SPDX-License-Identifier: Apache-2.0

/// Base 64, both alphabets, with strict decoding.
package enum Base64 {
    package enum Alphabet: Sendable {
        /// `+/` with padding
        case standard
        /// `-_` without padding
        case urlSafe
    }

    private static let standardLetters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlLetters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xff, count: 256)
        for (value, letter) in standardLetters.enumerated() { table[Int(letter)] = UInt8(value) }
        for (value, letter) in urlLetters.enumerated() { table[Int(letter)] = UInt8(value) }
        return table
    }()

    package static func encode(_ bytes: some Collection<UInt8>, alphabet: Alphabet = .standard) -> String {
        let letters = alphabet == .standard ? standardLetters : urlLetters
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var group: UInt32 = 0
        var held = 0
        for byte in bytes {
            group = group << 8 | UInt32(byte)
            held += 1
            if held == 3 {
                for shift in [18, 12, 6, 0] as [UInt32] { text.append(letters[Int(group >> shift & 63)]) }
                (group, held) = (0, 0)
            }
        }
        if held > 0 {
            group <<= UInt32(8 * (3 - held))
            for shift in ([18, 12, 6] as [UInt32]).prefix(held + 1) { text.append(letters[Int(group >> shift & 63)]) }
            if alphabet == .standard { text.append(contentsOf: repeatElement(0x3d, count: 3 - held)) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Takes both alphabets, with or without padding. Nil for any other character or an impossible length.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        decode(bytes: Array(text.utf8))
    }

    package static func decode(bytes text: [UInt8]) -> [UInt8]? {
        var end = text.count
        while end > 0, text.count - end < 2, text[end - 1] == 0x3d { end -= 1 }
        guard end % 4 != 1, end == text.count || text.count.isMultiple(of: 4) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(end / 4 * 3 + 2)
        var group: UInt32 = 0
        var bits = 0
        for letter in text[..<end] {
            let value = values[Int(letter)]
            guard value != 0xff else { return nil }
            group = group << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                result.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        return result
    }
}
