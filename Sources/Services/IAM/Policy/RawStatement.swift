// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// A document whose JSON has the right form; what it says is not checked yet.
struct RawPolicy {
    var version: String?
    var statements: [RawStatement] = []

    private static let members: Set<String> = ["Version", "Id", "Statement"]

    /// Throws `PolicyFault.syntax`.
    init(_ json: JSONValue) throws {
        guard case .object(let members) = json, members.allSatisfy({ Self.members.contains($0.name) }) else {
            throw PolicyFault.syntax
        }
        version = try json.optionalText("Version")
        _ = try json.optionalText("Id")
        switch json["Statement"] {
        case .object?: statements = [try RawStatement(json["Statement"] ?? .null)]
        case .array(let elements)?: statements = try elements.map(RawStatement.init)
        default: throw PolicyFault.syntax
        }
        guard !statements.isEmpty else { throw PolicyFault.syntax }
    }
}

struct RawStatement {
    struct Condition {
        var comparison: ConditionOperator
        var key: String
        var values: [String]
    }

    var sid: String?
    var effect: String
    var actions: [String]?
    var notActions: [String]?
    var resources: [String]?
    var notResources: [String]?
    /// Pairs of kind and name; the kind is `*` for the bare star.
    var principals: [(kind: String, name: String)]?
    var notPrincipals: [(kind: String, name: String)]?
    var conditions: [Condition] = []

    private static let members: Set<String> = [
        "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition",
    ]

    init(_ json: JSONValue) throws {
        guard case .object(let members) = json, members.allSatisfy({ Self.members.contains($0.name) }),
            let effect = json["Effect"]?.stringValue
        else { throw PolicyFault.syntax }
        self.effect = effect
        sid = try json.optionalText("Sid")
        actions = try json.optionalTexts("Action")
        notActions = try json.optionalTexts("NotAction")
        resources = try json.optionalTexts("Resource")
        notResources = try json.optionalTexts("NotResource")
        principals = try Self.principals(json["Principal"])
        notPrincipals = try Self.principals(json["NotPrincipal"])
        conditions = try Self.conditions(json["Condition"])
        try checkForm()
    }

    private func checkForm() throws {
        guard effect.lowercased() == "allow" || effect.lowercased() == "deny", actions == nil || notActions == nil,
            resources == nil || notResources == nil, principals == nil || notPrincipals == nil
        else { throw PolicyFault.syntax }
    }

    private static func principals(_ json: JSONValue?) throws -> [(kind: String, name: String)]? {
        switch json {
        case nil: return nil
        case .string("*")?: return [("*", "*")]
        case .object(let members)?:
            return try members.flatMap { member in try member.value.texts().map { (member.name, $0) } }
        default: throw PolicyFault.syntax
        }
    }

    private static func conditions(_ json: JSONValue?) throws -> [Condition] {
        guard let json else { return [] }
        guard case .object(let blocks) = json else { throw PolicyFault.syntax }
        return try blocks.flatMap { block in
            guard case .object(let keys) = block.value else { throw PolicyFault.syntax }
            // An operator that compares nothing may have any name.
            if keys.isEmpty { return [Condition]() }
            guard let comparison = ConditionOperator(block.name) else { throw PolicyFault.syntax }
            return try keys.map { Condition(comparison: comparison, key: $0.name, values: try $0.value.scalarTexts()) }
        }
    }
}

extension JSONValue {
    fileprivate func optionalText(_ name: String) throws -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.stringValue else { throw PolicyFault.syntax }
        return text
    }

    fileprivate func optionalTexts(_ name: String) throws -> [String]? { try self[name]?.texts() }

    /// A string or a list of strings.
    fileprivate func texts() throws -> [String] {
        switch self {
        case .string(let text): return [text]
        case .array(let elements):
            return try elements.map {
                guard let text = $0.stringValue else { throw PolicyFault.syntax }
                return text
            }
        default: throw PolicyFault.syntax
        }
    }

    /// Condition values may be numbers and booleans too.
    fileprivate func scalarTexts() throws -> [String] {
        if case .array(let elements) = self { return try elements.map { try $0.scalarText() } }
        return [try scalarText()]
    }

    private func scalarText() throws -> String {
        switch self {
        case .string(let text): return text
        case .bool(let flag): return flag ? "true" : "false"
        case .integer(let number): return String(number)
        case .number(let number): return String(number)
        default: throw PolicyFault.syntax
        }
    }
}
