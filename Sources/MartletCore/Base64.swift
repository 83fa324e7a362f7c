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

    /// Archives of many megabytes pass here, so it works on raw bytes, four letters at a time.
    package static func decode(bytes text: [UInt8]) -> [UInt8]? {
        text.withUnsafeBytes { text in values.withUnsafeBytes { decode(text, values: $0) } }
    }

    private static func decode(_ text: UnsafeRawBufferPointer, values: UnsafeRawBufferPointer) -> [UInt8]? {
        var end = text.count
        while end > 0, text.count - end < 2, text[end - 1] == 0x3d { end -= 1 }
        guard end % 4 != 1, end == text.count || text.count.isMultiple(of: 4) else { return nil }
        var isValid = true
        let bytes = [UInt8](unsafeUninitializedCapacity: end / 4 * 3 + max(0, end % 4 - 1)) { output, count in
            let whole = end & ~3
            // No letter's value has a bit above the sixth; any other byte's has them all.
            var seen: UInt8 = 0
            var from = 0
            while from < whole {
                let (a, b) = (values[Int(text[from])], values[Int(text[from &+ 1])])
                let (c, d) = (values[Int(text[from &+ 2])], values[Int(text[from &+ 3])])
                seen |= a | b | c | d
                output[count] = a << 2 | b >> 4
                output[count &+ 1] = b << 4 | c >> 2
                output[count &+ 2] = c << 6 | d
                count &+= 3
                from &+= 4
            }
            let rest = (whole..<end).map { values[Int(text[$0])] }
            for (place, value) in rest.enumerated() {
                seen |= value
                guard place > 0 else { continue }
                output[count] = place == 1 ? rest[0] << 2 | value >> 4 : rest[1] << 4 | value >> 2
                count += 1
            }
            isValid = seen < 64
        }
        return isValid ? bytes : nil
    }
}
