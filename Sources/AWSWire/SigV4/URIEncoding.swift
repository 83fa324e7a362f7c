// SPDX-License-Identifier: Apache-2.0

/// Percent-encoding as SigV4 wants it: only `A–Z a–z 0–9 - . _ ~` stay as they are, digits in upper case.
package enum URIEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    package static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x41...0x5a, 0x61...0x7a, 0x30...0x39, 0x2d, 0x2e, 0x5f, 0x7e: true
        default: false
        }
    }

    /// Encodes every reserved byte; slashes too, unless they are kept.
    package static func encode(_ bytes: some Sequence<UInt8>, keepingSlashes: Bool = false) -> [UInt8] {
        var result: [UInt8] = []
        for byte in bytes {
            if isUnreserved(byte) || (keepingSlashes && byte == 0x2f) {
                result.append(byte)
            } else {
                result.append(0x25)
                result.append(digits[Int(byte >> 4)])
                result.append(digits[Int(byte & 15)])
            }
        }
        return result
    }

    package static func encode(_ text: some StringProtocol, keepingSlashes: Bool = false) -> String {
        String(decoding: encode(text.utf8, keepingSlashes: keepingSlashes), as: UTF8.self)
    }

    /// Undoes percent-encoding; a `%` without two digits behind it stands for itself, as in AWS.
    package static func decode(_ bytes: some Collection<UInt8>, plusIsSpace: Bool = false) -> [UInt8] {
        let input = Array(bytes)
        var result: [UInt8] = []
        result.reserveCapacity(input.count)
        var index = 0
        while index < input.count {
            let byte = input[index]
            if byte == 0x25, index + 2 < input.count, let high = value(input[index + 1]),
                let low = value(input[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(plusIsSpace && byte == 0x2b ? 0x20 : byte)
                index += 1
            }
        }
        return result
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
