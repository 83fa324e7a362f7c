// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Reads shapes from a JSON document.
final class JSONReader: StreamlessCoder {
    private let document: JSONDocument
    private let notes: ReadingNotes
    /// The structure whose members are being read.
    private var object = JSONDocument.root
    /// Its members by name, where they are so many that looking through them for each field would take long.
    private var index: [String: Int]?
    /// Set where the next value is not a member but an element of a list, a value of a map or the root.
    private var element: Int?

    init(_ document: JSONDocument, _ notes: ReadingNotes) {
        self.document = document
        self.notes = notes
        self.index = document.index(of: JSONDocument.root)
    }

    /// Parses `body`; an empty one counts as `{}`.
    convenience init(_ body: ByteBuffer, _ notes: ReadingNotes) throws {
        let bytes = body.readableBytes == 0 ? Array("{}".utf8) : Array(body.readableBytesView)
        do {
            self.init(try JSONDocument(bytes), notes)
        } catch {
            throw CommonError("SerializationException", "The request is not valid JSON: \(error).")
        }
    }

    /// For members that are put together by hand, such as an error's type.
    var root: JSONValue { document.tree(JSONDocument.root) }

    func read<S: Shape>(_ type: S.Type) throws -> S {
        var value: S?
        element = JSONDocument.root
        try structure(&value, Field(S.shapeName))
        return value ?? S()
    }

    /// Makes the coming value the root itself.
    func atRoot() -> JSONReader {
        element = JSONDocument.root
        return self
    }

    private func take(_ field: Field) -> (node: Int, isElement: Bool)? {
        if let node = element {
            element = nil
            return document.kind(node) == .null ? nil : (node, true)
        }
        let found = index.map { $0[field.wireName] } ?? document.value(of: field.wireName, in: object)
        guard let node = found, document.kind(node) != .null else {
            notes.absent(field)
            return nil
        }
        return (node, false)
    }

    private func text(_ field: Field, as type: String) throws -> String? {
        guard let (node, _) = take(field) else { return nil }
        guard document.isString(node) else { throw JSONMismatch.error(document.kind(node), type) }
        return document.string(node)
    }
}

// Scalars.
extension JSONReader {
    func string(_ value: inout String?, _ field: Field) throws { value = try text(field, as: "a String") }

    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws {
        value = try text(field, as: "a String").map { E($0) }
    }

    func int(_ value: inout Int?, _ field: Field) throws {
        value = nil
        guard let (node, _) = take(field) else { return }
        guard document.kind(node) == .number, let number = JSONNumber.integer(document.string(node)) else {
            throw JSONMismatch.error(document.kind(node), "an Integer")
        }
        value = number
    }

    func double(_ value: inout Double?, _ field: Field) throws {
        value = nil
        guard let (node, _) = take(field) else { return }
        guard document.kind(node) == .number || document.isString(node),
            let number = ScalarText.double(document.string(node)),
            // Only the three words come as strings.
            document.kind(node) == .number || !number.isFinite
        else { throw JSONMismatch.error(document.kind(node), "a Double") }
        value = number
    }

    func bool(_ value: inout Bool?, _ field: Field) throws {
        value = nil
        guard let (node, _) = take(field) else { return }
        switch document.kind(node) {
        case .yes: value = true
        case .no: value = false
        case .plainString, .escapedString:
            guard let word = ScalarText.bool(document.string(node)) else {
                throw JSONMismatch.error(.plainString, "an Boolean")
            }
            value = word
        default: throw JSONMismatch.error(document.kind(node), "a Boolean")
        }
    }

    func timestamp(_ value: inout Instant?, _ field: Field) throws {
        value = nil
        guard let (node, _) = take(field) else { return }
        guard document.kind(node) == .number || document.isString(node),
            let instant = ScalarText.timestamp(document.string(node))
        else { throw JSONMismatch.error(document.kind(node), "a Timestamp") }
        value = instant
    }

    func blob(_ value: inout Blob?, _ field: Field) throws {
        value = nil
        guard let (node, _) = take(field) else { return }
        guard document.isString(node), let bytes = Base64.decode(bytes: document.textBytes(node)) else {
            throw JSONMismatch.error(document.kind(node), "a Blob")
        }
        value = Blob(bytes: bytes)
    }

    func document(_ value: inout JSONValue?, _ field: Field) throws {
        value = take(field).map { document.tree($0.node) }
    }
}

// What holds other values.
extension JSONReader {
    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws {
        value = nil
        guard let (node, isElement) = take(field) else { return }
        guard document.kind(node) == .object else { throw JSONMismatch.holder(document.kind(node)) }
        let outer = (object, index)
        (object, index) = (node, document.index(of: node))
        defer { (object, index) = outer }
        var some = S()
        if isElement { try some.code(self) } else { try notes.within(.member(field.name)) { try some.code(self) } }
        value = some
    }

    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {
        value = nil
        guard let (node, _) = take(field) else { return }
        guard document.kind(node) == .array else { throw JSONMismatch.holder(document.kind(node)) }
        value = try notes.within(.member(field.name)) {
            try document.elements(of: node).enumerated().map { index, child in
                try read(child, .element(index + 1), field.element)
            }
        }
    }

    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {
        value = nil
        guard let (node, _) = take(field) else { return }
        guard document.kind(node) == .object else { throw JSONMismatch.holder(document.kind(node)) }
        var map: [String: V] = [:]
        try notes.within(.member(field.name)) {
            for (name, child) in document.members(of: node) {
                let key = document.string(name)
                map[key] = try read(child, .entry(key), field.value)
            }
        }
        value = map
    }

    private func read<E: WireValue>(_ node: Int, _ step: MemberPath.Step, _ field: Field) throws -> E {
        var some: E?
        element = node
        try notes.within(step) { try E.code(&some, field, self) }
        guard let some else {
            throw CommonError("SerializationException", "A list or map holds null where a value is expected.")
        }
        return some
    }
}
