// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventPatterns

/// What SNS asks of a filter policy beyond the language of patterns: its limits on keys, combinations, numbers, stars and
/// depth, and no nesting where attributes are matched.
struct FilterRules {
    private static let numberLimit = 1e9
    private static let maximumDepth = 20
    private static let maximumStars = 10
    private static let most = 1_000_000

    private let scope: FilterPolicy.Scope
    private var keys: Set<String> = []

    /// Throws `InvalidParameterException` in AWS's words. What is no pattern at all is left for its compiler to say.
    static func check(_ policy: JSONValue, scope: FilterPolicy.Scope) throws {
        var rules = FilterRules(scope: scope)
        let combinations = try rules.combinations(of: policy, path: "", depth: 1)
        guard rules.keys.count <= FilterPolicy.maximumKeys else {
            throw FilterPolicy.fault("Filter policy can not have more than \(FilterPolicy.maximumKeys) keys")
        }
        guard combinations <= FilterPolicy.maximumCombinations else {
            throw FilterPolicy.fault("Filter policy is too complex")
        }
    }

    private init(scope: FilterPolicy.Scope) { self.scope = scope }

    private mutating func combinations(of json: JSONValue, path: String, depth: Int) throws -> Int {
        guard depth <= Self.maximumDepth else { throw FilterPolicy.fault("Filter policy is nested too deeply") }
        var product = 1
        for member in json.members ?? [] {
            let count = try combinations(of: member, path: path, depth: depth)
            product = min(product * max(count, 1), Self.most)
        }
        return product
    }

    private mutating func combinations(of member: JSONValue.Member, path: String, depth: Int) throws -> Int {
        if member.name == "$or", let elements = member.value.arrayValue, EventAlternatives.are(elements) {
            var sum = 0
            for element in elements {
                sum = min(sum + (try combinations(of: element, path: path, depth: depth + 1)), Self.most)
            }
            return sum
        }
        let full = path.isEmpty ? member.name : "\(path).\(member.name)"
        switch member.value {
        case .array(let elements):
            keys.insert(full)
            for element in elements { try check(element) }
            return elements.count * depth
        case .object:
            guard scope == .messageBody else {
                throw FilterPolicy.fault("Filter policy scope MessageAttributes does not support nested filter policy")
            }
            return try combinations(of: member.value, path: full, depth: depth + 1)
        default: return 1
        }
    }

    /// One value or test.
    private func check(_ json: JSONValue) throws {
        switch json {
        case .integer(let number): try check(Double(number))
        case .number(let number): try check(number)
        case .object(let members):
            for member in members { try check(member.value, isWildcard: member.name == "wildcard") }
        default: break
        }
    }

    private func check(_ json: JSONValue, isWildcard: Bool) throws {
        switch json {
        case .array(let elements): for element in elements { try check(element, isWildcard: isWildcard) }
        case .object: try check(json)
        case .integer(let number): try check(Double(number))
        case .number(let number): try check(number)
        case .string(let text) where isWildcard:
            guard !text.contains("**"), text.count(where: { $0 == "*" }) <= Self.maximumStars else {
                throw FilterPolicy.fault(
                    "Rule is too complex - try using fewer wildcard characters or fewer repeating "
                        + "character sequences after a wildcard character"
                )
            }
        default: break
        }
    }

    private func check(_ number: Double) throws {
        guard abs(number) <= Self.numberLimit else {
            throw FilterPolicy.fault("Value of numeric must be between -1.0E9 and 1.0E9")
        }
    }
}
