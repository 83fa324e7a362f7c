// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// A compiled policy: all of its members must hold.
struct FilterNode: Sendable {
    enum Member: Sendable {
        /// One of them holds for the value of the key.
        case values(String, [FilterCondition])
        /// The policy holds for the object under the key.
        case nested(String, FilterNode)
        /// `$or`: one of them holds.
        case anyOf([FilterNode])
    }

    var members: [Member] = []

    /// For attributes.
    func accepts(_ attributes: [String: FilterValue]) -> Bool {
        members.allSatisfy { member in
            switch member {
            case .values(let key, let conditions): conditions.contains { $0.accepts(attributes[key]) }
            case .nested: false
            case .anyOf(let nodes): nodes.contains { $0.accepts(attributes) }
            }
        }
    }

    /// For bodies. An array stands for each of its elements.
    func accepts(_ json: JSONValue) -> Bool {
        if case .array(let elements) = json { return elements.contains { accepts($0) } }
        guard json.members != nil else { return acceptsAbsence }
        return members.allSatisfy { member in
            switch member {
            case .values(let key, let conditions):
                let value = json[key].flatMap(FilterValue.init(json:))
                return conditions.contains { $0.accepts(value) }
            case .nested(let key, let node): return json[key].map { node.accepts($0) } ?? node.acceptsAbsence
            case .anyOf(let nodes): return nodes.contains { $0.accepts(json) }
            }
        }
    }

    /// Whether it holds where there is nothing: all that it asks for is that things are not there.
    private var acceptsAbsence: Bool {
        members.allSatisfy { member in
            switch member {
            case .values(_, let conditions): conditions.contains { $0.accepts(nil) }
            case .nested(_, let node): node.acceptsAbsence
            case .anyOf(let nodes): nodes.contains { $0.acceptsAbsence }
            }
        }
    }
}

/// What a condition is asked about.
enum FilterValue: Sendable, Equatable {
    case text(String)
    case number(Double)
    case bool(Bool)
    case null
    /// Of attributes of the type `String.Array`, and arrays in bodies: one of them may match.
    case list([FilterValue])
    /// Exists, and matches nothing: binary attributes, objects.
    case opaque

    init?(json: JSONValue) {
        switch json {
        case .string(let text): self = .text(text)
        case .integer(let number): self = .number(Double(number))
        case .number(let number): self = .number(number)
        case .bool(let flag): self = .bool(flag)
        case .null: self = .null
        case .array(let elements): self = .list(elements.compactMap(FilterValue.init(json:)))
        // A leaf is asked for: to `exists`, an object is not one.
        case .object: return nil
        }
    }
}
