// SPDX-License-Identifier: Apache-2.0
package import MartletCore
import NIOCore

/// Walks a shape's members. A reader assigns them, a writer prints them, the validator checks them.
///
/// Reading: an absent member becomes nil; an absent required one is recorded as a violation and read on, so that one answer
/// names every violation. Writing: nil is left out. Not `Sendable`: one coder serves one document.
package protocol ShapeCoder: AnyObject {
    func string(_ value: inout String?, _ field: Field) throws
    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws
    /// Every integer type of the models; 64 bits.
    func int(_ value: inout Int?, _ field: Field) throws
    func double(_ value: inout Double?, _ field: Field) throws
    func bool(_ value: inout Bool?, _ field: Field) throws
    func timestamp(_ value: inout Instant?, _ field: Field) throws
    func blob(_ value: inout Blob?, _ field: Field) throws
    /// Any JSON value, where a model says `document`.
    func document(_ value: inout JSONValue?, _ field: Field) throws
    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws
    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws
    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws
    /// A body that passes as bytes and is never parsed.
    func bytes(_ value: inout ByteStream?, _ field: Field) throws
    func events<E: Shape>(_ value: inout EventStream<E>?, _ field: Field) throws
}

// Required members are not optional in the generated structs; each of these lends the optional form to the coder.
extension ShapeCoder {
    package func string(_ value: inout String, _ field: Field) throws {
        var some: String? = value
        try string(&some, field)
        value = some ?? ""
    }

    package func enumeration<E: StringEnumeration>(_ value: inout E, _ field: Field) throws {
        var some: E? = value
        try enumeration(&some, field)
        value = some ?? E("")
    }

    package func int(_ value: inout Int, _ field: Field) throws {
        var some: Int? = value
        try int(&some, field)
        value = some ?? 0
    }

    package func double(_ value: inout Double, _ field: Field) throws {
        var some: Double? = value
        try double(&some, field)
        value = some ?? 0
    }

    package func bool(_ value: inout Bool, _ field: Field) throws {
        var some: Bool? = value
        try bool(&some, field)
        value = some ?? false
    }

    package func timestamp(_ value: inout Instant, _ field: Field) throws {
        var some: Instant? = value
        try timestamp(&some, field)
        value = some ?? Instant(milliseconds: 0)
    }

    package func blob(_ value: inout Blob, _ field: Field) throws {
        var some: Blob? = value
        try blob(&some, field)
        value = some ?? Blob()
    }

    package func document(_ value: inout JSONValue, _ field: Field) throws {
        var some: JSONValue? = value
        try document(&some, field)
        value = some ?? .null
    }

    package func structure<S: Shape>(_ value: inout S, _ field: Field) throws {
        var some: S? = value
        try structure(&some, field)
        value = some ?? S()
    }

    package func list<E: WireValue>(_ value: inout [E], _ field: Field) throws {
        var some: [E]? = value
        try list(&some, field)
        value = some ?? []
    }

    package func map<V: WireValue>(_ value: inout [String: V], _ field: Field) throws {
        var some: [String: V]? = value
        try map(&some, field)
        value = some ?? [:]
    }

    /// Members whose type contains itself.
    package func indirect<W: WireValue>(_ value: inout Indirect<W>?, _ field: Field) throws {
        try Indirect<W>.code(&value, field, self)
    }
}
