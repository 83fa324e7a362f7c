// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore

/// A typed value beside a message's body, checked.
struct MessageAttribute: Sendable, Equatable {
    enum Value: Sendable, Equatable {
        case text(String)
        case binary([UInt8])
    }

    var dataType: String
    var value: Value

    var byteCount: Int {
        switch value {
        case .text(let text): dataType.utf8.count + text.utf8.count
        case .binary(let bytes): dataType.utf8.count + bytes.count
        }
    }

    /// As notifications write it: binary values in base 64.
    var text: String {
        switch value {
        case .text(let text): text
        case .binary(let bytes): Base64.encode(bytes)
        }
    }

    /// As filter policies see it; nil for binary ones, which they ignore.
    var filterable: JSONValue? {
        guard case .text(let text) = value else { return nil }
        // Checked when it was published.
        if dataType == "String.Array" { return (try? JSONValue(parsing: text)) ?? .array([]) }
        guard dataType == "Number" || dataType.hasPrefix("Number.") else { return .string(text) }
        return Double(text).map { .number($0) } ?? .string(text)
    }

    var event: EventAttribute {
        switch value {
        case .text(let text): EventAttribute(dataType: dataType, value: .text(text))
        case .binary(let bytes): EventAttribute(dataType: dataType, value: .binary(bytes))
        }
    }
}

extension MessageAttribute {
    private static let maximumNameBytes = 256

    /// Throws `InvalidParameterValueException` in AWS's words.
    init(_ input: MessageAttributeValue, name: String) throws {
        try Self.check(name: name)
        let type = input.dataType
        guard !type.isEmpty, type.utf8.count <= 256, type.utf8.allSatisfy({ $0.isNameByte || $0 == 0x2e }) else {
            throw InvalidParameterValueException("The message attribute '\(name)' must contain message attribute type.")
        }
        let family = type.split(separator: ".", omittingEmptySubsequences: false).first ?? ""
        guard ["String", "Number", "Binary"].contains(family), !type.hasSuffix(".") else {
            throw InvalidParameterValueException(
                """
                The message attribute '\(name)' has an invalid message attribute type, the set of supported type prefixes \
                is Binary, Number, and String.
                """
            )
        }
        dataType = type
        value = try Self.value(input, family: String(family), name: name)
        if type == "String.Array" { try Self.check(array: text, name: name) }
        if family == "Number" { try Self.check(number: text, name: name) }
    }

    private static func value(_ input: MessageAttributeValue, family: String, name: String) throws -> Value {
        if family == "Binary" {
            if input.stringValue != nil { throw wrongField(name, input.dataType, "Binary") }
            guard let bytes = input.binaryValue, bytes.readableBytes > 0 else { throw empty(name, input.dataType) }
            return .binary(Array(bytes.readableBytesView))
        }
        if input.binaryValue != nil { throw wrongField(name, input.dataType, "String") }
        guard let text = input.stringValue, !text.isEmpty else { throw empty(name, input.dataType) }
        return .text(text)
    }

    private static func check(name: String) throws {
        let isWellFormed =
            (1...maximumNameBytes).contains(name.utf8.count)
            && name.utf8.allSatisfy { $0.isNameByte || $0 == 0x2e } && !name.hasPrefix(".") && !name.hasSuffix(".")
            && !name.contains("..")
        guard isWellFormed else {
            throw InvalidParameterValueException(
                """
                Message (user) attribute name can contain A-Z, a-z, 0-9, underscore(_), hyphen(-), and period (.) \
                characters. The name must not start or end with a period and must not have successive periods. It can be \
                1 to 256 characters long: '\(String(name.prefix(256)))'
                """
            )
        }
    }

    private static func check(array text: String, name: String) throws {
        let elements = (try? JSONValue(parsing: text))?.arrayValue
        guard let elements, elements.allSatisfy({ $0.members == nil && $0.arrayValue == nil }) else {
            throw InvalidParameterValueException(
                "The message attribute '\(name)' of type 'String.Array' must hold a JSON array of simple values."
            )
        }
    }

    private static func check(number text: String, name: String) throws {
        let bytes = text.utf8
        let isPlain = bytes.count <= 64 && bytes.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || "+-.eE".utf8.contains($0) }
        guard isPlain, let number = Double(text), number.isFinite else {
            throw InvalidParameterValueException(
                "Could not cast message attribute '\(name)' value to number."
            )
        }
    }

    private static func empty(_ name: String, _ type: String) -> InvalidParameterValueException {
        InvalidParameterValueException(
            """
            The message attribute '\(name)' must contain non-empty message attribute value for message attribute type \
            '\(type)'.
            """
        )
    }

    private static func wrongField(_ name: String, _ type: String, _ field: String) -> InvalidParameterValueException {
        InvalidParameterValueException(
            "The message attribute '\(name)' with type '\(type)' must use field '\(field)'."
        )
    }
}
