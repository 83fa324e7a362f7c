// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The characters of XML 1.0.
enum XMLText {
    /// Escaped for content and for attribute values. What XML cannot hold becomes U+FFFD.
    static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: needsCare) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x26: result += "&amp;"
            case 0x3c: result += "&lt;"
            case 0x3e: result += "&gt;"
            case 0x22: result += "&quot;"
            // A reader would make a line feed of a bare one.
            case 0x0d: result += "&#xD;"
            case 0x00...0x08, 0x0b, 0x0c, 0x0e...0x1f, 0xfffe, 0xffff: result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func needsCare(_ byte: UInt8) -> Bool {
        switch byte {
        // 0xef begins U+FFFE and U+FFFF.
        case 0x26, 0x3c, 0x3e, 0x22, 0x00...0x08, 0x0b...0x1f, 0xef: true
        default: false
        }
    }

    /// The text of `&name;`. Nil for anything but the five of XML and numbers of characters: there are no other entities
    /// without a document type, and those are refused.
    static func entity(_ name: ArraySlice<UInt8>) -> Unicode.Scalar? {
        let name = String(decoding: name, as: UTF8.self)
        switch name {
        case "amp": return "&"
        case "lt": return "<"
        case "gt": return ">"
        case "quot": return "\""
        case "apos": return "'"
        default: break
        }
        guard name.hasPrefix("#"), name.utf8.count <= 10 else { return nil }
        let digits = name.dropFirst()
        let number = digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        return number.flatMap { $0 == 0 ? nil : Unicode.Scalar($0) }
    }
}
