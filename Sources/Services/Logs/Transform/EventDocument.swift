// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// A log event while it is transformed: its message, and the fields that processors have made of it so far.
struct EventDocument {
    /// AWS takes no more fields out of an event.
    static let fieldsPerParser = 200
    /// What an object may hold after several parsers.
    static let fieldsPerObject = 1_000

    let message: String
    let origin: EventOrigin
    private(set) var root: JSONValue = .object([])

    init(message: String, origin: EventOrigin) {
        self.message = message
        self.origin = origin
    }

    func value(at key: FieldKey) -> JSONValue? {
        guard let first = key.pieces.first else { return nil }
        if first.hasPrefix("@") {
            if first == "@message" { return .string(message) }
            if let known = origin.value(named: first) { return .string(known) }
        }
        return key.pieces.reduce(root as JSONValue?) { $0?[$1] }
    }

    func text(at key: FieldKey) -> String? { value(at: key)?.stringValue }

    /// False, and nothing changes, where a value is there that must not be overwritten, or something that is no object is
    /// in the way.
    @discardableResult
    mutating func set(_ value: JSONValue, at key: FieldKey, overwriting: Bool = true) -> Bool {
        guard overwriting || self.value(at: key) == nil else { return false }
        return Self.set(value, key.pieces[...], in: &root)
    }

    private static func set(_ value: JSONValue, _ path: ArraySlice<String>, in node: inout JSONValue) -> Bool {
        guard case .object(var members) = node, let name = path.first else { return false }
        let index = members.lastIndex { $0.name == name }
        guard index != nil || members.count < fieldsPerObject else { return false }
        if path.count == 1 {
            if let index { members[index].value = value } else { members.append(.init(name, value)) }
        } else {
            var child = index.map { members[$0].value } ?? .object([])
            guard set(value, path.dropFirst(), in: &child) else { return false }
            if let index { members[index].value = child } else { members.append(.init(name, child)) }
        }
        node = .object(members)
        return true
    }

    /// What was there; nil where nothing was.
    @discardableResult
    mutating func remove(_ key: FieldKey) -> JSONValue? { Self.remove(key.pieces[...], from: &root) }

    private static func remove(_ path: ArraySlice<String>, from node: inout JSONValue) -> JSONValue? {
        guard case .object(var members) = node, let name = path.first,
            let index = members.lastIndex(where: { $0.name == name })
        else { return nil }
        let removed: JSONValue?
        if path.count == 1 {
            removed = members.remove(at: index).value
        } else {
            removed = remove(path.dropFirst(), from: &members[index].value)
        }
        node = .object(members)
        return removed
    }

    /// Puts what a parser has found under the destination, or beside everything where there is none.
    mutating func merge(_ fields: [JSONValue.Member], into destination: FieldKey?, overwriting: Bool = true) -> Bool {
        var seen: [String: Int] = [:]
        var merged: [JSONValue.Member] = []
        if case .object(let members)? = destination.map(value(at:)) ?? root { merged = members }
        for (index, member) in merged.enumerated() { seen[member.name] = index }
        for field in fields.prefix(Self.fieldsPerParser) {
            if let index = seen[field.name] {
                if overwriting { merged[index].value = field.value }
            } else if merged.count < Self.fieldsPerObject {
                seen[field.name] = merged.count
                merged.append(field)
            }
        }
        guard let destination else {
            root = .object(merged)
            return true
        }
        return set(.object(merged), at: destination)
    }
}
