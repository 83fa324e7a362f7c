// SPDX-License-Identifier: Apache-2.0
package import AWSWire

/// A pattern that events are held against, in the language of EventBridge, of event source filters and of SNS's policies:
/// compiled once, then asked for each event. Asking takes time in proportion to the event, whatever the pattern.
///
/// An event matches when each field that the pattern names has one of its values. An array in the event stands for each of
/// its elements; what a nested object asks for must hold within one element.
package struct EventPattern: Sendable {
    let root: ObjectTest

    /// Throws what AWS says of a pattern that is none.
    package init(_ text: String, limits: PatternLimits = PatternLimits()) throws(PatternFault) {
        guard text.unicodeScalars.count <= limits.characters else {
            throw PatternFault("Event pattern is longer than \(limits.characters) characters")
        }
        let json: JSONValue
        do {
            json = try JSONValue(parsing: text)
        } catch {
            throw PatternFault("Event pattern is not valid JSON: \(error)")
        }
        try self.init(json, limits: limits)
    }

    package init(_ json: JSONValue, limits: PatternLimits = PatternLimits()) throws(PatternFault) {
        var compiler = PatternCompiler(limits: limits)
        root = try compiler.compile(json)
    }

    private init(root: ObjectTest) { self.root = root }

    /// Asks for nothing. No text says so: a pattern has a field at least.
    package static let everything = EventPattern(root: ObjectTest())

    package func matches(_ event: JSONValue) -> Bool { root.matches(event) }

    /// What the pattern asks of the top level's fields: for those that treat them differently.
    package var fieldNames: Set<String> { root.names }
}

package struct PatternLimits: Sendable {
    /// Of the whole pattern.
    package var characters = 4_096
    /// Values and tests in it.
    package var values = 1_000
    /// What the alternatives of `$or` make of one pattern, multiplied.
    package var combinations = 1_000
    /// Whether a `$or` that has not the form of alternatives is an ordinary name, as it is for SNS, instead of a fault.
    package var takesOrAsName = false

    package init() {}
}

/// Why a pattern is none, in AWS's words where they are known.
package struct PatternFault: Error, Equatable, CustomStringConvertible {
    package let reason: String

    package init(_ reason: String) { self.reason = reason }
    package var description: String { reason }
}

/// All fields, and one alternative of each `$or`.
struct ObjectTest: Sendable {
    enum Field: Sendable {
        case nested(ObjectTest)
        case values([ValueTest])
    }

    var fields: [(name: String, field: Field)] = []
    var alternatives: [[ObjectTest]] = []

    var names: Set<String> {
        alternatives.joined().reduce(Set(fields.map(\.name))) { $0.union($1.names) }
    }

    func matches(_ event: JSONValue?) -> Bool {
        // A field that is no object has none of the nested fields.
        guard case .array(let elements)? = event else { return matchesObject(event) }
        let objects = elements.filter { $0.isObject || $0.arrayValue != nil }
        return objects.isEmpty ? matchesObject(nil) : objects.contains { matches($0) }
    }

    private func matchesObject(_ event: JSONValue?) -> Bool {
        for (name, field) in fields {
            let value = event?[name]
            let isMet =
                switch field {
                case .nested(let test): test.matches(value)
                case .values(let tests): tests.contains { $0.matches(value) }
                }
            if !isMet { return false }
        }
        return alternatives.allSatisfy { $0.contains { $0.matchesObject(event) } }
    }
}

/// What stands behind `$or`.
package enum EventAlternatives {
    /// Two objects at least, none of which is a test such as `{"prefix": "x"}`.
    package static func are(_ elements: [JSONValue]) -> Bool {
        elements.count >= 2
            && elements.allSatisfy { element in
                guard case .object(let members) = element, let first = members.first else { return false }
                return members.count > 1 || first.value.isObject || !PatternCompiler.reserved.contains(first.name)
            }
    }
}

extension JSONValue {
    var isObject: Bool {
        if case .object = self { return true }
        return false
    }
}
