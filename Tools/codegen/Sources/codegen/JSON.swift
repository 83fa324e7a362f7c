// SPDX-License-Identifier: Apache-2.0

/// A JSON value whose objects keep their order: generated members stand in the order of the model. Foundation's parser loses it.
indirect enum JSON {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSON])
    case object([(key: String, value: JSON)])

    subscript(key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var isTrue: Bool {
        guard case .bool(true) = self else { return false }
        return true
    }

    /// As written, so that a limit of 2⁶³ − 1 does not pass through a double.
    var number: String? {
        guard case .number(let text) = self else { return nil }
        return text
    }

    var array: [JSON] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }

    var members: [(key: String, value: JSON)] {
        guard case .object(let members) = self else { return [] }
        return members
    }

    var strings: [String] { array.compactMap(\.string) }
}

extension JSON {
    static func parse(_ bytes: [UInt8]) throws -> JSON {
        var parser = JSONParser(bytes: bytes)
        let value = try parser.value()
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.failure("text after the document") }
        return value
    }
}

/// Recursive descent over trusted files (the models and our own service.json), hence without a depth limit.
private struct JSONParser {
    let bytes: [UInt8]
    var position = 0

    func failure(_ what: String) -> Failure { Failure("JSON: \(what) at byte \(position)") }

    mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
    }

    private mutating func peek() throws -> UInt8 {
        skipSpace()
        guard position < bytes.count else { throw failure("unexpected end") }
        return bytes[position]
    }

    private mutating func expect(_ text: StaticString) throws {
        let wanted = Array("\(text)".utf8)
        guard bytes[position...].starts(with: wanted) else { throw failure("\(text) expected") }
        position += wanted.count
    }

    mutating func value() throws -> JSON {
        switch try peek() {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"):
            try expect("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try expect("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try expect("null")
            return .null
        default: return try number()
        }
    }

    private mutating func object() throws -> JSON {
        position += 1
        var members: [(key: String, value: JSON)] = []
        while try peek() != UInt8(ascii: "}") {
            if !members.isEmpty { try expect(",") }
            guard try peek() == UInt8(ascii: "\"") else { throw failure("a name expected") }
            let key = try string()
            skipSpace()
            try expect(":")
            members.append((key, try value()))
        }
        position += 1
        return .object(members)
    }

    private mutating func array() throws -> JSON {
        position += 1
        var elements: [JSON] = []
        while try peek() != UInt8(ascii: "]") {
            if !elements.isEmpty { try expect(",") }
            elements.append(try value())
        }
        position += 1
        return .array(elements)
    }

    private mutating func number() throws -> JSON {
        let start = position
        while position < bytes.count, "+-.eE0123456789".utf8.contains(bytes[position]) { position += 1 }
        guard position > start else { throw failure("a value expected") }
        return .number(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private mutating func string() throws -> String {
        position += 1
        var units: [UInt16] = []
        var start = position
        func plain(_ range: Range<Int>) -> [UInt16] { Array(String(decoding: bytes[range], as: UTF8.self).utf16) }
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            guard bytes[position] == UInt8(ascii: "\\") else {
                position += 1
                continue
            }
            units += plain(start..<position)
            units.append(try escape())
            start = position
        }
        guard position < bytes.count else { throw failure("a string without end") }
        units += plain(start..<position)
        position += 1
        return String(decoding: units, as: UTF16.self)
    }

    private mutating func escape() throws -> UInt16 {
        guard position + 1 < bytes.count else { throw failure("a string without end") }
        let letter = bytes[position + 1]
        position += 2
        let simple: [Character: UInt16] = ["n": 0x0A, "t": 0x09, "r": 0x0D, "b": 0x08, "f": 0x0C]
        if letter != UInt8(ascii: "u") { return simple[Character(Unicode.Scalar(letter))] ?? UInt16(letter) }
        let end = min(position + 4, bytes.count)
        guard let unit = UInt16(String(decoding: bytes[position..<end], as: UTF8.self), radix: 16) else {
            throw failure("four hexadecimal digits expected")
        }
        position = end
        return unit
    }
}
