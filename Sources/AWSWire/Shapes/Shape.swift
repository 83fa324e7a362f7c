// SPDX-License-Identifier: Apache-2.0
package import MartletCore
package import NIOCore

/// Bytes of a member: an uploaded archive, a payload.
package typealias Blob = ByteBuffer

/// A structure of an AWS API model. One function names each member once; every reader, writer and the validator run it,
/// so parsing, printing and checking cannot disagree.
package protocol Shape: WireValue {
    init()
    /// The model's name of the shape.
    static var shapeName: String { get }
    /// A union holds exactly one of its members.
    static var isUnion: Bool { get }
    mutating func code(_ c: any ShapeCoder) throws
}

extension Shape {
    package static var isUnion: Bool { false }

    package static func code(_ value: inout Self?, _ field: Field, _ c: any ShapeCoder) throws {
        try c.structure(&value, field)
    }
}

/// An error that a model lists: its members go over the wire as the model names them.
package protocol ModelledError: Shape, ServiceError {
    static var errorCode: String { get }
    static var status: Int { get }
    /// Whether the Query protocol blames the `Sender`.
    static var isSenderFault: Bool { get }
    /// The code of the Query protocol and of the `x-amzn-query-error` header, where the model has one.
    static var queryCode: String? { get }
    /// What the Query protocol says instead of `message`, where the two protocols' texts differ.
    static var queryMessage: String? { get }
    var message: String { get set }
}

extension ModelledError {
    package var code: String { Self.errorCode }
    package var httpStatus: Int { Self.status }
    package static var queryCode: String? { nil }
    package static var queryMessage: String? { nil }

    package init(_ message: String) {
        self.init()
        self.message = message
    }
}

/// An enumeration of a model. Values that the model does not list are kept, so that the validator can name them.
package protocol StringEnumeration: WireValue, Hashable, CustomStringConvertible {
    var rawValue: String { get }
    init(_ rawValue: String)
    /// In the model's order.
    static var allValues: [String] { get }
}

extension StringEnumeration {
    package var description: String { rawValue }

    package static func code(_ value: inout Self?, _ field: Field, _ c: any ShapeCoder) throws {
        try c.enumeration(&value, field)
    }
}

/// What may be a member, an element of a list or a value of a map.
package protocol WireValue: Sendable {
    static func code(_ value: inout Self?, _ field: Field, _ c: any ShapeCoder) throws
}

extension String: WireValue {
    package static func code(_ value: inout String?, _ field: Field, _ c: any ShapeCoder) throws {
        try c.string(&value, field)
    }
}

extension Int: WireValue {
    package static func code(_ value: inout Int?, _ field: Field, _ c: any ShapeCoder) throws {
        try c.int(&value, field)
    }
}

extension Double: WireValue {
    package static func code(_ value: inout Double?, _ field: Field, _ c: any ShapeCoder) throws {
        try c.double(&value, field)
    }
}

extension Bool: WireValue {
    package static func code(_ value: inout Bool?, _ field: Field, _ c: any ShapeCoder) throws {
        try c.bool(&value, field)
    }
}

extension Instant: WireValue {
    package static func code(_ value: inout Instant?, _ field: Field, _ c: any ShapeCoder) throws {
        try c.timestamp(&value, field)
    }
}

extension ByteBuffer: WireValue {
    package static func code(_ value: inout ByteBuffer?, _ field: Field, _ c: any ShapeCoder) throws {
        try c.blob(&value, field)
    }
}

extension Array: WireValue where Element: WireValue {
    package static func code(_ value: inout [Element]?, _ field: Field, _ c: any ShapeCoder) throws {
        try c.list(&value, field)
    }
}

extension Dictionary: WireValue where Key == String, Value: WireValue {
    package static func code(_ value: inout [String: Value]?, _ field: Field, _ c: any ShapeCoder) throws {
        try c.map(&value, field)
    }
}

/// A member whose type contains itself. Generated only where a model is recursive.
package final class Indirect<Wrapped: WireValue>: WireValue {
    package let value: Wrapped
    package init(_ value: Wrapped) { self.value = value }

    package static func code(_ indirect: inout Indirect?, _ field: Field, _ c: any ShapeCoder) throws {
        var inner = indirect?.value
        try Wrapped.code(&inner, field, c)
        indirect = inner.map { Indirect($0) }
    }
}
