// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// A JSON pattern, between its braces.
indirect enum JSONCondition: Sendable {
    case all([JSONCondition])
    case any([JSONCondition])
    case value(JSONSelector, ValueTest)
    case isNull(JSONSelector)
    case isBool(JSONSelector, Bool)
    case exists(JSONSelector)
    case notExists(JSONSelector)

    func matches(_ message: ByteText) -> Bool {
        // Most lines that are no JSON show it at once.
        guard let first = message.bytes.first(where: { !$0.isSpace }),
            first == UInt8(ascii: "{") || first == UInt8(ascii: "["),
            let root = try? JSONValue(parsing: Array(message.bytes))  // Not JSON: no match, and no fault of anybody's.
        else { return false }
        return holds(root)
    }

    /// All that it looks at, in the order of the pattern.
    var selectors: [JSONSelector] {
        switch self {
        case .all(let conditions), .any(let conditions): conditions.flatMap(\.selectors)
        case .value(let selector, _), .isNull(let selector), .isBool(let selector, _), .exists(let selector),
            .notExists(let selector):
            [selector]
        }
    }

    private func holds(_ root: JSONValue) -> Bool {
        switch self {
        case .all(let conditions): conditions.allSatisfy { $0.holds(root) }
        case .any(let conditions): conditions.contains { $0.holds(root) }
        case .value(let selector, let test): selector.any(in: root) { Self.passes($0, test) }
        case .isNull(let selector): selector.any(in: root) { $0 == .null }
        case .isBool(let selector, let value): selector.any(in: root) { $0 == .bool(value) }
        case .exists(let selector): selector.any(in: root) { _ in true }
        case .notExists(let selector): !selector.any(in: root) { _ in true }
        }
    }

    /// Arrays, objects and null are no values: neither `=` nor `!=` holds for them.
    private static func passes(_ value: JSONValue, _ test: ValueTest) -> Bool {
        switch value {
        case .string(var text): text.withUTF8 { test.holds(for: ByteText($0), number: nil) }
        case .integer(let number): passes(String(number), Double(number), test)
        case .number(let number): passes(Self.text(of: number), number, test)
        case .bool(let flag): passes(flag ? "true" : "false", nil, test)
        case .null, .array, .object: false
        }
    }

    private static func passes(_ text: String, _ number: Double?, _ test: ValueTest) -> Bool {
        var text = text
        return text.withUTF8 { test.holds(for: ByteText($0), number: number) }
    }

    /// As JSON writes it: without the `.0` of a whole number.
    fileprivate static func text(of number: Double) -> String {
        let text = "\(number)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}

extension JSONValue {
    /// A string, number or truth value as text.
    var scalarText: String? {
        switch self {
        case .string(let text): text
        case .integer(let number): String(number)
        case .number(let number): JSONCondition.text(of: number)
        case .bool(let flag): flag ? "true" : "false"
        case .null, .array, .object: nil
        }
    }
}

/// Reads the inside of a JSON pattern: `||` binds less than `&&`, parentheses most.
struct JSONPatternParser {
    private var scanner: PatternScanner

    static func parse(_ bytes: ArraySlice<UInt8>) throws(FilterFault) -> JSONCondition {
        var parser = JSONPatternParser(scanner: PatternScanner(bytes))
        let condition = try parser.disjunction(depth: 0)
        parser.scanner.skipSpace()
        guard parser.scanner.isAtEnd else { throw parser.scanner.unexpected }
        return condition
    }

    private mutating func disjunction(depth: Int) throws(FilterFault) -> JSONCondition {
        var conditions = [try conjunction(depth: depth)]
        while takeOperator("||") { conditions.append(try conjunction(depth: depth)) }
        return conditions.count == 1 ? conditions[0] : .any(conditions)
    }

    private mutating func conjunction(depth: Int) throws(FilterFault) -> JSONCondition {
        var conditions = [try primary(depth: depth)]
        while takeOperator("&&") { conditions.append(try primary(depth: depth)) }
        return conditions.count == 1 ? conditions[0] : .all(conditions)
    }

    private mutating func takeOperator(_ name: String) -> Bool {
        scanner.skipSpace()
        return scanner.take(name)
    }

    private mutating func primary(depth: Int) throws(FilterFault) -> JSONCondition {
        scanner.skipSpace()
        guard scanner.take("(") else { return try condition() }
        guard depth < PatternScanner.maximumDepth else { throw .malformed }
        let inner = try disjunction(depth: depth + 1)
        scanner.skipSpace()
        guard scanner.take(")") else { throw scanner.unexpected }
        return inner
    }

    private mutating func condition() throws(FilterFault) -> JSONCondition {
        let selector = try JSONSelector(&scanner)
        if scanner.takeWord("NOT") {
            guard scanner.takeWord("EXISTS") else { throw .malformed }
            return .notExists(selector)
        }
        if scanner.takeWord("EXISTS") { return .exists(selector) }
        guard scanner.takeWord("IS") else { return .value(selector, try scanner.valueTest()) }
        if scanner.takeWord("NULL") { return .isNull(selector) }
        if scanner.takeWord("TRUE") { return .isBool(selector, true) }
        if scanner.takeWord("FALSE") { return .isBool(selector, false) }
        throw .malformed
    }
}
