// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// One key of a statement's `Condition` with the values that it is compared with.
struct PolicyCondition: Sendable, Equatable {
    let comparison: ConditionOperator
    /// In lower case.
    let key: String
    private let operands: [Operand]

    /// A value of the policy, read as its operator demands.
    private enum Operand: Sendable, Equatable {
        case text(PolicyTemplate)
        case number(Double)
        case date(Instant)
        case flag(Bool)
        case range(IPRange)
        case arn(ARNPattern)
    }

    /// Nil when a value is not what the operator compares: a number, a date, an address.
    init?(_ comparison: ConditionOperator, key: String, values: [String], variables: Bool) {
        self.comparison = comparison
        self.key = key.lowercased()
        var operands: [Operand] = []
        for value in values {
            guard let operand = Self.operand(value, for: comparison.family, variables: variables) else { return nil }
            operands.append(operand)
        }
        self.operands = operands
    }

    private static func operand(_ text: String, for family: ConditionOperator.Family, variables: Bool) -> Operand? {
        switch family {
        case .string(let ignoringCase, let wildcards):
            // Variable names have no case either, so the template may be lowered before it is read.
            .text(PolicyTemplate(ignoringCase ? text.lowercased() : text, variables: variables, wildcards: wildcards))
        case .binary: .text(PolicyTemplate(text, variables: false, wildcards: false))
        case .number: PolicyNumber.parse(text).map(Operand.number)
        case .date: PolicyDate.parse(text).map(Operand.date)
        case .bool, .null: flag(text).map(Operand.flag)
        case .address: IPRange(text).map(Operand.range)
        case .arn: .arn(ARNPattern(text, variables: variables, fillingUp: false))
        }
    }

    private static func flag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true": true
        case "false": false
        default: nil
        }
    }

    func holds(_ keys: ConditionKeys) -> Bool {
        let values = keys.all(key) ?? []
        if comparison.family == .null { return operands.contains(.flag(values.isEmpty)) }
        if values.isEmpty { return holdsWithoutValues }
        switch comparison.quantifier {
        case .none:
            let isMatched = values.contains { matches($0, keys) }
            return isMatched != comparison.isNegated
        case .forAnyValue: return values.contains { matches($0, keys) != comparison.isNegated }
        case .forAllValues: return values.allSatisfy { matches($0, keys) != comparison.isNegated }
        }
    }

    private var holdsWithoutValues: Bool {
        switch comparison.quantifier {
        case .none: comparison.ifExists || comparison.isNegated
        case .forAnyValue: comparison.ifExists
        case .forAllValues: true
        }
    }

    private func matches(_ value: String, _ keys: ConditionKeys) -> Bool {
        operands.contains { matches(value, $0, keys) }
    }

    private func matches(_ value: String, _ operand: Operand, _ keys: ConditionKeys) -> Bool {
        switch (operand, comparison.family) {
        case (.text(let template), .string(ignoringCase: true, _)):
            // A variable's value keeps its case, hence both sides are lowered here.
            guard let symbols = template.resolved(keys) else { return false }
            return Wildcard(symbols: symbols.map(Self.lowered)).matches(value.lowercased())
        case (.text(let template), _):
            return template.resolved(keys).map { Wildcard(symbols: $0).matches(value) } ?? false
        case (.number(let wanted), .number(let comparison)):
            return PolicyNumber.parse(value).map { comparison.holds($0, wanted) } ?? false
        case (.date(let wanted), .date(let comparison)):
            return PolicyDate.parse(value).map { comparison.holds($0, wanted) } ?? false
        case (.flag(let wanted), _): return Self.flag(value) == wanted
        case (.range(let range), _): return range.contains(value)
        case (.arn(let pattern), _): return pattern.matches(ARNText(value), keys)
        default: return false
        }
    }

    private static func lowered(_ symbol: UInt32) -> UInt32 {
        guard let scalar = Unicode.Scalar(symbol) else { return symbol }
        let lower = scalar.properties.lowercaseMapping.unicodeScalars
        return lower.count == 1 ? lower.first?.value ?? symbol : symbol
    }
}
