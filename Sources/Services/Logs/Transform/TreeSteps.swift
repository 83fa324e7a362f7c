// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// `addKeys`
struct AddKeysStep: TransformStep {
    private let entries: [(key: FieldKey, value: String, overwrites: Bool)]

    init(_ settings: AddKeys) throws {
        entries = try settings.entries.map { (try FieldKey($0.key), $0.value, $0.overwriteIfExists ?? false) }
    }

    func apply(to event: inout EventDocument) -> Bool {
        for entry in entries { event.set(.string(entry.value), at: entry.key, overwriting: entry.overwrites) }
        return true
    }
}

/// `deleteKeys`
struct DeleteKeysStep: TransformStep {
    let keys: [FieldKey]

    func apply(to event: inout EventDocument) -> Bool {
        for key in keys { event.remove(key) }
        return true
    }
}

/// `moveKeys`: a field goes into the object at the target, under its own name.
struct MoveKeysStep: TransformStep {
    private let entries: [(source: FieldKey, target: FieldKey, overwrites: Bool)]

    init(_ settings: MoveKeys) throws {
        entries = try settings.entries.map {
            (try FieldKey($0.source), try FieldKey($0.target), $0.overwriteIfExists ?? false)
        }
    }

    func apply(to event: inout EventDocument) -> Bool {
        for (source, target, overwrites) in entries {
            guard let value = event.value(at: source) else { continue }
            // Into itself it cannot go.
            guard !target.pieces.starts(with: source.pieces) else { continue }
            if event.set(value, at: target.appending(source.last), overwriting: overwrites) { event.remove(source) }
        }
        return true
    }
}

/// `renameKeys`
struct RenameKeysStep: TransformStep {
    private let entries: [(key: FieldKey, name: FieldKey, overwrites: Bool)]

    init(_ settings: RenameKeys) throws {
        entries = try settings.entries.map {
            (try FieldKey($0.key), try FieldKey($0.renameTo), $0.overwriteIfExists ?? false)
        }
    }

    func apply(to event: inout EventDocument) -> Bool {
        for (key, name, overwrites) in entries where key != name {
            guard let value = event.value(at: key), overwrites || event.value(at: name) == nil else { continue }
            var changed = event
            changed.remove(key)
            if changed.set(value, at: name) { event = changed }
        }
        return true
    }
}

/// `copyValue`: a field, or where the event comes from, under another name too.
struct CopyValueStep: TransformStep {
    private let entries: [(source: FieldKey, target: FieldKey, overwrites: Bool)]

    init(_ settings: CopyValue) throws {
        entries = try settings.entries.map {
            (try FieldKey($0.source), try FieldKey($0.target), $0.overwriteIfExists ?? false)
        }
    }

    func apply(to event: inout EventDocument) -> Bool {
        for (source, target, overwrites) in entries {
            guard let value = event.value(at: source) else { continue }
            event.set(value, at: target, overwriting: overwrites)
        }
        return true
    }
}

/// `listToMap`: objects of a list are found by one of their fields.
struct ListToMapStep: TransformStep {
    private let source: FieldKey
    private let key: String
    private let valueKey: String?
    private let target: FieldKey?
    /// Nil keeps all objects of a key as a list.
    private let kept: FlattenedElement?

    init(_ settings: ListToMap) throws {
        source = try FieldKey(settings.source)
        key = settings.key
        valueKey = settings.valueKey
        target = try settings.target.map { try FieldKey($0) }
        guard settings.flatten != true || settings.flattenedElement != nil else {
            throw InvalidParameterException("flattenedElement of listToMap is required when flatten is true.")
        }
        kept = settings.flatten == true ? settings.flattenedElement : nil
    }

    func apply(to event: inout EventDocument) -> Bool {
        guard let elements = event.value(at: source)?.arrayValue else { return true }
        var order: [String] = []
        var found: [String: [JSONValue]] = [:]
        for element in elements {
            guard let name = Self.name(element[key]), let value = valueKey.map({ element[$0] }) ?? element else {
                continue
            }
            if found[name] == nil { order.append(name) }
            found[name, default: []].append(value)
        }
        let fields = order.compactMap { name in
            found[name].flatMap(collapsed).map { JSONValue.Member(name, $0) }
        }
        _ = event.merge(fields, into: target)
        return true
    }

    private func collapsed(_ values: [JSONValue]) -> JSONValue? {
        switch kept {
        case nil: .array(values)
        case .last?: values.last
        default: values.first
        }
    }

    private static func name(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text)?: text
        case .integer(let number)?: String(number)
        default: nil
        }
    }
}
