// SPDX-License-Identifier: Apache-2.0

/// How a condition compares: `ForAnyValue:StringNotLikeIfExists` taken apart.
struct ConditionOperator: Sendable, Equatable {
    enum Comparison: Sendable {
        case equal, less, lessOrEqual, greater, greaterOrEqual

        func holds<V: Comparable>(_ left: V, _ right: V) -> Bool {
            switch self {
            case .equal: left == right
            case .less: left < right
            case .lessOrEqual: left <= right
            case .greater: left > right
            case .greaterOrEqual: left >= right
            }
        }
    }

    enum Family: Sendable, Equatable {
        case string(ignoringCase: Bool, wildcards: Bool)
        case number(Comparison)
        case date(Comparison)
        case bool
        case binary
        case address
        case arn
        /// Whether the key is absent.
        case null
    }

    enum Quantifier: Sendable {
        case none
        /// Each of the request's values satisfies it; so does a request without values.
        case forAllValues
        /// One of the request's values satisfies it.
        case forAnyValue
    }

    var family: Family
    /// `…Not…`: no listed value may match.
    var isNegated: Bool
    var quantifier: Quantifier
    /// An absent key satisfies it.
    var ifExists: Bool

    /// Nil for a name that IAM does not know.
    init?(_ name: String) {
        var rest = Substring(name)
        quantifier = .none
        for (prefix, value) in [("ForAllValues:", Quantifier.forAllValues), ("ForAnyValue:", .forAnyValue)]
        where rest.hasPrefix(prefix) {
            quantifier = value
            rest = rest.dropFirst(prefix.count)
        }
        ifExists = rest.hasSuffix("IfExists")
        if ifExists { rest = rest.dropLast("IfExists".count) }
        guard let known = Self.known[String(rest)] else { return nil }
        (family, isNegated) = known
        // `NullIfExists` would ask whether an existing key is absent.
        if family == .null, ifExists || quantifier != .none { return nil }
    }

    private static let known: [String: (Family, Bool)] = {
        var table: [String: (Family, Bool)] = [
            "StringEquals": (.string(ignoringCase: false, wildcards: false), false),
            "StringNotEquals": (.string(ignoringCase: false, wildcards: false), true),
            "StringEqualsIgnoreCase": (.string(ignoringCase: true, wildcards: false), false),
            "StringNotEqualsIgnoreCase": (.string(ignoringCase: true, wildcards: false), true),
            "StringLike": (.string(ignoringCase: false, wildcards: true), false),
            "StringNotLike": (.string(ignoringCase: false, wildcards: true), true),
            "Bool": (.bool, false),
            "BinaryEquals": (.binary, false),
            "IpAddress": (.address, false),
            "NotIpAddress": (.address, true),
            "ArnEquals": (.arn, false),
            "ArnLike": (.arn, false),
            "ArnNotEquals": (.arn, true),
            "ArnNotLike": (.arn, true),
            "Null": (.null, false),
        ]
        let comparisons: [(String, Comparison, Bool)] = [
            ("Equals", .equal, false), ("NotEquals", .equal, true), ("LessThan", .less, false),
            ("LessThanEquals", .lessOrEqual, false), ("GreaterThan", .greater, false),
            ("GreaterThanEquals", .greaterOrEqual, false),
        ]
        for (suffix, comparison, isNegated) in comparisons {
            table["Numeric" + suffix] = (.number(comparison), isNegated)
            table["Date" + suffix] = (.date(comparison), isNegated)
        }
        return table
    }()
}
