// SPDX-License-Identifier: Apache-2.0
import AWSWire
import RegularExpressions

/// Something to compute of a row. Names are resolved: it knows slots and fields, not what they are called.
indirect enum Expression: Sendable {
    enum Comparison: Sendable { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual }
    enum Arithmetic: Sendable { case add, subtract, multiply, divide, remainder, power }

    case constant(InsightsValue)
    case slot(Int)
    /// Inside a list or map that a slot holds.
    case member(Int, [String])
    case field(EventField)
    /// `unmask(field)`
    case unmasked(EventField)
    case not(Expression)
    case all([Expression])
    case any([Expression])
    case compare(Comparison, Expression, Expression)
    case like(Expression, TextMatcher)
    case isIn(Expression, [Expression])
    case arithmetic(Arithmetic, Expression, Expression)
    case call(InsightsFunction, [Expression])

    func value(_ row: InsightsRecord, _ environment: QueryEnvironment) -> InsightsValue {
        switch self {
        case .constant(let value): return value
        case .slot(let index): return row.slots[index]
        case .member(let index, let path):
            guard case .json(let root) = row.slots[index] else { return .null }
            return .from(InsightsRecord.descend(root, path[...]))
        case .field(let field): return row.value(of: field)
        case .unmasked(let field): return row.unmaskedValue(of: field)
        case .not(let inner): return .bool(!inner.holds(row, environment))
        case .all(let parts): return .bool(parts.allSatisfy { $0.holds(row, environment) })
        case .any(let parts): return .bool(parts.contains { $0.holds(row, environment) })
        case .compare(let comparison, let left, let right):
            return .bool(Self.compare(comparison, left.value(row, environment), right.value(row, environment)))
        case .like(let subject, let matcher):
            guard let text = subject.value(row, environment).text else { return .bool(false) }
            return .bool(matcher.matches(text))
        case .isIn(let subject, let list):
            let value = subject.value(row, environment)
            return .bool(list.contains { InsightsValue.order(value, $0.value(row, environment)) == 0 })
        case .arithmetic(let operation, let left, let right):
            return Self.calculate(operation, left.value(row, environment), right.value(row, environment))
        case .call(let function, let arguments):
            return function.call(arguments.map { $0.value(row, environment) }, environment)
        }
    }

    func holds(_ row: InsightsRecord, _ environment: QueryEnvironment) -> Bool { value(row, environment).isTrue }

    /// Nothing is equal to, less or greater than null; everything is unequal to it.
    private static func compare(_ comparison: Comparison, _ left: InsightsValue, _ right: InsightsValue) -> Bool {
        guard let order = InsightsValue.order(left, right) else { return comparison == .notEqual }
        switch comparison {
        case .equal: return order == 0
        case .notEqual: return order != 0
        case .less: return order < 0
        case .lessOrEqual: return order <= 0
        case .greater: return order > 0
        case .greaterOrEqual: return order >= 0
        }
    }

    private static func calculate(
        _ operation: Arithmetic,
        _ left: InsightsValue,
        _ right: InsightsValue
    ) -> InsightsValue {
        guard let a = left.number, let b = right.number else { return .null }
        switch operation {
        case .add: return .finite(a + b)
        case .subtract: return .finite(a - b)
        case .multiply: return .finite(a * b)
        case .divide: return .finite(a / b)
        case .remainder: return .finite(b == 0 ? nil : a.truncatingRemainder(dividingBy: b))
        case .power: return .finite(InsightsFunction.power(a, b))
        }
    }
}

/// What is the same for all rows of a query.
struct QueryEnvironment: Sendable {
    /// Milliseconds since 1970.
    var now: Int
}

/// What stands behind `like`: part of a text, or a regular expression.
enum TextMatcher: Sendable {
    case part([UInt8])
    case expression(RegularExpression)

    func matches(_ text: String) -> Bool {
        switch self {
        case .part(let part):
            var text = text
            return text.withUTF8 { ByteText($0).contains(part) }
        case .expression(let expression): return expression.matchesPart(of: text)
        }
    }
}
