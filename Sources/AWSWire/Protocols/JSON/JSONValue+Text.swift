// SPDX-License-Identifier: Apache-2.0
package import NIOCore

extension JSONValue {
    /// Throws a `JSONFault` for a text that is not JSON by RFC 8259, or nests deeper than 100 levels.
    package init(parsing bytes: [UInt8]) throws(JSONFault) {
        self = try JSONDocument(bytes).tree(JSONDocument.root)
    }

    package init(parsing text: String) throws(JSONFault) { try self.init(parsing: Array(text.utf8)) }

    package init(parsing buffer: ByteBuffer) throws(JSONFault) {
        try self.init(parsing: Array(buffer.readableBytesView))
    }

    /// Without spaces, in the order of the members.
    package var compactText: String { String(buffer: compactBuffer) }

    package var compactBuffer: ByteBuffer {
        var buffer = ByteBuffer()
        write(to: &buffer)
        return buffer
    }

    /// Appends the compact form.
    package func write(to buffer: inout ByteBuffer) {
        switch self {
        case .null: buffer.writeStaticString("null")
        case .bool(let yes): buffer.writeString(yes ? "true" : "false")
        case .integer(let value): buffer.writeString(String(value))
        case .number(let value): buffer.writeString(JSONText.number(value))
        case .string(let text): JSONText.write(text, to: &buffer)
        case .array(let elements): Self.write(elements, to: &buffer)
        case .object(let members): Self.write(members, to: &buffer)
        }
    }

    private static func write(_ elements: [JSONValue], to buffer: inout ByteBuffer) {
        buffer.writeStaticString("[")
        for (index, element) in elements.enumerated() {
            if index > 0 { buffer.writeStaticString(",") }
            element.write(to: &buffer)
        }
        buffer.writeStaticString("]")
    }

    private static func write(_ members: [Member], to buffer: inout ByteBuffer) {
        buffer.writeStaticString("{")
        for (index, member) in members.enumerated() {
            if index > 0 { buffer.writeStaticString(",") }
            JSONText.write(member.name, to: &buffer)
            buffer.writeStaticString(":")
            member.value.write(to: &buffer)
        }
        buffer.writeStaticString("}")
    }
}

extension JSONDocument {
    /// Recursion is bounded by the parser's limit on depth.
    func tree(_ node: Int) -> JSONValue {
        switch kind(node) {
        case .null: .null
        case .yes: .bool(true)
        case .no: .bool(false)
        case .number: number(node)
        case .plainString, .escapedString: .string(string(node))
        case .array: .array(elements(of: node).map { tree($0) })
        case .object: .object(members(of: node).map { JSONValue.Member(string($0.name), tree($0.value)) })
        }
    }

    private func number(_ node: Int) -> JSONValue {
        let text = string(node)
        // `-0` is a number of its own, and only a double keeps it.
        if let value = Int(text), text != "-0" { return .integer(value) }
        return .number(Double(text) ?? 0)
    }
}
