// SPDX-License-Identifier: Apache-2.0

/// Reads a query from left to right, a symbol at a time. What a slash begins depends on the grammar, so that is asked for.
struct QueryScanner: Sendable {
    let bytes: [UInt8]
    private(set) var position = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func advance() { position += 1 }

    /// Spaces, line ends, and comments from `#` on.
    mutating func skipSpace() {
        while let byte = current {
            if byte == UInt8(ascii: "#") {
                while let byte = current, byte != 0x0a {
                    _ = byte
                    position += 1
                }
            } else if byte.isSpace {
                position += 1
            } else {
                return
            }
        }
    }

    var isAtEnd: Bool {
        var copy = self
        copy.skipSpace()
        return copy.current == nil
    }

    /// The next symbol as it is written, for complaints.
    var symbol: String {
        guard let byte = current else { return "<EOF>" }
        var end = position + 1
        if Self.isNameByte(byte) {
            while end < bytes.count, Self.isNameByte(bytes[end]) { end += 1 }
        }
        return String(decoding: bytes[position..<end], as: UTF8.self)
    }

    var unexpected: QueryFault {
        var copy = self
        copy.skipSpace()
        return .unexpected(copy.symbol, at: copy.position, in: bytes)
    }

    func invalid(_ message: String, since start: Int) -> QueryFault {
        let end = max(min(position, bytes.count), start)
        return .invalid(message, String(decoding: bytes[start..<end], as: UTF8.self), at: start, in: bytes)
    }

    /// The text from `start` to here without spaces at its ends: how AWS names what has no alias.
    func text(since start: Int) -> String {
        var slice = bytes[min(start, position)..<position]
        while slice.first?.isSpace == true { slice = slice.dropFirst() }
        while slice.last?.isSpace == true { slice = slice.dropLast() }
        return String(decoding: slice, as: UTF8.self)
    }

    mutating func take(_ literal: String) -> Bool {
        skipSpace()
        guard bytes[position...].starts(with: literal.utf8) else { return false }
        position += literal.utf8.count
        return true
    }

    mutating func expect(_ literal: String) throws(QueryFault) {
        guard take(literal) else { throw unexpected }
    }

    /// A word of the language, in any case, which must not be the beginning of a longer one.
    mutating func takeWord(_ word: String) -> Bool {
        skipSpace()
        let end = position + word.utf8.count
        guard end <= bytes.count, String(decoding: bytes[position..<end], as: UTF8.self).lowercased() == word,
            end == bytes.count || !Self.isNameByte(bytes[end])
        else { return false }
        position = end
        return true
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        byte.isWordCharacter || byte == UInt8(ascii: "@") || byte == UInt8(ascii: ".") || byte >= 0x80
    }

    /// A field's or function's name with its dots; pieces between backticks may hold anything. Nil when none is next.
    mutating func name() throws(QueryFault) -> FieldPath? {
        skipSpace()
        let start = position
        guard let first = current,
            first == UInt8(ascii: "`") || (Self.isNameByte(first) && !first.isDigit && first != UInt8(ascii: "."))
        else { return nil }
        var pieces: [String] = []
        var piece: [UInt8] = []
        var isQuoted = false
        while let byte = current {
            if byte == UInt8(ascii: "`") {
                piece += try quotedPiece()
                isQuoted = true
            } else if byte == UInt8(ascii: ".") {
                position += 1
                pieces.append(String(decoding: piece, as: UTF8.self))
                piece = []
            } else if Self.isNameByte(byte) {
                piece.append(byte)
                position += 1
            } else if byte == UInt8(ascii: "["), let index = takeIndex() {
                pieces.append(String(decoding: piece, as: UTF8.self))
                piece = Array(index.utf8)
            } else {
                break
            }
        }
        pieces.append(String(decoding: piece, as: UTF8.self))
        guard pieces.allSatisfy({ !$0.isEmpty }) else { throw invalid("invalid field name", since: start) }
        return FieldPath(pieces: pieces, isQuoted: isQuoted)
    }

    private mutating func quotedPiece() throws(QueryFault) -> [UInt8] {
        let start = position
        position += 1
        guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "`")) else {
            throw .unexpected("`", at: start, in: bytes)
        }
        defer { position = end + 1 }
        return Array(bytes[position..<end])
    }

    /// The digits of `[12]`.
    private mutating func takeIndex() -> String? {
        var end = position + 1
        while end < bytes.count, bytes[end].isDigit { end += 1 }
        guard end > position + 1, end - position < 10, end < bytes.count, bytes[end] == UInt8(ascii: "]") else {
            return nil
        }
        defer { position = end + 1 }
        return String(decoding: bytes[(position + 1)..<end], as: UTF8.self)
    }

    /// A text between quotes of either kind. A backslash takes the next character for itself.
    mutating func string() throws(QueryFault) -> String? {
        skipSpace()
        guard let quote = current, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { return nil }
        let start = position
        position += 1
        var text: [UInt8] = []
        while let byte = current {
            position += 1
            if byte == quote { return String(decoding: text, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\"), let escaped = current else {
                text.append(byte)
                continue
            }
            position += 1
            switch escaped {
            case UInt8(ascii: "n"): text.append(0x0a)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "r"): text.append(0x0d)
            case quote, UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escaped)
            default: text += [byte, escaped]
            }
        }
        throw .unexpected(String(decoding: [quote], as: UTF8.self), at: start, in: bytes)
    }

    /// What stands between two slashes; a backslash before a slash is taken away.
    mutating func regexSource() throws(QueryFault) -> String? {
        skipSpace()
        guard current == UInt8(ascii: "/") else { return nil }
        let start = position
        position += 1
        var text: [UInt8] = []
        while let byte = current {
            position += 1
            if byte == UInt8(ascii: "/") { return String(decoding: text, as: UTF8.self) }
            if byte == UInt8(ascii: "\\"), let escaped = current {
                position += 1
                text += escaped == UInt8(ascii: "/") ? [escaped] : [byte, escaped]
            } else {
                text.append(byte)
            }
        }
        throw .unexpected("/", at: start, in: bytes)
    }

    /// Digits with fraction and exponent, without a sign.
    mutating func number() throws(QueryFault) -> Double? {
        skipSpace()
        guard let first = current, first.isDigit || (first == UInt8(ascii: ".") && nextIsDigit) else { return nil }
        let start = position
        func isExponentSign(_ index: Int) -> Bool {
            (bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+"))
                && (bytes[index - 1] == UInt8(ascii: "e") || bytes[index - 1] == UInt8(ascii: "E"))
        }
        while let byte = current,
            byte.isDigit || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
                || isExponentSign(position)
        { position += 1 }
        let digits = bytes[start..<position]
        guard let number = NumberText.parse(digits), number.isFinite, current.map(Self.isNameByte) != true else {
            throw .unexpected(String(decoding: digits, as: UTF8.self), at: start, in: bytes)
        }
        return number
    }

    private var nextIsDigit: Bool { position + 1 < bytes.count && bytes[position + 1].isDigit }

    /// `5m`, `30 s`, `1 hour`: in milliseconds.
    mutating func period() throws(QueryFault) -> Int {
        skipSpace()
        let start = position
        while let byte = current, byte.isDigit { position += 1 }
        let digits = String(decoding: bytes[start..<position], as: UTF8.self)
        skipSpace()
        let unitStart = position
        while let byte = current, Self.isNameByte(byte) { position += 1 }
        let unit = String(decoding: bytes[unitStart..<position], as: UTF8.self).lowercased()
        guard let count = Int(digits), count > 0, let length = Self.units[unit] else {
            throw invalid("Invalid bin period", since: start)
        }
        let (product, overflow) = count.multipliedReportingOverflow(by: length)
        guard !overflow, product <= Self.longestPeriod else { throw invalid("Invalid bin period", since: start) }
        return product
    }

    private static let longestPeriod = 86_400_000 * 3_660
    private static let units: [String: Int] = [
        "ms": 1, "msec": 1, "millisecond": 1, "milliseconds": 1,
        "s": 1_000, "sec": 1_000, "second": 1_000, "seconds": 1_000,
        "m": 60_000, "min": 60_000, "minute": 60_000, "minutes": 60_000,
        "h": 3_600_000, "hr": 3_600_000, "hour": 3_600_000, "hours": 3_600_000,
        "d": 86_400_000, "day": 86_400_000, "days": 86_400_000,
        "w": 604_800_000, "week": 604_800_000, "weeks": 604_800_000,
        "mo": 2_592_000_000, "mon": 2_592_000_000, "month": 2_592_000_000, "months": 2_592_000_000,
        "q": 7_776_000_000, "qtr": 7_776_000_000, "quarter": 7_776_000_000, "quarters": 7_776_000_000,
        "y": 31_536_000_000, "yr": 31_536_000_000, "year": 31_536_000_000, "years": 31_536_000_000,
    ]
}

/// A name with its dots: `requestParameters.instances.0.id`.
struct FieldPath: Sendable, Equatable {
    var pieces: [String]
    var isQuoted: Bool

    var name: String { pieces.joined(separator: ".") }
}
