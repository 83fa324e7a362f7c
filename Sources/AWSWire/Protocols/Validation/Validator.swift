// SPDX-License-Identifier: Apache-2.0
package import MartletCore
import NIOCore

/// Checks a shape against its model and collects every violation. Never throws on the way.
package final class Validator: ShapeCoder {
    /// A request of a few megabytes may break constraints a million times; nobody reads that, and it costs memory to say.
    static let maximumViolations = 100
    static let maximumQuotedCharacters = 10_000

    private let style: ValidationStyle
    private let missing: Set<String>
    private var path = MemberPath()
    private var violations: [String] = []
    /// Set while the elements of a list or map are checked: their violations belong to the whole.
    private var inElements = false
    private var elementIsBroken = false

    init(_ style: ValidationStyle, missing: Set<String> = []) {
        self.style = style
        self.missing = missing
    }

    /// AWS's error with every violation of `shape`; nil where it breaks no constraint.
    static func error(in shape: any Shape, _ style: ValidationStyle, missing: Set<String> = []) throws -> CommonError? {
        let validator = Validator(style, missing: missing)
        var shape = shape
        try shape.code(validator)
        return validator.error
    }

    /// What has been found so far.
    var error: CommonError? { style.error(violations) }

    /// Checks what a caller inside has built. Throws AWS's error for the first-best protocol of the service.
    package static func check(_ shape: any Shape, of model: ServiceModel) throws {
        let style = model.validation ?? .usual(for: model.protocols.first ?? .json11)
        if let error = try error(in: shape, style) { throw error }
    }

    private func report(_ broken: [String], _ value: @autoclosure () -> String, _ field: Field) {
        guard !broken.isEmpty, violations.count < Self.maximumViolations else { return }
        if inElements {
            elementIsBroken = true
            return
        }
        let quoted =
            style.showsValues && !field.options.contains(.sensitive)
            ? " '\(value().prefix(Self.maximumQuotedCharacters))'" : ""
        let name = path.text(of: field)
        violations += broken.map { "Value\(quoted) at '\(name)' failed to satisfy constraint: \($0)" }
    }

    /// Whether the reader found nothing where the model demands something; reports it.
    private func isMissing(_ field: Field) -> Bool {
        guard !missing.isEmpty, !inElements, field.isRequired else { return false }
        let name = path.text(of: field)
        guard missing.contains(name) else { return false }
        guard violations.count < Self.maximumViolations else { return true }
        let quoted = style.showsValues ? " null" : ""
        violations.append("Value\(quoted) at '\(name)' failed to satisfy constraint: \(Constraints.notNull)")
        return true
    }
}

// Scalars.
extension Validator {
    package func string(_ value: inout String?, _ field: Field) throws {
        guard !isMissing(field), let text = value else { return }
        report(Constraints.broken(by: text, field), text, field)
    }

    package func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws {
        guard !isMissing(field), !field.options.contains(.judgedByService), let some = value else { return }
        report(Constraints.enumeration(brokenBy: some), some.rawValue, field)
    }

    package func int(_ value: inout Int?, _ field: Field) throws {
        guard !isMissing(field), let some = value else { return }
        report(Constraints.range(brokenBy: Double(some), field), String(some), field)
    }

    package func double(_ value: inout Double?, _ field: Field) throws {
        guard !isMissing(field), let some = value else { return }
        report(Constraints.range(brokenBy: some, field), some.description, field)
    }

    package func blob(_ value: inout Blob?, _ field: Field) throws {
        guard !isMissing(field), let some = value else { return }
        let shown = "java.nio.HeapByteBuffer[pos=0 lim=\(some.readableBytes) cap=\(some.readableBytes)]"
        report(Constraints.lengths(brokenBy: some.readableBytes, field), shown, field)
    }

    package func bool(_ value: inout Bool?, _ field: Field) throws { _ = isMissing(field) }
    package func timestamp(_ value: inout Instant?, _ field: Field) throws { _ = isMissing(field) }
    package func document(_ value: inout JSONValue?, _ field: Field) throws { _ = isMissing(field) }
    package func bytes(_ value: inout ByteStream?, _ field: Field) throws { _ = isMissing(field) }
    package func events<E: Shape>(_ value: inout EventStream<E>?, _ field: Field) throws { _ = isMissing(field) }
}

// What holds other values.
extension Validator {
    package func structure<S: Shape>(_ value: inout S?, _ field: Field) throws {
        guard !isMissing(field), var some = value else { return }
        // Inside a list the path ends with the element already.
        let isElement = inElements
        let wasBroken = elementIsBroken
        inElements = false
        if !isElement { path.push(.member(field.name)) }
        defer {
            if !isElement { path.pop() }
            inElements = isElement
            elementIsBroken = wasBroken
        }
        try some.code(self)
    }

    package func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {
        guard !isMissing(field), let some = value else { return }
        report(Constraints.lengths(brokenBy: some.count, field), ValueText.of(some), field)
        let isBroken = try elements(of: field) {
            for (index, element) in some.enumerated() {
                try check(element, .element(index + 1), field.element)
            }
        }
        guard isBroken else { return }
        let demands = demands(of: field.element, E.self)
        report(["Member must satisfy constraint: [\(demands)]"], ValueText.of(some), field)
    }

    package func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {
        guard !isMissing(field), let some = value else { return }
        report(Constraints.lengths(brokenBy: some.count, field), ValueText.of(some), field)
        if some.keys.contains(where: { !Constraints.broken(by: $0, field.key).isEmpty }) {
            report(
                ["Map keys must satisfy constraint: [\(demands(of: field.key, String.self))]"],
                ValueText.of(some),
                field
            )
        }
        let isBroken = try elements(of: field) {
            for (key, element) in some.sorted(by: { $0.key < $1.key }) {
                try check(element, .entry(key), field.value)
            }
        }
        guard isBroken else { return }
        report(["Map value must satisfy constraint: [\(demands(of: field.value, V.self))]"], ValueText.of(some), field)
    }

    /// Runs `body` over a field's elements. True when a scalar among them breaks a constraint.
    private func elements(of field: Field, _ body: () throws -> Void) rethrows -> Bool {
        let outer = (inElements, elementIsBroken)
        (inElements, elementIsBroken) = (true, false)
        path.push(.member(field.name))
        defer {
            path.pop()
            (inElements, elementIsBroken) = outer
        }
        try body()
        return elementIsBroken
    }

    private func check<E: WireValue>(_ element: E, _ step: MemberPath.Step, _ field: Field) throws {
        var some: E? = element
        path.push(step)
        defer { path.pop() }
        try E.code(&some, field, self)
    }

    private func demands<E>(of field: Field, _ type: E.Type) -> String {
        let values = (type as? any StringEnumeration.Type)?.allValues
        let last = style.elementsAreNeverNull ? [Constraints.notNull] : []
        return (Constraints.all(of: field, values: values) + last).joined(separator: ", ")
    }
}

/// Values as AWS's messages print them: `[a, b]`, `{k=v}`.
enum ValueText {
    static func of<E>(_ list: [E]) -> String { "[\(list.map(scalar).joined(separator: ", "))]" }

    static func of<V>(_ map: [String: V]) -> String {
        "{\(map.sorted { $0.key < $1.key }.map { "\($0.key)=\(scalar($0.value))" }.joined(separator: ", "))}"
    }

    private static func scalar(_ value: some Any) -> String {
        switch value {
        case let text as String: text
        case let number as Int: String(number)
        case let word as any StringEnumeration: word.rawValue
        case let shape as any Shape: type(of: shape).shapeName
        default: ""
        }
    }
}
