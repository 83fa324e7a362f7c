// SPDX-License-Identifier: Apache-2.0
import RegularExpressions

/// The part of regular expressions that filter patterns may use: no groups, no references, ASCII only.
enum ExpressionSyntax {
    private static let symbols = Set(" :_#=@/;,-".utf8)
    private static let operators = Set("^$?[]{}|\\*+.".utf8)
    /// Letters that mean something behind a backslash. All others (`\b`, `\1`, `\K`, …) are refused.
    private static let escapes = Set("dDsSwWxtn".utf8)

    static func compile(_ source: [UInt8]) throws(FilterFault) -> RegularExpression {
        try check(source)
        guard let expression = RegularExpression(String(decoding: withLowerBounds(source), as: UTF8.self)) else {
            throw .malformed
        }
        return expression
    }

    private static func check(_ source: [UInt8]) throws(FilterFault) {
        var index = 0
        while index < source.count {
            let byte = source[index]
            guard isAllowed(byte) else { throw .characters(CollectionOfOne(byte)) }
            index += 1
            guard byte == UInt8(ascii: "\\") else { continue }
            guard index < source.count else { throw .malformed }
            guard isAllowed(source[index]) else { throw .characters(CollectionOfOne(source[index])) }
            if source[index].isWordCharacter && source[index] != UInt8(ascii: "_") {
                guard escapes.contains(source[index]) else { throw .malformed }
            }
            if source[index] == UInt8(ascii: "x") { try checkHexadecimal(source[(index + 1)...]) }
            index += 1
        }
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        byte.isWordCharacter || symbols.contains(byte) || operators.contains(byte)
    }

    private static func checkHexadecimal(_ rest: ArraySlice<UInt8>) throws(FilterFault) {
        let digits = rest.prefix(2)
        let isHexadecimal = digits.allSatisfy { $0.isDigit || (0x41...0x46).contains($0) || (0x61...0x66).contains($0) }
        guard digits.count == 2, isHexadecimal else { throw .malformed }
    }

    /// `{,n}` means from none on, which PCRE2 would take for text.
    private static func withLowerBounds(_ source: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var (isEscaped, isInClass) = (false, false)
        for byte in source {
            let opensRepeat = result.last == UInt8(ascii: "{") && byte == UInt8(ascii: ",") && !isInClass && !isEscaped
            if opensRepeat, result.dropLast().last != UInt8(ascii: "\\") { result.append(UInt8(ascii: "0")) }
            result.append(byte)
            if isEscaped {
                isEscaped = false
                continue
            }
            switch byte {
            case UInt8(ascii: "\\"): isEscaped = true
            case UInt8(ascii: "["): isInClass = true
            case UInt8(ascii: "]"): isInClass = false
            default: break
            }
        }
        return result
    }
}
