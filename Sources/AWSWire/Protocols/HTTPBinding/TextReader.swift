// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Reads members from pieces of text that were found in headers, the query or the path.
final class TextReader: TextReading, StreamlessCoder {
    private var items: ArraySlice<FormItems.Item>

    init(_ items: some Sequence<FormItems.Item>) { self.items = ArraySlice(items) }

    func malformed(_ type: String) -> CommonError {
        CommonError("SerializationException", "STRING_VALUE can not be converted to \(type)")
    }

    func text(of field: Field) throws -> String? { items.popFirst()?.value }

    func document(_ value: inout JSONValue?, _ field: Field) throws {
        value = nil
        guard var text = try text(of: field) else { return }
        if field.options.contains(.jsonValue) {
            guard let bytes = Base64.decode(text) else { throw malformed("a Document") }
            text = String(decoding: bytes, as: UTF8.self)
        }
        guard let document = try? JSONValue(parsing: text) else { throw malformed("a Document") }
        value = document
    }

    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws { throw MisplacedMember(field) }

    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {
        value = nil
        guard !items.isEmpty else { return }
        value = try items.map { try read([$0], field.element) }
        items = []
    }

    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {
        value = nil
        guard !items.isEmpty else { return }
        let groups = Dictionary(grouping: items) { $0.name }
        value = try groups.mapValues { try read($0, field.value) }
        items = []
    }

    private func read<E: WireValue>(_ items: some Sequence<FormItems.Item>, _ field: Field) throws -> E {
        var some: E?
        try E.code(&some, field, TextReader(items))
        guard let some else { throw malformed("a value") }
        return some
    }
}

/// Prints members as pieces of text for headers, the query or the path.
final class TextWriter: TextWriting, StreamlessCoder {
    let standardTimestamp: Field.TimestampFormat
    private(set) var items: [FormItems.Item] = []
    private var key: String?

    init(timestamps: Field.TimestampFormat) { standardTimestamp = timestamps }

    /// A map's entries bear their keys, everything else the name of its field.
    func put(_ text: String, _ field: Field) throws {
        items.append(.init(name: key ?? field.wireName, value: text))
    }

    func document(_ value: inout JSONValue?, _ field: Field) throws {
        guard let value else { return }
        let text = value.compactText
        try put(field.options.contains(.jsonValue) ? Base64.encode(Array(text.utf8)) : text, field)
    }

    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws { throw MisplacedMember(field) }

    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {
        guard let value else { return }
        var element = field.element
        element.wireName = field.wireName
        for some in value { try write(some, element) }
    }

    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {
        guard let value else { return }
        for (name, some) in value.sorted(by: { $0.key < $1.key }) {
            key = name
            try write(some, field.value)
        }
        key = nil
    }

    private func write<E: WireValue>(_ value: E, _ field: Field) throws {
        var some: E? = value
        try E.code(&some, field, self)
    }
}
