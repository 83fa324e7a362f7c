// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// AWS's words for a JSON value of the wrong type.
enum JSONMismatch {
    /// A scalar was expected.
    static func error(_ found: JSONDocument.Kind, _ type: String) -> CommonError {
        switch found {
        case .array: serialization("Start of list found where not expected")
        case .object: serialization("Start of structure or map found where not expected.")
        case .number: serialization("NUMBER_VALUE can not be converted to \(type)")
        case .yes: serialization("TRUE_VALUE can not be converted to \(type)")
        case .no: serialization("FALSE_VALUE can not be converted to \(type)")
        case .null, .plainString, .escapedString: serialization("STRING_VALUE can not be converted to \(type)")
        }
    }

    /// A structure, a list or a map was expected.
    static func holder(_ found: JSONDocument.Kind) -> CommonError {
        switch found {
        case .array: serialization("Start of list found where not expected")
        case .object: serialization("Start of structure or map found where not expected.")
        default: serialization("Expected null")
        }
    }

    private static func serialization(_ message: String) -> CommonError {
        CommonError("SerializationException", message)
    }
}

enum JSONNumber {
    /// A fraction is cut off, as AWS does. Nil for what 64 bits do not hold.
    static func integer(_ text: String) -> Int? {
        if let value = Int(text) { return value }
        guard let value = Double(text) else { return nil }
        return Int(exactly: value.rounded(.towardZero))
    }
}

extension JSONDocument {
    func isString(_ node: Int) -> Bool { kind(node) == .plainString || kind(node) == .escapedString }

    /// The bytes of a string's text.
    func textBytes(_ node: Int) -> [UInt8] {
        kind(node) == .escapedString ? JSONText.unescaped(slice(node)) : Array(slice(node))
    }
}
