// SPDX-License-Identifier: Apache-2.0

/// A pattern for lines of fields between spaces: `[ip, user, ..., status = 4*, bytes > 1000]`.
///
/// Without an ellipsis the last field takes the rest of the line, however long.
struct FieldPattern: Sendable {
    /// One field: what it is called, and what it must be like, if anything.
    struct Slot: Sendable {
        var name: String?
        var condition: FieldCondition?
    }

    private var head: [Slot] = []
    /// The fields behind the ellipsis; nil where there is none.
    private var tail: [Slot]?

    init(_ bytes: ArraySlice<UInt8>) throws(FilterFault) {
        var scanner = PatternScanner(bytes)
        scanner.skipSpace()
        // AWS takes `[]` for any line, cut into all its fields.
        guard !scanner.isAtEnd else {
            tail = []
            return
        }
        repeat {
            scanner.skipSpace()
            if scanner.take("...") {
                guard tail == nil else { throw .malformed }
                tail = []
            } else {
                let slot = try FieldConditionParser.parse(&scanner)
                if tail == nil { head.append(slot) } else { tail?.append(slot) }
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

    /// The fields of a line by name, `$status`, or by number from one on, `$3`, where they have none.
    func values(of message: ByteText) -> [String: String] {
        var slots = head
        let fields: [ByteText]
        if let tail {
            fields = LineFields.all(of: message)
            let between = fields.count - head.count - tail.count
            guard between >= 0 else { return [:] }
            slots += Array(repeating: Slot(), count: between) + tail
        } else {
            fields = LineFields.split(message, into: head.count) ?? []
        }
        let pairs = zip(fields, slots).enumerated().map { index, pair in
            ("$" + (pair.1.name ?? String(index + 1)), pair.0.text)
        }
        return Dictionary(pairs) { first, _ in first }
    }

    private func matches(_ message: ByteText, endingIn tail: [Slot]) -> Bool {
        let fields = LineFields.all(of: message)
        guard fields.count >= head.count + tail.count else { return false }
        return Self.pass(fields.prefix(head.count), head) && Self.pass(fields.suffix(tail.count), tail)
    }

    private static func pass(_ fields: ArraySlice<ByteText>, _ slots: [Slot]) -> Bool {
        zip(fields, slots).allSatisfy { field, slot in slot.condition?.holds(for: field) ?? true }
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

    static func parse(_ scanner: inout PatternScanner) throws(FilterFault) -> FieldPattern.Slot {
        var parser = FieldConditionParser(scanner: scanner)
        parser.name = parser.takeName()
        parser.scanner.skipSpace()
        if parser.scanner.isAtEnd || parser.scanner.current == UInt8(ascii: ",") {
            scanner = parser.scanner
            return FieldPattern.Slot(name: parser.shownName)
        }
        parser.name = []
        parser.scanner = scanner
        let condition = try parser.disjunction(depth: 0)
        scanner = parser.scanner
        return FieldPattern.Slot(name: parser.shownName, condition: condition)
    }

    /// Without the dollar sign that some write before it.
    private var shownName: String? {
        let text = String(decoding: name.drop { $0 == UInt8(ascii: "$") }, as: UTF8.self)
        return text.isEmpty ? nil : text
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
