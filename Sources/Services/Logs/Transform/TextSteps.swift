// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// `lowerCaseString`, `upperCaseString`, `trimString`: another text in the place of some texts.
struct TextStep: TransformStep {
    private let keys: [FieldKey]
    private let change: @Sendable (String) -> String

    init(_ keys: [String], _ change: @escaping @Sendable (String) -> String) throws {
        self.keys = try keys.map { try FieldKey($0) }
        self.change = change
    }

    func apply(to event: inout EventDocument) -> Bool {
        for key in keys {
            guard let text = event.text(at: key) else { continue }
            event.set(.string(change(text)), at: key)
        }
        return true
    }

    static let trimmed: @Sendable (String) -> String = { text in
        var rest = text.unicodeScalars[...]
        while let first = rest.first, first.properties.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.properties.isWhitespace { rest.removeLast() }
        return String(rest)
    }
}

/// `splitString`: a text becomes a list.
struct SplitStep: TransformStep {
    private let entries: [(source: FieldKey, delimiter: String)]

    init(_ settings: SplitString) throws {
        entries = try settings.entries.map { (try FieldKey($0.source), $0.delimiter) }
    }

    func apply(to event: inout EventDocument) -> Bool {
        for (source, delimiter) in entries {
            guard let text = event.text(at: source) else { continue }
            event.set(.array(text.pieces(between: delimiter).map(JSONValue.string)), at: source)
        }
        return true
    }
}

/// `typeConverter`: what cannot be converted stays as it is.
struct TypeStep: TransformStep {
    private enum Kind: String, Sendable { case boolean, integer, double, string }

    private let entries: [(key: FieldKey, kind: Kind)]

    init(_ settings: TypeConverter) throws {
        entries = try settings.entries.map { entry in
            guard let kind = Kind(rawValue: entry.type.rawValue) else {
                throw InvalidParameterException("Invalid type in typeConverter: \(entry.type.rawValue)")
            }
            return (try FieldKey(entry.key), kind)
        }
    }

    func apply(to event: inout EventDocument) -> Bool {
        for (key, kind) in entries {
            guard let value = event.value(at: key), let converted = Self.convert(value, to: kind) else { continue }
            event.set(converted, at: key)
        }
        return true
    }

    private static func convert(_ value: JSONValue, to kind: Kind) -> JSONValue? {
        switch kind {
        case .boolean:
            switch value {
            case .string(let text): ["true": true, "false": false][text.lowercased()].map(JSONValue.bool)
            case .integer, .number: value.doubleValue.map { .bool($0 != 0) }
            default: nil
            }
        case .integer: integer(value).map(JSONValue.integer)
        case .double: number(value).flatMap { $0.isFinite ? .number($0) : nil }
        case .string:
            switch value {
            case .integer(let number): .string(String(number))
            case .number, .bool: .string(value.compactText)
            default: nil
            }
        }
    }

    private static func integer(_ value: JSONValue) -> Int? {
        if case .string(let text) = value, let exact = Int(text) { return exact }
        return number(value).flatMap { Int(exactly: $0.rounded(.towardZero)) }
    }

    private static func number(_ value: JSONValue) -> Double? {
        switch value {
        case .string(let text): NumberText.parse(text.utf8)
        case .bool(let flag): flag ? 1 : 0
        default: value.doubleValue
        }
    }
}
