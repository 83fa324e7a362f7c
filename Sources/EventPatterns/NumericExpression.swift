// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// `["=", 5]`, `["<", 10]`, `[">", 0, "<=", 5]`.
enum NumericExpression {
    static let bounds = -5.0e9...5.0e9

    static func test(_ value: JSONValue) throws(PatternFault) -> LeafTest {
        guard case .array(let terms) = value else { throw PatternFault("Value of numeric must be an array.") }
        guard let first = terms.first, case .string(let sign) = first else {
            throw PatternFault("Invalid member in numeric match: \(terms.first?.compactText ?? "]")")
        }
        var range = NumericRange()
        switch sign {
        case "=":
            let number = try number(terms, 1, after: "equals")
            try end(terms, at: 2)
            return .number(number)
        case "<", "<=":
            (range.top, range.includesTop) = (try number(terms, 1, after: sign), sign == "<=")
            try end(terms, at: 2)
        case ">", ">=":
            (range.bottom, range.includesBottom) = (try number(terms, 1, after: sign), sign == ">=")
            if terms.count > 2 { try complete(&range, terms) }
        default: throw PatternFault("Unrecognized numeric range operator: \(sign)")
        }
        return .range(range)
    }

    private static func complete(_ range: inout NumericRange, _ terms: [JSONValue]) throws(PatternFault) {
        guard case .string(let sign) = terms[2] else {
            throw PatternFault("Bad value in numeric range: \(terms[2].compactText)")
        }
        guard sign == "<" || sign == "<=" else { throw PatternFault("Bad numeric range operator: \(sign)") }
        (range.top, range.includesTop) = (try number(terms, 3, after: sign), sign == "<=")
        guard terms.count == 4 else { throw PatternFault("Too many terms in numeric range expression") }
        guard range.bottom < range.top else { throw PatternFault("Bottom must be less than top") }
    }

    private static func number(_ terms: [JSONValue], _ place: Int, after sign: String) throws(PatternFault) -> Double {
        let number: Double? =
            switch terms.count > place ? terms[place] : .null {
            case .integer(let number): Double(number)
            case .number(let number): number
            default: nil
            }
        guard let number else { throw PatternFault("Value of \(sign) must be numeric") }
        guard bounds.contains(number) else { throw PatternFault("Value must be between -5.0E9 and 5.0E9, inclusive") }
        return number
    }

    private static func end(_ terms: [JSONValue], at count: Int) throws(PatternFault) {
        guard terms.count == count else { throw PatternFault("Too many elements in numeric expression") }
    }
}
