// SPDX-License-Identifier: Apache-2.0
import RegularExpressions

/// Words anywhere in a message: `ERROR -"timed out"`, `?WARN ?ERROR`, `%40[0-9]%`.
struct TermPattern: Sendable {
    private enum Term: Sendable {
        case everything
        case text([UInt8])
        case expression(RegularExpression)

        func occurs(in message: ByteText) -> Bool {
            switch self {
            case .everything: true
            case .text(let bytes): message.contains(bytes)
            case .expression(let expression): expression.matchesPart(of: message.text)
            }
        }
    }

    private var needed: [Term] = []
    private var excluded: [Term] = []
    /// One of them is enough. Ignored beside terms of the other kinds.
    private var optional: [Term] = []

    init(_ pattern: [UInt8]) throws(FilterFault) {
        var scanner = PatternScanner(pattern)
        scanner.skipSpace()
        while !scanner.isAtEnd {
            if scanner.current == UInt8(ascii: "?") {
                optional.append(try Self.signedTerm(&scanner))
            } else if scanner.current == UInt8(ascii: "-") {
                excluded.append(try Self.signedTerm(&scanner))
            } else {
                needed.append(try Self.term(&scanner))
            }
            guard scanner.isAtEnd || scanner.current?.isSpace == true else { throw scanner.unexpected }
            scanner.skipSpace()
        }
    }

    private static func signedTerm(_ scanner: inout PatternScanner) throws(FilterFault) -> Term {
        let sign = scanner
        scanner.advance()
        guard let next = scanner.current, !next.isSpace else { throw sign.unexpected }
        return try term(&scanner)
    }

    private static func term(_ scanner: inout PatternScanner) throws(FilterFault) -> Term {
        switch scanner.current {
        case UInt8(ascii: "\""): return try phrase(&scanner)
        case UInt8(ascii: "%"): return .expression(try scanner.expression())
        default:
            let word = scanner.take { $0.isWordCharacter }
            guard !word.isEmpty else { throw scanner.unexpected }
            return .text(word)
        }
    }

    private static func phrase(_ scanner: inout PatternScanner) throws(FilterFault) -> Term {
        let text = try scanner.quoted(isWild: false).pieces[0]
        guard !text.isEmpty else { throw .characters("\"\"".utf8) }
        // AWS documents `" "` as the pattern that takes every event, those without a space too.
        return text.allSatisfy(\.isSpace) ? .everything : .text(text)
    }

    func matches(_ message: ByteText) -> Bool {
        if needed.isEmpty && excluded.isEmpty { return optional.contains { $0.occurs(in: message) } }
        return needed.allSatisfy { $0.occurs(in: message) } && !excluded.contains { $0.occurs(in: message) }
    }
}
