// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Crypto
import MartletCore
import NIOCore

/// The typed values beside a message's body, in the form that AWS takes MD5 of: each name, type and value with its length in
/// front, in the order of the names. The store keeps the same bytes.
struct MessageAttributes: Sendable, Equatable {
    private(set) var values: [String: EventAttribute] = [:]

    var isEmpty: Bool { values.isEmpty }

    /// What they count for in a message's size.
    var byteCount: Int {
        values.reduce(0) { $0 + $1.key.utf8.count + $1.value.dataType.utf8.count + $1.value.byteCount }
    }

    /// Nil without attributes.
    var md5: String? { isEmpty ? nil : MD5.text(of: encoded) }

    /// Nil without attributes.
    var stored: [UInt8]? { isEmpty ? nil : encoded }

    private var encoded: [UInt8] {
        var bytes: [UInt8] = []
        func append(_ part: some Collection<UInt8>) {
            let count = UInt32(clamping: part.count)
            for shift in [24, 16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: count >> shift)) }
            bytes += part
        }
        // In the order of UTF-8, which Swift's comparison is not.
        for (name, attribute) in values.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            append(name.utf8)
            append(attribute.dataType.utf8)
            switch attribute.value {
            case .text(let text):
                bytes.append(1)
                append(text.utf8)
            case .binary(let binary):
                bytes.append(2)
                append(binary)
            }
        }
        return bytes
    }

    /// Those that ReceiveMessage asks for: names, `All`, `.*`, or `prefix.*`.
    func selected(by names: [String]) -> MessageAttributes {
        guard !names.isEmpty, !isEmpty else { return MessageAttributes() }
        if names.contains("All") || names.contains(".*") { return self }
        let prefixes = names.filter { $0.hasSuffix(".*") }.map { $0.dropLast(2) }
        var some = MessageAttributes()
        some.values = values.filter { name, _ in names.contains(name) || prefixes.contains { name.hasPrefix($0) } }
        return some
    }
}

// Reading.
extension MessageAttributes {
    /// From the wire. Throws `InvalidParameterValue` in AWS's words.
    init(_ wire: [String: MessageAttributeValue]?) throws {
        guard let wire, !wire.isEmpty else { return }
        guard wire.count <= SQSLimits.attributesPerMessage else {
            throw InvalidParameterValueException(
                "Number of message attributes [\(wire.count)] exceeds the allowed maximum [10]."
            )
        }
        for (name, value) in wire.sorted(by: { $0.key < $1.key }) {
            try AttributeRules.check(name: name)
            values[name] = try AttributeRules.attribute(
                name,
                value.dataType,
                value.stringValue,
                value.binaryValue,
                hasList: value.stringListValues?.isEmpty == false || value.binaryListValues?.isEmpty == false
            )
        }
    }

    /// From another service. What SQS would refuse is left out: the message is worth more than they are.
    init(_ events: [String: EventAttribute]) {
        for (name, attribute) in events.sorted(by: { $0.key < $1.key }).prefix(SQSLimits.attributesPerMessage) {
            guard (try? AttributeRules.check(name: name)) != nil else { continue }
            // SNS has lists, which are text in a message.
            let type = attribute.dataType == "String.Array" ? "String" : attribute.dataType
            values[name] = EventAttribute(dataType: type, value: attribute.value)
        }
    }

    /// From the store. Throws `storage.row` for anything but what `stored` made.
    init(stored: [UInt8]?) throws {
        guard let stored else { return }
        var rest = stored[...]
        func damaged() -> MartletError { MartletError("storage.row", "the attributes of a message are damaged") }
        func part() throws -> ArraySlice<UInt8> {
            guard rest.count >= 4 else { throw damaged() }
            let count = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(4)
            guard rest.count >= count else { throw damaged() }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
        while !rest.isEmpty {
            let name = String(decoding: try part(), as: UTF8.self)
            let type = String(decoding: try part(), as: UTF8.self)
            guard let kind = rest.popFirst() else { throw damaged() }
            let value = try part()
            values[name] = EventAttribute(
                dataType: type,
                value: kind == 1 ? .text(String(decoding: value, as: UTF8.self)) : .binary(Array(value))
            )
        }
    }

    /// Nil without attributes.
    var wire: [String: MessageAttributeValue]? {
        isEmpty
            ? nil
            : values.mapValues { attribute in
                var value = MessageAttributeValue()
                value.dataType = attribute.dataType
                switch attribute.value {
                case .text(let text): value.stringValue = text
                case .binary(let bytes): value.binaryValue = ByteBuffer(bytes: bytes)
                }
                return value
            }
    }
}

extension EventAttribute {
    fileprivate var byteCount: Int {
        switch value {
        case .text(let text): text.utf8.count
        case .binary(let bytes): bytes.count
        }
    }
}

/// MD5 as SQS shows it. It guards against accidents on the way only.
enum MD5 {
    static func text(of bytes: some Sequence<UInt8>) -> String {
        String(Hex.encode(Insecure.MD5.hash(data: Array(bytes))))
    }
}
