// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// One of the values that a field may have.
enum ValueTest: Sendable {
    case exists(Bool)
    case leaf(LeafTest)
    /// There is a value, and it is none of these.
    case anythingBut([LeafTest])

    func matches(_ value: JSONValue?) -> Bool {
        switch self {
        case .exists(true): Self.leaves(value) { _ in true }
        case .exists(false): !Self.leaves(value) { _ in true }
        case .leaf(let test): Self.leaves(value, test.matches)
        case .anythingBut(let tests): Self.leaves(value) { leaf in !tests.contains { $0.matches(leaf) } }
        }
    }

    /// Whether one of the leaves satisfies `test`. An object is none, and an array stands for its elements; the parser has
    /// bounded the depth.
    private static func leaves(_ value: JSONValue?, _ test: (JSONValue) -> Bool) -> Bool {
        switch value {
        case nil, .object?: false
        case .array(let elements)?: elements.contains { leaves($0, test) }
        case let leaf?: test(leaf)
        }
    }
}

enum LeafTest: Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case range(NumericRange)
    case text(String)
    case textIgnoringCase(String)
    case prefix(String)
    case prefixIgnoringCase(String)
    case suffix(String)
    case suffixIgnoringCase(String)
    case wildcard(Wildcard)
    case cidr(AddressRange)

    func matches(_ leaf: JSONValue) -> Bool {
        switch leaf {
        case .null: if case .null = self { true } else { false }
        case .bool(let value): if case .bool(value) = self { true } else { false }
        case .integer(let value): matches(number: Double(value))
        case .number(let value): matches(number: value)
        case .string(let text): matches(text: text)
        case .array, .object: false
        }
    }

    private func matches(number: Double) -> Bool {
        switch self {
        case .number(let wanted): number == wanted
        case .range(let range): range.contains(number)
        default: false
        }
    }

    private func matches(text: String) -> Bool {
        switch self {
        case .text(let wanted): text == wanted
        case .textIgnoringCase(let wanted): text.lowercased() == wanted
        case .prefix(let start): text.utf8.starts(with: start.utf8)
        case .prefixIgnoringCase(let start): text.lowercased().utf8.starts(with: start.utf8)
        case .suffix(let end): text.utf8.reversed().starts(with: end.utf8.reversed())
        case .suffixIgnoringCase(let end): text.lowercased().utf8.reversed().starts(with: end.utf8.reversed())
        case .wildcard(let wildcard): wildcard.matches(text)
        case .cidr(let range): range.contains(text)
        case .null, .bool, .number, .range: false
        }
    }
}

struct NumericRange: Sendable, Equatable {
    var bottom = -Double.infinity
    var includesBottom = true
    var top = Double.infinity
    var includesTop = true

    func contains(_ number: Double) -> Bool {
        (includesBottom ? number >= bottom : number > bottom) && (includesTop ? number <= top : number < top)
    }
}
