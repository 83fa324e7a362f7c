// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// Reads a pattern's JSON. The parser has bounded how deep it nests.
struct PatternCompiler {
    static let or = "$or"
    /// Names of tests, which cannot be names of fields inside `$or`.
    static let reserved: Set<String> = [
        "exactly", "prefix", "suffix", "equals-ignore-case", "numeric", "anything-but", "anything-but-prefix",
        "exists", "cidr", "wildcard",
    ]

    private let limits: PatternLimits
    private var values = 0

    init(limits: PatternLimits) { self.limits = limits }

    mutating func compile(_ json: JSONValue) throws(PatternFault) -> ObjectTest {
        guard case .object(let members) = json else { throw PatternFault("Filter is not an object") }
        let test = try object(members, path: "", isInOr: false)
        guard Self.combinations(test) <= limits.combinations else {
            throw PatternFault("Event pattern has more than \(limits.combinations) combinations of $or")
        }
        return test
    }

    private mutating func object(
        _ members: [JSONValue.Member],
        path: String,
        isInOr: Bool
    ) throws(PatternFault) -> ObjectTest {
        guard !members.isEmpty else { throw PatternFault("Empty objects are not allowed") }
        var test = ObjectTest()
        var seen: Set<String> = []
        for member in members {
            let place = path.isEmpty ? member.name : "\(path).\(member.name)"
            guard seen.insert(member.name).inserted else {
                throw PatternFault("Path `\(place)` cannot be allowed multiple times")
            }
            let isName = limits.takesOrAsName && !EventAlternatives.are(member.value.arrayValue ?? [])
            if member.name == Self.or, !isName {
                test.alternatives.append(try alternatives(member.value, path: path))
                continue
            }
            if isInOr, Self.reserved.contains(member.name) {
                throw PatternFault("\(member.name) is Ruler reserved fieldName which cannot be used inside $or.")
            }
            test.fields.append((member.name, try field(member, path: place, isInOr: isInOr)))
        }
        return test
    }

    private mutating func field(
        _ member: JSONValue.Member,
        path: String,
        isInOr: Bool
    ) throws(PatternFault) -> ObjectTest.Field {
        switch member.value {
        case .object(let members): return .nested(try object(members, path: path, isInOr: isInOr))
        case .array(let elements):
            guard !elements.isEmpty else { throw PatternFault("Empty arrays are not allowed") }
            values += elements.count
            guard values <= limits.values else {
                throw PatternFault("Event pattern has more than \(limits.values) values")
            }
            var tests: [ValueTest] = []
            for element in elements { tests.append(try value(element)) }
            return .values(tests)
        default: throw PatternFault("\"\(member.name)\" must be an object or an array")
        }
    }

    private mutating func alternatives(_ json: JSONValue, path: String) throws(PatternFault) -> [ObjectTest] {
        guard case .array(let elements) = json else { throw PatternFault("It must be an Array followed with $or.") }
        var tests: [ObjectTest] = []
        for element in elements {
            guard case .object(let members) = element else {
                throw PatternFault("Only JSON object is allowed in array of $or relationship.")
            }
            tests.append(try object(members, path: path, isInOr: true))
        }
        guard tests.count >= 2 else { throw PatternFault("There must have at least 2 Objects in $or relationship.") }
        return tests
    }

    private static func combinations(_ test: ObjectTest) -> Int {
        let most = 1_000_000
        var product = 1
        for (_, field) in test.fields {
            if case .nested(let nested) = field { product = min(most, product * combinations(nested)) }
        }
        for alternatives in test.alternatives {
            product = min(most, product * alternatives.reduce(0) { min(most, $0 + combinations($1)) })
        }
        return product
    }

    private func value(_ json: JSONValue) throws(PatternFault) -> ValueTest {
        switch json {
        case .null: .leaf(.null)
        case .bool(let value): .leaf(.bool(value))
        case .integer(let number): .leaf(.number(Double(number)))
        case .number(let number): .leaf(.number(number))
        case .string(let text): .leaf(.text(text))
        case .object(let members): try expression(members)
        case .array: throw PatternFault("Match value must be String, number, true, false, or null")
        }
    }

    // MARK: Match expressions

    private func expression(_ members: [JSONValue.Member]) throws(PatternFault) -> ValueTest {
        let (name, value) = try only(members, orSay: "Match expression name not found")
        switch name {
        case "exactly": return .leaf(.text(try text(value, of: "exact")))
        case "equals-ignore-case": return .leaf(.textIgnoringCase(try text(value, of: name).lowercased()))
        case "wildcard": return .leaf(.wildcard(try Wildcard(text(value, of: name))))
        // AWS names the wrong test here, and clients match what it says.
        case "cidr": return .leaf(.cidr(try AddressRange(text(value, of: "prefix"))))
        case "prefix", "suffix": return .leaf(try affix(name, value))
        case "numeric": return .leaf(try NumericExpression.test(value))
        case "anything-but": return .anythingBut(try anythingBut(value))
        case "exists":
            guard case .bool(let exists) = value else {
                throw PatternFault("exists match pattern must be either true or false.")
            }
            return .exists(exists)
        default: throw PatternFault("Unrecognized match type \(name)")
        }
    }

    private func only(
        _ members: [JSONValue.Member],
        orSay missing: String
    ) throws(PatternFault) -> (String, JSONValue) {
        guard let first = members.first else { throw PatternFault(missing) }
        guard members.count == 1 else { throw PatternFault("Only one key allowed in match expression") }
        return (first.name, first.value)
    }

    private func text(_ value: JSONValue, of name: String) throws(PatternFault) -> String {
        guard case .string(let text) = value else { throw PatternFault("\(name) match pattern must be a string") }
        return text
    }

    /// A string, or one in which case does not count.
    private func affix(_ name: String, _ value: JSONValue) throws(PatternFault) -> LeafTest {
        guard case .object(let members) = value else {
            let text = try text(value, of: name)
            return name == "prefix" ? .prefix(text) : .suffix(text)
        }
        let (inner, wanted) = try only(members, orSay: "\(name) match pattern must be a string")
        guard inner == "equals-ignore-case" else { throw PatternFault("Unsupported \(name) pattern: \(inner)") }
        let text = try text(wanted, of: inner).lowercased()
        return name == "prefix" ? .prefixIgnoringCase(text) : .suffixIgnoringCase(text)
    }

    private func anythingBut(_ value: JSONValue) throws(PatternFault) -> [LeafTest] {
        switch value {
        case .string(let text): return [.text(text)]
        case .integer(let number): return [.number(Double(number))]
        case .number(let number): return [.number(number)]
        case .array(let elements): return try anythingBut(elements)
        case .object(let members):
            let (name, value) = try only(members, orSay: "Anything-But expression name not found")
            return try anythingBut(name, value)
        case .null, .bool:
            throw PatternFault("Value of anything-but must be an array or single string/number value.")
        }
    }

    private func anythingBut(_ elements: [JSONValue]) throws(PatternFault) -> [LeafTest] {
        var tests: [LeafTest] = []
        var texts = 0
        for element in elements {
            switch element {
            case .string(let text):
                tests.append(.text(text))
                texts += 1
            case .integer(let number): tests.append(.number(Double(number)))
            case .number(let number): tests.append(.number(number))
            default: throw PatternFault("Inside anything but list, start|null|boolean is not supported.")
            }
        }
        guard !tests.isEmpty, texts == 0 || texts == tests.count else {
            throw PatternFault(
                "Inside anything but list, either all values are number or string, mixed type is not supported"
            )
        }
        return tests
    }

    private func anythingBut(_ name: String, _ value: JSONValue) throws(PatternFault) -> [LeafTest] {
        guard ["prefix", "suffix", "equals-ignore-case", "wildcard"].contains(name) else {
            throw PatternFault("Unsupported anything-but pattern: \(name)")
        }
        let elements = value.arrayValue ?? [value]
        guard !elements.isEmpty else { throw PatternFault("Empty arrays are not allowed") }
        var tests: [LeafTest] = []
        for element in elements {
            guard case .string(let text) = element else {
                throw PatternFault(
                    value.arrayValue == nil && name != "equals-ignore-case"
                        ? "\(name == "wildcard" ? "wildcard" : "prefix/suffix") match pattern must be a string"
                        : "Inside anything-but/\(name) list, number|start|null|boolean is not supported."
                )
            }
            switch name {
            case "equals-ignore-case": tests.append(.textIgnoringCase(text.lowercased()))
            case "wildcard": tests.append(.wildcard(try Wildcard(text)))
            default:
                guard !text.isEmpty else { throw PatternFault("Null prefix/suffix not allowed") }
                tests.append(name == "prefix" ? .prefix(text) : .suffix(text))
            }
        }
        return tests
    }
}
