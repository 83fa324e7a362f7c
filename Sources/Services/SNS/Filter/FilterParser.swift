// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// Reads a filter policy, with AWS's limits on its size.
struct FilterParser {
    private static let numberLimit = 1e9
    private static let maximumDepth = 20

    let scope: FilterPolicy.Scope
    private var keys: Set<String> = []

    init(scope: FilterPolicy.Scope) { self.scope = scope }

    mutating func policy(_ json: JSONValue) throws -> FilterNode {
        let (node, combinations) = try node(json, path: "", depth: 1)
        guard keys.count <= FilterPolicy.maximumKeys else {
            throw FilterPolicy.fault("Filter policy can not have more than \(FilterPolicy.maximumKeys) keys")
        }
        guard combinations <= FilterPolicy.maximumCombinations else {
            throw FilterPolicy.fault("Filter policy is too complex")
        }
        return node
    }

    /// The policy and how many combinations of values it allows, which saturates.
    private mutating func node(_ json: JSONValue, path: String, depth: Int) throws -> (FilterNode, Int) {
        guard depth <= Self.maximumDepth else { throw FilterPolicy.fault("Filter policy is nested too deeply") }
        var (node, combinations) = (FilterNode(), 1)
        for member in json.members ?? [] {
            let (part, count) = try part(member, path: path, depth: depth)
            node.members.append(part)
            combinations = min(combinations * max(count, 1), 1_000_000)
        }
        return (node, combinations)
    }

    private mutating func part(
        _ member: JSONValue.Member,
        path: String,
        depth: Int
    ) throws -> (FilterNode.Member, Int) {
        if member.name == "$or", let nodes = try alternatives(member.value, path: path, depth: depth) { return nodes }
        let full = path.isEmpty ? member.name : "\(path).\(member.name)"
        switch member.value {
        case .array(let elements):
            guard !elements.isEmpty else { throw FilterPolicy.fault("Empty arrays are not allowed") }
            keys.insert(full)
            return (.values(member.name, try elements.map(condition)), elements.count * depth)
        case .object(let members):
            guard scope == .messageBody else {
                throw FilterPolicy.fault("Filter policy scope MessageAttributes does not support nested filter policy")
            }
            guard !members.isEmpty else { throw FilterPolicy.fault("Empty objects are not allowed") }
            let (nested, count) = try node(member.value, path: full, depth: depth + 1)
            return (.nested(member.name, nested), count)
        default: throw FilterPolicy.fault("\"\(member.name)\" must be an object or an array")
        }
    }

    /// Nil where `$or` is an ordinary key: fewer than two alternatives, or not all objects.
    private mutating func alternatives(
        _ json: JSONValue,
        path: String,
        depth: Int
    ) throws -> (FilterNode.Member, Int)? {
        guard let elements = json.arrayValue, elements.count >= 2,
            elements.allSatisfy({ $0.members?.isEmpty == false && !Self.isOperator($0) })
        else { return nil }
        var (nodes, sum) = ([FilterNode](), 0)
        for element in elements {
            let (alternative, count) = try node(element, path: path, depth: depth + 1)
            nodes.append(alternative)
            sum = min(sum + count, 1_000_000)
        }
        return (.anyOf(nodes), sum)
    }

    private static let operators: Set<String> = [
        "prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "cidr", "wildcard",
    ]

    private static func isOperator(_ json: JSONValue) -> Bool {
        json.members?.count == 1 && operators.contains(json.members?.first?.name ?? "")
            && json.members?.first?.value.members == nil
    }

    // MARK: Conditions

    private func condition(_ json: JSONValue) throws -> FilterCondition {
        switch json {
        case .object(let members):
            guard members.count == 1, let member = members.first else {
                throw FilterPolicy.fault("Only one key allowed in match expression")
            }
            return try match(member.name, member.value)
        case .array: throw FilterPolicy.fault("Match value must be String, number, true, false, or null")
        default: return try literal(json)
        }
    }

    private func literal(_ json: JSONValue) throws -> FilterCondition {
        guard let value = FilterValue(json: json) else {
            throw FilterPolicy.fault("Match value must be String, number, true, false, or null")
        }
        if case .number(let number) = value { try check(number) }
        return .equals(value)
    }

    private func check(_ number: Double) throws {
        guard abs(number) <= Self.numberLimit else {
            throw FilterPolicy.fault("Value of numeric must be between -1.0E9 and 1.0E9")
        }
    }

    private func match(_ name: String, _ json: JSONValue) throws -> FilterCondition {
        switch name {
        case "prefix": return .prefix(try text(json, of: name))
        case "suffix": return .suffix(try text(json, of: name))
        case "equals-ignore-case": return .ignoringCase(try text(json, of: name).lowercased())
        case "wildcard": return .wildcard(try wildcard(json))
        case "cidr":
            guard let range = AddressRange(try text(json, of: name)) else {
                throw FilterPolicy.fault("Malformed CIDR, one '/' required")
            }
            return .cidr(range)
        case "exists":
            guard case .bool(let wanted) = json else {
                throw FilterPolicy.fault("exists match pattern must be either true or false.")
            }
            return .exists(wanted)
        case "numeric": return .numeric(try bounds(json))
        case "anything-but": return .anythingBut(try exclusions(json))
        default: throw FilterPolicy.fault("Unrecognized match type \(name)")
        }
    }

    private func text(_ json: JSONValue, of name: String) throws -> String {
        guard let text = json.stringValue else { throw FilterPolicy.fault("\(name) match pattern must be a string") }
        return text
    }

    private func wildcard(_ json: JSONValue) throws -> WildcardPattern {
        let text = try text(json, of: "wildcard")
        let pattern = WildcardPattern(text)
        guard !text.contains("**"), pattern.stars <= 10 else {
            throw FilterPolicy.fault(
                "Rule is too complex - try using fewer wildcard characters or fewer repeating "
                    + "character sequences after a wildcard character"
            )
        }
        return pattern
    }

    private func exclusions(_ json: JSONValue) throws -> [FilterCondition] {
        switch json {
        case .array(let elements):
            guard !elements.isEmpty else { throw FilterPolicy.fault("Empty arrays are not allowed") }
            return try elements.map { element in
                guard element.members == nil, element.arrayValue == nil else {
                    throw FilterPolicy.fault("Inside anything but list, start|null|boolean is not supported.")
                }
                return try literal(element)
            }
        case .object(let members):
            guard members.count == 1, let member = members.first,
                ["prefix", "suffix", "equals-ignore-case", "wildcard"].contains(member.name)
            else { throw FilterPolicy.fault("Unsupported anything-but pattern") }
            guard let texts = member.value.arrayValue else { return [try match(member.name, member.value)] }
            guard !texts.isEmpty else { throw FilterPolicy.fault("Empty arrays are not allowed") }
            return try texts.map { try match(member.name, $0) }
        default: return [try literal(json)]
        }
    }

    private func bounds(_ json: JSONValue) throws -> [NumericBound] {
        guard let elements = json.arrayValue else { throw FilterPolicy.fault("Value of numeric must be an array.") }
        guard elements.count == 2 || elements.count == 4 else {
            throw FilterPolicy.fault(
                elements.isEmpty ? "Invalid member in numeric match: ]" : "Too many elements in numeric expression"
            )
        }
        var bounds: [NumericBound] = []
        for index in stride(from: 0, to: elements.count, by: 2) {
            guard let name = elements[index].stringValue else {
                throw FilterPolicy.fault("Invalid member in numeric match: \(elements[index].compactText)")
            }
            guard let relation = NumericBound.Relation(rawValue: name) else {
                throw FilterPolicy.fault("Unrecognized numeric range operator: \(name)")
            }
            guard case .number(let bound)? = FilterValue(json: elements[index + 1]) else {
                throw FilterPolicy.fault("Value of \(name) must be numeric")
            }
            try check(bound)
            bounds.append(NumericBound(relation: relation, bound: bound))
        }
        guard bounds.count == 2 else { return bounds }
        guard [.greater, .greaterOrEqual].contains(bounds[0].relation),
            [.less, .lessOrEqual].contains(bounds[1].relation)
        else { throw FilterPolicy.fault("Bad numeric range operator: \(bounds[1].relation.rawValue)") }
        guard bounds[0].bound < bounds[1].bound else { throw FilterPolicy.fault("Bottom must be less than top") }
        return bounds
    }
}
