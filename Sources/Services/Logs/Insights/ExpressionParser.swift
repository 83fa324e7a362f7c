// SPDX-License-Identifier: Apache-2.0
import RegularExpressions

/// Expressions, from what binds least to what binds most: or, and, not, comparisons, sums, products, powers.
extension QueryParser {
    mutating func expression() throws(QueryFault) -> Expression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else {
            throw scanner.invalid("Query is too deeply nested", since: scanner.position)
        }
        var parts = [try conjunction()]
        while scanner.takeWord("or") { parts.append(try conjunction()) }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private mutating func conjunction() throws(QueryFault) -> Expression {
        var parts = [try negation()]
        while scanner.takeWord("and") { parts.append(try negation()) }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    private mutating func negation() throws(QueryFault) -> Expression {
        var isNegated = false
        while scanner.takeWord("not") { isNegated.toggle() }
        let inner = try comparison()
        return isNegated ? .not(inner) : inner
    }

    mutating func comparison() throws(QueryFault) -> Expression {
        let left = try sum()
        if scanner.takeWord("like") { return .like(left, try matcher()) }
        if scanner.takeWord("in") { return .isIn(left, try list()) }
        if scanner.takeWord("not") {
            if scanner.takeWord("like") { return .not(.like(left, try matcher())) }
            guard scanner.takeWord("in") else { throw scanner.unexpected }
            return .not(.isIn(left, try list()))
        }
        if scanner.take("=~") { return .like(left, try matcher()) }
        let operators: [(String, Expression.Comparison)] = [
            ("!=", .notEqual), ("<=", .lessOrEqual), (">=", .greaterOrEqual), ("=", .equal), ("<", .less),
            (">", .greater),
        ]
        for (sign, comparison) in operators where scanner.take(sign) { return .compare(comparison, left, try sum()) }
        return left
    }

    private mutating func matcher() throws(QueryFault) -> TextMatcher {
        scanner.skipSpace()
        let start = scanner.position
        if let part = try scanner.string() { return .part(Array(part.utf8)) }
        guard let source = try scanner.regexSource() else { throw scanner.unexpected }
        guard let expression = RegularExpression(source) else {
            throw scanner.invalid("Invalid regular expression", since: start)
        }
        return .expression(expression)
    }

    private mutating func list() throws(QueryFault) -> [Expression] {
        try scanner.expect("[")
        if scanner.take("]") { return [] }
        var values: [Expression] = []
        repeat { values.append(try sum()) } while scanner.take(",")
        try scanner.expect("]")
        return values
    }

    private mutating func sum() throws(QueryFault) -> Expression {
        var value = try product()
        while let operation = try take([("+", .add), ("-", .subtract)]) {
            value = .arithmetic(operation, value, try product())
        }
        return value
    }

    private mutating func product() throws(QueryFault) -> Expression {
        var value = try power()
        while let operation = try take([("*", .multiply), ("/", .divide), ("%", .remainder)]) {
            value = .arithmetic(operation, value, try power())
        }
        return value
    }

    private mutating func take(_ signs: [(String, Expression.Arithmetic)]) throws(QueryFault) -> Expression.Arithmetic?
    {
        for (sign, operation) in signs where scanner.take(sign) {
            operations += 1
            guard operations <= Self.maximumOperations else {
                throw scanner.invalid("Query has too many operators", since: scanner.position)
            }
            return operation
        }
        return nil
    }

    /// To the right: `2 ^ 3 ^ 2` is `2 ^ 9`.
    private mutating func power() throws(QueryFault) -> Expression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else {
            throw scanner.invalid("Query is too deeply nested", since: scanner.position)
        }
        let base = try sign()
        return scanner.take("^") ? .arithmetic(.power, base, try power()) : base
    }

    private mutating func sign() throws(QueryFault) -> Expression {
        var isNegative = false
        while true {
            if scanner.take("-") {
                isNegative.toggle()
            } else if !scanner.take("+") {
                break
            }
        }
        let value = try primary()
        guard isNegative else { return value }
        if case .constant(let constant) = value, let number = constant.number { return .constant(.number(-number)) }
        return .arithmetic(.subtract, .constant(.number(0)), value)
    }

    private mutating func primary() throws(QueryFault) -> Expression {
        if let slot = takeColumn() { return .slot(slot) }
        if scanner.take("(") {
            let inner = try expression()
            try scanner.expect(")")
            return inner
        }
        if let text = try scanner.string() { return .constant(.text(text)) }
        if let number = try scanner.number() { return .constant(.number(number)) }
        scanner.skipSpace()
        let before = scanner
        guard let path = try scanner.name() else { throw scanner.unexpected }
        if !path.isQuoted, path.pieces.count == 1, scanner.take("(") { return try call(path.name, before) }
        if !path.isQuoted, let word = Self.words[path.name.lowercased()], names.slots[path.name] == nil {
            return .constant(word)
        }
        return mode == .aggregate ? results.resolve(path) : names.resolve(path)
    }

    private static let words: [String: InsightsValue] = ["true": .bool(true), "false": .bool(false), "null": .null]

    /// Behind a `stats`, its results may be named by their text: `sort count(*) desc`.
    private mutating func takeColumn() -> Int? {
        let known = mode == .aggregate ? results : names
        guard known.isAggregated else { return nil }
        let named = known.slots.filter { $0.key.contains("(") }.sorted { $0.key.utf8.count > $1.key.utf8.count }
        for (name, slot) in named where scanner.take(name) { return slot }
        return nil
    }

    // MARK: Calls

    /// Behind the opening parenthesis.
    private mutating func call(_ name: String, _ start: QueryScanner) throws(QueryFault) -> Expression {
        let lowered = name.lowercased()
        if mode == .aggregate, let kind = Aggregate.names[lowered] { return try aggregate(kind) }
        switch lowered {
        case "bin":
            let period = try scanner.period()
            try scanner.expect(")")
            let time: Expression = names.isAggregated || mode == .aggregate ? .constant(.null) : .field(.timestamp)
            return .call(.floor(toPeriod: period), [time])
        case "datefloor", "dateceil":
            let time = try expression()
            try scanner.expect(",")
            let period = try scanner.period()
            try scanner.expect(")")
            return .call(lowered == "datefloor" ? .floor(toPeriod: period) : .ceiling(toPeriod: period), [time])
        case "unmask":
            let before = scanner
            guard let path = try scanner.name(), case .field(let field) = names.resolve(path) else {
                throw before.unexpected
            }
            try scanner.expect(")")
            plan.unmasks = true
            return .unmasked(field)
        default: break
        }
        guard let function = InsightsFunction.named(lowered) else { throw start.unexpected }
        let arguments = try arguments()
        guard function.arity.contains(arguments.count) else {
            throw .invalid(
                "Invalid number of arguments for function \(name)",
                name,
                at: start.position,
                in: start.bytes
            )
        }
        return .call(function, arguments)
    }

    private mutating func arguments() throws(QueryFault) -> [Expression] {
        if scanner.take(")") { return [] }
        var values: [Expression] = []
        repeat { values.append(try expression()) } while scanner.take(",")
        try scanner.expect(")")
        return values
    }

    /// Its argument is of the rows that go in, what comes out is a slot of the group.
    private mutating func aggregate(_ kind: Aggregate.Kind) throws(QueryFault) -> Expression {
        mode = .row
        defer { mode = .aggregate }
        var kind = kind
        var argument: Expression?
        if kind == .count, scanner.take("*") || scanner.takeEmpty(before: ")") {
            argument = nil
        } else {
            argument = try expression()
        }
        if case .percentile = kind, scanner.take(",") {
            let before = scanner
            guard let percent = try scanner.number(), (0...100).contains(percent) else { throw before.unexpected }
            kind = .percentile(percent)
        }
        try scanner.expect(")")
        guard statistics.aggregates.count < 100 else { throw scanner.unexpected }
        let slot = results.allocate()
        statistics.aggregates.append((slot, Aggregate(kind: kind, argument: argument)))
        return .slot(slot)
    }
}

extension QueryScanner {
    /// Whether nothing stands before `closing`.
    func takeEmpty(before closing: String) -> Bool {
        var copy = self
        return copy.take(closing)
    }
}
