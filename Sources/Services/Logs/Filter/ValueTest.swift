// SPDX-License-Identifier: Apache-2.0
import RegularExpressions

/// An operator and what stands behind it: `= "x*"`, `>= 400`, `!= %^GET%`, `= 10.0.0.0/8`.
struct ValueTest: Sendable {
    enum Comparison: Sendable {
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

        var isEquality: Bool { self == .equal || self == .notEqual }
    }

    enum Operand: Sendable {
        case text(Wildcard)
        /// As it is written too, because a number in a text equals it by its digits.
        case number(Double, Wildcard)
        case expression(RegularExpression)
        case network(IPv4Network)
    }

    let comparison: Comparison
    let operand: Operand

    /// Nil when numbers are to be compared and there is none.
    init?(_ comparison: Comparison, _ operand: Operand) {
        if !comparison.isEquality {
            guard case .number = operand else { return nil }
        }
        self.comparison = comparison
        self.operand = operand
    }

    /// Whether a value passes. `number` is what the value is as a number, if it is one.
    func holds(for subject: ByteText, number: @autoclosure () -> Double?) -> Bool {
        switch comparison {
        case .equal: equals(subject, number())
        case .notEqual: !equals(subject, number())
        case .less: orders(number()) { $0 < $1 }
        case .lessOrEqual: orders(number()) { $0 <= $1 }
        case .greater: orders(number()) { $0 > $1 }
        case .greaterOrEqual: orders(number()) { $0 >= $1 }
        }
    }

    private func equals(_ subject: ByteText, _ number: Double?) -> Bool {
        switch operand {
        case .text(let wildcard): wildcard.matches(subject)
        case .number(let value, let text): number.map { $0 == value } ?? text.matches(subject)
        case .expression(let expression): expression.matchesPart(of: subject.text)
        case .network(let network): network.contains(subject)
        }
    }

    private func orders(_ number: Double?, _ by: (Double, Double) -> Bool) -> Bool {
        guard let number, case .number(let value, _) = operand else { return false }
        return by(number, value)
    }
}
