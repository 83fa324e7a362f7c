// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Prints shapes as JSON, straight into a buffer.
final class JSONWriter: StreamlessCoder {
    private(set) var buffer = ByteBuffer()
    /// Whether nothing stands yet between the last opening bracket and here.
    private var isFirst = true
    /// Set where the next value has no name in front: an element, a map's value, the root.
    private var isBare = false

    init() {}

    /// The members of `shape` as one object, behind an error's `__type` where one is given.
    static func document(_ shape: some Shape, type: String? = nil) throws -> ByteBuffer {
        let writer = JSONWriter()
        if let type { writer.member("__type", type) }
        var shape = shape
        try shape.code(writer)
        return writer.enclosedMembers
    }

    /// Makes the coming value the root itself.
    func atRoot() -> JSONWriter {
        isBare = true
        return self
    }

    /// What was written without a root, as the members of one object.
    var enclosedMembers: ByteBuffer {
        var whole = ByteBuffer()
        whole.reserveCapacity(buffer.readableBytes + 2)
        whole.writeStaticString("{")
        whole.writeImmutableBuffer(buffer)
        whole.writeStaticString("}")
        return whole
    }

    func member(_ name: String, _ text: String) {
        begin(Field(name))
        JSONText.write(text, to: &buffer)
    }

    private func begin(_ field: Field) {
        if !isFirst { buffer.writeStaticString(",") }
        isFirst = false
        if isBare {
            isBare = false
        } else {
            JSONText.write(field.wireName, to: &buffer)
            buffer.writeStaticString(":")
        }
    }

    private func put(_ text: String, _ field: Field) {
        begin(field)
        buffer.writeString(text)
    }

    private func put(quoted text: String, _ field: Field) {
        begin(field)
        JSONText.write(text, to: &buffer)
    }

    private func enclosed(
        _ field: Field,
        _ open: StaticString,
        _ close: StaticString,
        _ body: () throws -> Void
    ) rethrows {
        begin(field)
        buffer.writeStaticString(open)
        isFirst = true
        try body()
        isFirst = false
        buffer.writeStaticString(close)
    }
}

// Scalars.
extension JSONWriter {
    func string(_ value: inout String?, _ field: Field) throws { if let value { put(quoted: value, field) } }

    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws {
        if let value { put(quoted: value.rawValue, field) }
    }

    func int(_ value: inout Int?, _ field: Field) throws { if let value { put(String(value), field) } }
    func double(_ value: inout Double?, _ field: Field) throws { if let value { put(JSONText.number(value), field) } }
    func bool(_ value: inout Bool?, _ field: Field) throws { if let value { put(value ? "true" : "false", field) } }

    func timestamp(_ value: inout Instant?, _ field: Field) throws {
        guard let value else { return }
        switch field.timestampFormat {
        case .standard, .epochSeconds: put(ScalarText.epochSeconds(value), field)
        case .iso8601, .httpDate:
            put(quoted: ScalarText.timestamp(value, field.timestampFormat, standard: .iso8601), field)
        }
    }

    func blob(_ value: inout Blob?, _ field: Field) throws {
        guard let value else { return }
        begin(field)
        buffer.writeStaticString("\"")
        buffer.writeBase64(of: value)
        buffer.writeStaticString("\"")
    }

    func document(_ value: inout JSONValue?, _ field: Field) throws {
        guard let value else { return }
        begin(field)
        value.write(to: &buffer)
    }
}

// What holds other values.
extension JSONWriter {
    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws {
        guard var some = value else { return }
        try enclosed(field, "{", "}") { try some.code(self) }
    }

    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {
        guard let value else { return }
        try enclosed(field, "[", "]") {
            for element in value { try bare(element, field.element) }
        }
    }

    /// In the order of the keys, so that equal answers have equal bytes.
    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {
        guard let value else { return }
        try enclosed(field, "{", "}") {
            for (key, element) in value.sorted(by: { $0.key < $1.key }) {
                begin(Field(key))
                isFirst = true
                try bare(element, field.value)
            }
        }
    }

    private func bare<E: WireValue>(_ element: E, _ field: Field) throws {
        var some: E? = element
        isBare = true
        try E.code(&some, field, self)
    }
}
