// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore

/// What AWS demands of a message's attributes, in AWS's words.
enum AttributeRules {
    static func check(name: String) throws {
        let isWellFormed =
            (1...SQSLimits.attributeNameBytes).contains(name.utf8.count)
            && name.utf8.allSatisfy { $0.isWordOrHyphen || $0 == UInt8(ascii: ".") }
            && !name.hasPrefix(".") && !name.hasSuffix(".") && !name.contains("..")
        guard isWellFormed, !["aws.", "amazon."].contains(where: name.lowercased().hasPrefix) else {
            throw InvalidParameterValueException(
                """
                The message attribute name '\(name.prefix(512))' is invalid. Attribute name can contain A-Z, a-z, 0-9, \
                underscore (_), hyphen (-), and period (.) characters.
                """
            )
        }
    }

    static func attribute(
        _ name: String,
        _ type: String?,
        _ text: String?,
        _ binary: ByteBuffer?,
        hasList: Bool
    ) throws -> EventAttribute {
        guard let type, !type.isEmpty else {
            throw fault(name, "must contain non-empty message attribute type.")
        }
        guard type.utf8.count <= 256, !hasList else {
            throw fault(name, hasList ? "has list values, which are reserved." : "has a type that is too long.")
        }
        let kind = type.prefix { $0 != "." }
        switch kind {
        case "String", "Number":
            guard let text, !text.isEmpty else { throw empty(name, type) }
            if binary != nil { throw fault(name, "has values of two types.") }
            try MessageText.check(text)
            if kind == "Number" { try checkNumber(text, name) }
            return EventAttribute(dataType: type, value: .text(text))
        case "Binary":
            guard let binary, binary.readableBytes > 0 else { throw empty(name, type) }
            if text != nil { throw fault(name, "has values of two types.") }
            return EventAttribute(dataType: type, value: .binary(Array(binary.readableBytesView)))
        default:
            throw fault(
                name,
                "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
            )
        }
    }

    private static func checkNumber(_ text: String, _ name: String) throws {
        let isNumber = text.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || "+-.eE".utf8.contains($0) }
        guard isNumber, text.utf8.count <= 128, Double(text)?.isFinite == true else {
            throw InvalidParameterValueException("Can't cast the value of message attribute '\(name)' to a number.")
        }
    }

    private static func fault(_ name: String, _ what: String) -> InvalidParameterValueException {
        InvalidParameterValueException("The message attribute '\(name)' \(what)")
    }

    private static func empty(_ name: String, _ type: String) -> InvalidParameterValueException {
        fault(name, "must contain non-empty message attribute value for message attribute type '\(type)'.")
    }
}

/// Which characters a message may hold: those of XML 1.0, as SQS began with it.
enum MessageText {
    /// Throws `InvalidMessageContents`.
    static func check(_ text: String) throws {
        // Below the space only three are allowed; the other forbidden ones begin with 0xEF in UTF-8. Few texts have either.
        let isSuspicious = text.utf8.contains { ($0 < 0x20 && $0 != 0x0a && $0 != 0x0d && $0 != 0x09) || $0 == 0xef }
        guard isSuspicious, let wrong = text.unicodeScalars.first(where: { !isAllowed($0.value) }) else { return }
        throw InvalidMessageContents(
            """
            Invalid binary character '#x\(String(wrong.value, radix: 16, uppercase: true))' was found in the message body, \
            the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF].
            """
        )
    }

    private static func isAllowed(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x9, 0xa, 0xd, 0x20...0xd7ff, 0xe000...0xfffd, 0x10000...0x10ffff: true
        default: false
        }
    }
}
