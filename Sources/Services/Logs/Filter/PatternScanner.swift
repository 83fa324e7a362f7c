// SPDX-License-Identifier: Apache-2.0
import RegularExpressions

/// Reads a filter pattern from left to right, and counts what AWS limits.
struct PatternScanner {
    static let maximumExpressions = 2
    static let maximumWildcardSelectors = 3
    /// Of parentheses, so that a hostile pattern cannot exhaust the stack.
    static let maximumDepth = 32

    private let bytes: [UInt8]
    private var position = 0
    private var expressions = 0
    private var wildcardSelectors = 0

    init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    /// Nil at the end.
    var current: UInt8? { position < bytes.count ? bytes[position] : nil }
    var isAtEnd: Bool { position == bytes.count }

    mutating func advance() { position = min(position + 1, bytes.count) }

    mutating func skipSpace() {
        while let byte = current, byte.isSpace { position += 1 }
    }

    /// Moves behind `literal` when it is next.
    mutating func take(_ literal: String) -> Bool {
        guard bytes[position...].starts(with: literal.utf8) else { return false }
        position += literal.utf8.count
        return true
    }

    /// A word such as `NULL`, which must not be the beginning of a longer one.
    mutating func takeWord(_ word: String) -> Bool {
        let start = position
        skipSpace()
        guard take(word), current?.isWordCharacter != true else {
            position = start
            return false
        }
        return true
    }

    mutating func take(while isWanted: (UInt8) -> Bool) -> [UInt8] {
        let start = position
        while let byte = current, isWanted(byte) { position += 1 }
        return Array(bytes[start..<position])
    }

    /// The fault of what is next here and should not be.
    var unexpected: FilterFault {
        guard current != nil else { return .malformed }
        let rest = bytes[position...]
        // A character of several bytes is shown whole.
        return .characters(rest.prefix(1) + rest.dropFirst().prefix { $0 & 0xc0 == 0x80 })
    }

    /// The text between double quotes; a backslash takes a quote, a backslash or an asterisk for itself.
    mutating func quoted(isWild: Bool) throws(FilterFault) -> Wildcard {
        advance()
        var text = Wildcard()
        while let byte = current {
            advance()
            switch byte {
            case UInt8(ascii: "\""): return text
            case UInt8(ascii: "*") where isWild: text.appendAsterisk()
            case UInt8(ascii: "\\"):
                let isEscape = current.map {
                    $0 == UInt8(ascii: "\"") || $0 == byte || ($0 == UInt8(ascii: "*") && isWild)
                }
                if isEscape == true, let escaped = current {
                    text.append(escaped)
                    advance()
                } else {
                    text.append(byte)
                }
            default: text.append(byte)
            }
        }
        throw .malformed
    }

    /// The expression between two percent signs.
    mutating func expression() throws(FilterFault) -> RegularExpression {
        advance()
        let source = take { $0 != UInt8(ascii: "%") }
        guard current != nil, !source.isEmpty else { throw .malformed }
        advance()
        expressions += 1
        guard expressions <= Self.maximumExpressions else { throw .malformed }
        return try ExpressionSyntax.compile(source)
    }

    /// To be called for each selector that has a wildcard.
    mutating func countWildcardSelector() throws(FilterFault) {
        wildcardSelectors += 1
        guard wildcardSelectors <= Self.maximumWildcardSelectors else { throw .malformed }
    }

    // MARK: What stands behind an operator

    mutating func comparison() throws(FilterFault) -> ValueTest.Comparison {
        skipSpace()
        // Longer ones first.
        if take("!=") { return .notEqual }
        if take(">=") { return .greaterOrEqual }
        if take("<=") { return .lessOrEqual }
        if take("=") { return .equal }
        if take(">") { return .greater }
        if take("<") { return .less }
        throw unexpected
    }

    mutating func valueTest() throws(FilterFault) -> ValueTest {
        let comparison = try comparison()
        skipSpace()
        guard let test = ValueTest(comparison, try operand()) else { throw .malformed }
        return test
    }

    private mutating func operand() throws(FilterFault) -> ValueTest.Operand {
        switch current {
        case UInt8(ascii: "\""): return .text(try quoted(isWild: true))
        case UInt8(ascii: "%"): return .expression(try expression())
        default: return try bareOperand()
        }
    }

    private mutating func bareOperand() throws(FilterFault) -> ValueTest.Operand {
        let start = position
        let source = take { $0.isWordCharacter || ".*+-/".utf8.contains($0) }
        guard !source.isEmpty else { throw unexpected }
        if let network = IPv4Network(source) { return .network(network) }
        if let slash = source.firstIndex(of: UInt8(ascii: "/")) {
            position = start + slash
            throw unexpected
        }
        var text = Wildcard()
        for byte in source { if byte == UInt8(ascii: "*") { text.appendAsterisk() } else { text.append(byte) } }
        return NumberText.parse(source).map { .number($0, text) } ?? .text(text)
    }
}
