// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Prints shapes as XML elements.
final class XMLWriter: TextWriting, StreamlessCoder {
    let standardTimestamp = Field.TimestampFormat.iso8601
    private(set) var buffer = ByteBuffer()
    /// Members that the caller writes itself.
    private let omitting: Set<String>

    init(omitting: Set<String> = []) { self.omitting = omitting }

    /// `attributes` come as they are, with a space in front.
    func element(_ name: String, attributes: String = "", _ body: () throws -> Void) rethrows {
        buffer.writeString("<\(name)\(attributes)>")
        try body()
        buffer.writeString("</\(name)>")
    }

    func element(_ name: String, text: String) {
        element(name) { buffer.writeString(XMLText.escaped(text)) }
    }

    func put(_ text: String, _ field: Field) throws {
        if !omitting.contains(field.name) { element(field.queryName, text: text) }
    }

    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws {
        guard var some = value else { return }
        try element(field.queryName) { try some.code(self) }
    }

    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {
        guard let value else { return }
        if field.options.contains(.flattened) {
            var element = field.element
            element.queryName = field.queryName
            for some in value { try write(some, element) }
        } else {
            try element(field.queryName) {
                for some in value { try write(some, field.element) }
            }
        }
    }

    /// In the order of the keys, so that equal answers have equal bytes.
    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {
        guard let value else { return }
        let entries = value.sorted { $0.key < $1.key }
        if field.options.contains(.flattened) {
            for (key, some) in entries { try entry(field.queryName, key, some, field) }
        } else {
            try element(field.queryName) {
                for (key, some) in entries { try entry("entry", key, some, field) }
            }
        }
    }

    private func entry<V: WireValue>(_ name: String, _ key: String, _ value: V, _ field: Field) throws {
        try element(name) {
            element(field.key.queryName, text: key)
            try write(value, field.value)
        }
    }

    private func write<E: WireValue>(_ value: E, _ field: Field) throws {
        var some: E? = value
        try E.code(&some, field, self)
    }
}
