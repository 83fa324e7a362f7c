// SPDX-License-Identifier: Apache-2.0

/// A pattern for lines of fields between spaces: `[ip, user, ..., status = 4*, bytes > 1000]`.
///
/// Without an ellipsis the last field takes the rest of the line, however long.
struct FieldPattern: Sendable {
    /// Nil for a field that may be anything.
    private var head: [FieldCondition?] = []
    /// The fields behind the ellipsis; nil where there is none.
    private var tail: [FieldCondition?]?

    init(_ bytes: ArraySlice<UInt8>) throws(FilterFault) {
        var scanner = PatternScanner(bytes)
        repeat {
            scanner.skipSpace()
            if scanner.take("...") {
                guard tail == nil else { throw .malformed }
                tail = []
            } else {
                let condition = try FieldConditionParser.parse(&scanner)
                if tail == nil { head.append(condition) } else { tail?.append(condition) }
            }
            scanner.skipSpace()
        } while scanner.take(",")
        guard scanner.isAtEnd else { throw scanner.unexpected }
    }

    func matches(_ message: ByteText) -> Bool {
        if let tail { return matches(message, endingIn: tail) }
        guard let fields = LineFields.split(message, into: head.count) else { return false }
        return Self.pass(fields[...], head)
    }

    private func matches(_ message: ByteText, endingIn tail: [FieldCondition?]) -> Bool {
        let fields = LineFields.all(of: message)
        guard fields.count >= head.count + tail.count else { return false }
        return Self.pass(fields.prefix(head.count), head) && Self.pass(fields.suffix(tail.count), tail)
    }

    private static func pass(_ fields: ArraySlice<ByteText>, _ conditions: [FieldCondition?]) -> Bool {
        zip(fields, conditions).allSatisfy { field, condition in condition?.holds(for: field) ?? true }
    }
}

/// What one field must be like.
indirect enum FieldCondition: Sendable {
    case all([FieldCondition])
    case any([FieldCondition])
    case value(ValueTest)

    func holds(for field: ByteText) -> Bool {
        switch self {
        case .all(let conditions): conditions.allSatisfy { $0.holds(for: field) }
        case .any(let conditions): conditions.contains { $0.holds(for: field) }
        case .value(let test): test.holds(for: field, number: NumberText.parse(field.bytes))
        }
    }
}

/// Reads what stands between two commas: nothing, a name, or conditions that all name the same field.
struct FieldConditionParser {
    private var scanner: PatternScanner
    private var name: [UInt8] = []

    /// Nil for a field that may be anything.
    static func parse(_ scanner: inout PatternScanner) throws(FilterFault) -> FieldCondition? {
        var parser = FieldConditionParser(scanner: scanner)
        parser.name = parser.takeName()
        parser.scanner.skipSpace()
        if parser.scanner.isAtEnd || parser.scanner.current == UInt8(ascii: ",") {
            scanner = parser.scanner
            return nil
        }
        parser.scanner = scanner
        let condition = try parser.disjunction(depth: 0)
        scanner = parser.scanner
        return condition
    }

    private mutating func takeName() -> [UInt8] {
        scanner.skipSpace()
        return scanner.take { $0.isWordCharacter || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "$") }
    }

    private mutating func disjunction(depth: Int) throws(FilterFault) -> FieldCondition {
        var conditions = [try conjunction(depth: depth)]
        while takeOperator("||") { conditions.append(try conjunction(depth: depth)) }
        return conditions.count == 1 ? conditions[0] : .any(conditions)
    }

    private mutating func conjunction(depth: Int) throws(FilterFault) -> FieldCondition {
        var conditions = [try primary(depth: depth)]
        while takeOperator("&&") { conditions.append(try primary(depth: depth)) }
        return conditions.count == 1 ? conditions[0] : .all(conditions)
    }

    private mutating func takeOperator(_ text: String) -> Bool {
        scanner.skipSpace()
        return scanner.take(text)
    }

    private mutating func primary(depth: Int) throws(FilterFault) -> FieldCondition {
        scanner.skipSpace()
        guard scanner.take("(") else { return try condition() }
        guard depth < PatternScanner.maximumDepth else { throw .malformed }
        let inner = try disjunction(depth: depth + 1)
        scanner.skipSpace()
        guard scanner.take(")") else { throw scanner.unexpected }
        return inner
    }

    private mutating func condition() throws(FilterFault) -> FieldCondition {
        let found = takeName()
        guard !found.isEmpty else { throw scanner.unexpected }
        // A parenthesis may have hidden the first name until now.
        if name.isEmpty { name = found }
        // AWS refuses a condition on two fields in one place.
        guard found == name else { throw .malformed }
        return .value(try scanner.valueTest())
    }
}
