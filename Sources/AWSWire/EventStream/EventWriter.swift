// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Makes a message of the one member of an event union that is set.
final class EventWriter: StreamlessCoder {
    private(set) var message: EventMessage?

    /// Throws where the union has no member set, or one that is no structure.
    static func message<E: Shape>(of event: E) throws -> EventMessage {
        let writer = EventWriter()
        var event = event
        try event.code(writer)
        guard let message = writer.message else { throw MartletError("wire.event", "\(E.shapeName) holds no event") }
        return message
    }

    /// An exception that ends a stream.
    static func message(ofException error: any ModelledError) throws -> EventMessage {
        try message(error, kind: "exception", name: type(of: error).shapeName)
    }

    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws {
        guard let value else { return }
        message = try Self.message(
            value,
            kind: value is any ModelledError ? "exception" : "event",
            name: field.wireName
        )
    }

    private static func message<S: Shape>(_ value: S, kind: String, name: String) throws -> EventMessage {
        let members = EventMembersWriter()
        var value = value
        try value.code(members)
        let (payload, contentType) = members.payload
        var headers = [EventMessage.Header(":\(kind)-type", .string(name))]
        if let contentType { headers.append(.init(":content-type", .string(contentType))) }
        headers.append(.init(":message-type", .string(kind)))
        return EventMessage(headers: headers + members.headers, payload: payload)
    }

    func string(_ value: inout String?, _ field: Field) throws { throw MisplacedMember(field) }
    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws { throw MisplacedMember(field) }
    func int(_ value: inout Int?, _ field: Field) throws { throw MisplacedMember(field) }
    func double(_ value: inout Double?, _ field: Field) throws { throw MisplacedMember(field) }
    func bool(_ value: inout Bool?, _ field: Field) throws { throw MisplacedMember(field) }
    func timestamp(_ value: inout Instant?, _ field: Field) throws { throw MisplacedMember(field) }
    func blob(_ value: inout Blob?, _ field: Field) throws { throw MisplacedMember(field) }
    func document(_ value: inout JSONValue?, _ field: Field) throws { throw MisplacedMember(field) }
    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws { throw MisplacedMember(field) }
    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws { throw MisplacedMember(field) }
}

/// Spreads the members of one event over the message's headers and its payload.
private final class EventMembersWriter: StreamlessCoder {
    private(set) var headers: [EventMessage.Header] = []
    private let document = JSONWriter()
    private var hasDocument = false
    private var raw: (ByteBuffer, String)?

    /// What the message carries, and its media type where it carries anything.
    var payload: (ByteBuffer, String?) {
        if let raw { return raw }
        return hasDocument ? (document.enclosedMembers, "application/json") : (ByteBuffer(), nil)
    }

    /// True when the member went into a header or was absent.
    private func header<T>(_ value: T?, _ field: Field, _ make: (T) -> EventMessage.Value) -> Bool {
        guard field.place == .header else { return false }
        if let value { headers.append(.init(field.wireName, make(value))) }
        return true
    }

    /// A member of the document, or the whole payload as a document of its own.
    private func body(_ field: Field, _ write: (any ShapeCoder) throws -> Void) throws {
        guard field.place == .payload else {
            hasDocument = true
            return try write(document)
        }
        let writer = JSONWriter().atRoot()
        try write(writer)
        if writer.buffer.readableBytes > 0 { raw = (writer.buffer, "application/json") }
    }

    func string(_ value: inout String?, _ field: Field) throws {
        if header(value, field, { .string($0) }) { return }
        guard field.place == .payload else { return try body(field) { try $0.string(&value, field) } }
        if let value { raw = (ByteBuffer(string: value), "text/plain") }
    }

    func blob(_ value: inout Blob?, _ field: Field) throws {
        if header(value, field, { .bytes($0) }) { return }
        guard field.place == .payload else { return try body(field) { try $0.blob(&value, field) } }
        if let value { raw = (value, "application/octet-stream") }
    }

    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws {
        if !header(value, field, { .string($0.rawValue) }) { try body(field) { try $0.enumeration(&value, field) } }
    }
    func int(_ value: inout Int?, _ field: Field) throws {
        // The models say which width; 32 bits serve for what fits them, as readers convert.
        let isHeader = header(value, field) { number in
            Int32(exactly: number).map { .int32($0) } ?? .int64(Int64(number))
        }
        if !isHeader { try body(field) { try $0.int(&value, field) } }
    }
    func bool(_ value: inout Bool?, _ field: Field) throws {
        if !header(value, field, { .bool($0) }) { try body(field) { try $0.bool(&value, field) } }
    }
    func timestamp(_ value: inout Instant?, _ field: Field) throws {
        if !header(value, field, { .timestamp($0) }) { try body(field) { try $0.timestamp(&value, field) } }
    }
    func double(_ value: inout Double?, _ field: Field) throws { try body(field) { try $0.double(&value, field) } }
    func document(_ value: inout JSONValue?, _ field: Field) throws {
        try body(field) { try $0.document(&value, field) }
    }
    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws {
        try body(field) { try $0.structure(&value, field) }
    }
    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {
        try body(field) { try $0.list(&value, field) }
    }
    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {
        try body(field) { try $0.map(&value, field) }
    }
}
