// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// A reader whose scalars are all text.
protocol TextReading: ShapeCoder {
    /// Nil for an absent member, which has been noted.
    func text(of field: Field) throws -> String?
    /// AWS's error for text that is not of the member's type.
    func malformed(_ type: String) -> CommonError
}

extension TextReading {
    private func parse<T>(_ field: Field, _ type: String, _ parse: (String) -> T?) throws -> T? {
        guard let text = try text(of: field) else { return nil }
        guard let value = parse(text) else { throw malformed(type) }
        return value
    }

    func string(_ value: inout String?, _ field: Field) throws { value = try text(of: field) }
    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws {
        value = try text(of: field).map { E($0) }
    }
    func int(_ value: inout Int?, _ field: Field) throws { value = try parse(field, "an Integer") { Int($0) } }
    func double(_ value: inout Double?, _ field: Field) throws {
        value = try parse(field, "a Double", ScalarText.double)
    }
    func bool(_ value: inout Bool?, _ field: Field) throws { value = try parse(field, "an Boolean", ScalarText.bool) }
    func timestamp(_ value: inout Instant?, _ field: Field) throws {
        value = try parse(field, "a Timestamp", ScalarText.timestamp)
    }
    func blob(_ value: inout Blob?, _ field: Field) throws {
        value = try parse(field, "a Blob") { Base64.decode($0).map { Blob(bytes: $0) } }
    }
    func document(_ value: inout JSONValue?, _ field: Field) throws {
        value = try parse(field, "a Document") { try? JSONValue(parsing: $0) }
    }
}

/// A writer whose scalars are all text.
protocol TextWriting: ShapeCoder {
    /// The format of timestamps whose field names none.
    var standardTimestamp: Field.TimestampFormat { get }
    func put(_ text: String, _ field: Field) throws
}

extension TextWriting {
    func string(_ value: inout String?, _ field: Field) throws { if let value { try put(value, field) } }
    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws {
        if let value { try put(value.rawValue, field) }
    }
    func int(_ value: inout Int?, _ field: Field) throws { if let value { try put(String(value), field) } }
    func double(_ value: inout Double?, _ field: Field) throws {
        if let value { try put(ScalarText.double(value), field) }
    }
    func bool(_ value: inout Bool?, _ field: Field) throws { if let value { try put(value ? "true" : "false", field) } }
    func timestamp(_ value: inout Instant?, _ field: Field) throws {
        guard let value else { return }
        try put(ScalarText.timestamp(value, field.timestampFormat, standard: standardTimestamp), field)
    }
    func blob(_ value: inout Blob?, _ field: Field) throws {
        guard let value else { return }
        var text = ByteBuffer()
        text.writeBase64(of: value)
        try put(String(buffer: text), field)
    }
    func document(_ value: inout JSONValue?, _ field: Field) throws {
        if let value { try put(value.compactText, field) }
    }
}

/// A coder that has no place for streams: they stand alone in an HTTP body.
protocol StreamlessCoder: ShapeCoder {}

extension StreamlessCoder {
    func bytes(_ value: inout ByteStream?, _ field: Field) throws { throw MisplacedMember(field) }
    func events<E: Shape>(_ value: inout EventStream<E>?, _ field: Field) throws { throw MisplacedMember(field) }
}

/// The model puts a member where its type cannot be: a fault of the generator.
func MisplacedMember(_ field: Field) -> MartletError {
    MartletError("wire.place", "the member \(field.name) cannot be where the model puts it")
}
