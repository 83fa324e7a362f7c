// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// What a JSON pattern looks at: `$.requestParameters.items[0]['a.b']`.
struct JSONSelector: Sendable {
    enum Step: Sendable, Equatable {
        case member(String)
        case element(Int)
        /// Any element of an array, any member of an object.
        case any
    }

    let steps: [Step]

    init(_ scanner: inout PatternScanner) throws(FilterFault) {
        scanner.skipSpace()
        guard scanner.take("$") else { throw scanner.unexpected }
        var steps: [Step] = []
        while let step = try Self.step(&scanner) { steps.append(step) }
        guard !steps.isEmpty else { throw scanner.unexpected }
        let wildcards = steps.count { $0 == .any }
        guard wildcards <= 1 else { throw .malformed }
        if wildcards == 1 { try scanner.countWildcardSelector() }
        self.steps = steps
    }

    /// Nil where the selector ends.
    private static func step(_ scanner: inout PatternScanner) throws(FilterFault) -> Step? {
        if scanner.take("[") { return try bracket(&scanner) }
        guard scanner.take(".") else { return nil }
        if scanner.take("*") { return .any }
        if scanner.take("[") { return try bracket(&scanner) }
        let name = scanner.take { $0.isWordCharacter || $0 == UInt8(ascii: "-") }
        guard !name.isEmpty else { throw scanner.unexpected }
        return .member(String(decoding: name, as: UTF8.self))
    }

    private static func bracket(_ scanner: inout PatternScanner) throws(FilterFault) -> Step {
        let step: Step
        if scanner.take("*") {
            step = .any
        } else if let quote = scanner.current, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") {
            scanner.advance()
            let name = scanner.take { $0 != quote }
            scanner.advance()
            guard !name.isEmpty else { throw .malformed }
            step = .member(String(decoding: name, as: UTF8.self))
        } else {
            let digits = scanner.take { $0.isDigit }
            guard let index = Int(String(decoding: digits, as: UTF8.self)) else { throw scanner.unexpected }
            step = .element(index)
        }
        guard scanner.take("]") else { throw scanner.unexpected }
        return step
    }

    /// As a pattern writes it.
    var text: String {
        steps.reduce(into: "$") { text, step in
            switch step {
            case .member(let name):
                let isPlain = name.utf8.allSatisfy { $0.isWordCharacter || $0 == UInt8(ascii: "-") }
                text += isPlain ? ".\(name)" : "['\(name)']"
            case .element(let index): text += "[\(index)]"
            case .any: text += "[*]"
            }
        }
    }

    /// The first selected value as text; nil where there is none, or it is null or no single value.
    func firstText(in message: String) -> String? {
        guard let root = try? JSONValue(parsing: message) else { return nil }  // Not JSON: nothing is there.
        var found: String?
        _ = any(in: root) { value in
            found = value.scalarText
            return found != nil
        }
        return found
    }

    /// Whether one of the selected values passes; false when nothing is there.
    func any(in root: JSONValue, _ passes: (JSONValue) -> Bool) -> Bool { Self.any(steps[...], in: root, passes) }

    private static func any(_ steps: ArraySlice<Step>, in value: JSONValue, _ passes: (JSONValue) -> Bool) -> Bool {
        guard let step = steps.first else { return passes(value) }
        let rest = steps.dropFirst()
        switch (step, value) {
        case (.member(let name), .object): return value[name].map { any(rest, in: $0, passes) } ?? false
        case (.element(let index), .array(let elements)):
            return index < elements.count && any(rest, in: elements[index], passes)
        case (.any, .array(let elements)): return elements.contains { any(rest, in: $0, passes) }
        case (.any, .object(let members)): return members.contains { any(rest, in: $0.value, passes) }
        default: return false
        }
    }
}
