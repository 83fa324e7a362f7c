// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Makes an event union of a message: sets the member that the message's type names.
final class EventReader: StreamlessCoder {
    private let message: EventMessage
    private let name: String
    private var found = false
    private var exception: (any ModelledError)?

    private init(_ message: EventMessage, name: String) {
        self.message = message
        self.name = name
    }

    /// Nil for an event that the model does not know. Throws the exceptions and errors that a stream ends with.
    static func event<E: Shape>(_ type: E.Type, from message: EventMessage) throws -> E? {
        let kind = message[":message-type"]
        if kind == "error" {
            throw CommonError(message[":error-code"] ?? "UnknownError", message[":error-message"] ?? "", status: 500)
        }
        let reader = EventReader(message, name: message[kind == "exception" ? ":exception-type" : ":event-type"] ?? "")
        var event = E()
        try event.code(reader)
        if kind == "exception" {
            throw reader.exception ?? CommonError(reader.name, String(buffer: message.payload), status: 400)
        }
        return reader.found ? event : nil
    }

    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws {
        guard field.wireName == name else { return }
        var some = S()
        try some.code(EventMembersReader(message))
        found = true
        exception = some as? any ModelledError
        value = some
    }

    func string(_ value: inout String?, _ field: Field) throws {}
    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws {}
    func int(_ value: inout Int?, _ field: Field) throws {}
    func double(_ value: inout Double?, _ field: Field) throws {}
    func bool(_ value: inout Bool?, _ field: Field) throws {}
    func timestamp(_ value: inout Instant?, _ field: Field) throws {}
    func blob(_ value: inout Blob?, _ field: Field) throws {}
    func document(_ value: inout JSONValue?, _ field: Field) throws {}
    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {}
    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {}
}

/// Gathers the members of one event from the message's headers and its payload.
private final class EventMembersReader: StreamlessCoder {
    private let message: EventMessage
    private var document: JSONReader?

    init(_ message: EventMessage) { self.message = message }

    private func header(_ field: Field) -> EventMessage.Value? {
        message.headers.first { $0.name == field.wireName }?.value
    }

    private func body(_ field: Field) throws -> JSONReader {
        if field.place == .payload { return try JSONReader(message.payload, ReadingNotes()).atRoot() }
        if let document { return document }
        let reader = try JSONReader(message.payload, ReadingNotes())
        document = reader
        return reader
    }

    func string(_ value: inout String?, _ field: Field) throws {
        switch field.place {
        case .header: if case .string(let text) = header(field) { value = text }
        case .payload: value = String(buffer: message.payload)
        default: try body(field).string(&value, field)
        }
    }

    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws {
        var text: String?
        try string(&text, field)
        value = text.map { E($0) }
    }

    func blob(_ value: inout Blob?, _ field: Field) throws {
        switch field.place {
        case .header: if case .bytes(let bytes) = header(field) { value = bytes }
        case .payload: value = message.payload
        default: try body(field).blob(&value, field)
        }
    }

    func int(_ value: inout Int?, _ field: Field) throws {
        guard field.place == .header else { return try body(field).int(&value, field) }
        switch header(field) {
        case .int8(let number): value = Int(number)
        case .int16(let number): value = Int(number)
        case .int32(let number): value = Int(number)
        case .int64(let number): value = Int(number)
        default: break
        }
    }

    func bool(_ value: inout Bool?, _ field: Field) throws {
        guard field.place == .header else { return try body(field).bool(&value, field) }
        if case .bool(let yes) = header(field) { value = yes }
    }

    func timestamp(_ value: inout Instant?, _ field: Field) throws {
        guard field.place == .header else { return try body(field).timestamp(&value, field) }
        if case .timestamp(let instant) = header(field) { value = instant }
    }

    func double(_ value: inout Double?, _ field: Field) throws { try body(field).double(&value, field) }
    func document(_ value: inout JSONValue?, _ field: Field) throws { try body(field).document(&value, field) }
    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws { try body(field).structure(&value, field) }
    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws { try body(field).list(&value, field) }
    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws { try body(field).map(&value, field) }
}
