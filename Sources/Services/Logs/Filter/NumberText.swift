// SPDX-License-Identifier: Apache-2.0

/// Numbers as filter patterns write them: sign, digits, fraction, exponent.
enum NumberText {
    /// Longer texts are no numbers that anybody compares.
    private static let maximumLength = 64

    /// Nil for anything else, such as `0x10`, `nan`, `1.` or a number with spaces.
    static func parse(_ bytes: some Collection<UInt8>) -> Double? {
        guard (1...maximumLength).contains(bytes.count) else { return nil }
        var rest = bytes[...]
        takeSign(&rest)
        let whole = takeDigits(&rest)
        var fraction = 0
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            fraction = takeDigits(&rest)
            guard fraction > 0 else { return nil }
        }
        guard whole + fraction > 0 else { return nil }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            takeSign(&rest)
            guard takeDigits(&rest) > 0 else { return nil }
        }
        return rest.isEmpty ? Double(String(decoding: Array(bytes), as: UTF8.self)) : nil
    }

    private static func takeSign<C: Collection<UInt8>>(_ rest: inout C) where C.SubSequence == C {
        if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
    }

    private static func takeDigits<C: Collection<UInt8>>(_ rest: inout C) -> Int where C.SubSequence == C {
        let before = rest.count
        rest = rest.drop { $0.isDigit }
        return before - rest.count
    }
}
