// SPDX-License-Identifier: Apache-2.0

/// Reads JSON by RFC 8259, strictly, and with limits on depth and size.
struct JSONParser {
    static let maximumDepth = 100
    static let maximumBytes = Int(Int32.max) - 1

    private let bytes: [UInt8]
    private var position = 0
    private var nodes: [JSONDocument.Node] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func parse() throws(JSONFault) -> [JSONDocument.Node] {
        guard bytes.count <= Self.maximumBytes else { throw fault("too long a document") }
        nodes.reserveCapacity(16)
        try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw fault("unexpected character after the value") }
        return nodes
    }

    private func fault(_ reason: String) -> JSONFault { JSONFault(reason: reason, offset: position) }

    /// Zero at the end of the text; a zero byte itself is nowhere allowed either.
    private var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            default: return
            }
        }
    }

    private mutating func add(_ kind: JSONDocument.Kind, from start: Int, to end: Int) {
        nodes.append(.init(kind: kind, start: Int32(start), end: Int32(end), next: Int32(nodes.count + 1)))
    }

    private mutating func value(depth: Int) throws(JSONFault) {
        guard depth <= Self.maximumDepth else { throw fault("too deep a nesting") }
        skipSpace()
        switch current {
        case 0x7b: try object(depth: depth)
        case 0x5b: try array(depth: depth)
        case 0x22: try string()
        case 0x74: try word("true", .yes)
        case 0x66: try word("false", .no)
        case 0x6e: try word("null", .null)
        case 0x2d, 0x30...0x39: try number()
        default: throw fault(position < bytes.count ? "unexpected character" : "unexpected end")
        }
    }

    private mutating func word(_ word: StaticString, _ kind: JSONDocument.Kind) throws(JSONFault) {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count, bytes[position..<end].elementsEqual(word.description.utf8) else {
            throw fault("unexpected character")
        }
        add(kind, from: position, to: end)
        position = end
    }

    private mutating func object(depth: Int) throws(JSONFault) {
        let node = open(.object)
        skipSpace()
        if current == 0x7d { return close(node) }
        while true {
            skipSpace()
            guard current == 0x22 else { throw fault("expected a member's name") }
            try string()
            skipSpace()
            guard current == 0x3a else { throw fault("expected a colon") }
            position += 1
            try value(depth: depth + 1)
            skipSpace()
            if current == 0x7d { return close(node) }
            guard current == 0x2c else { throw fault("expected a comma or a closing brace") }
            position += 1
        }
    }

    private mutating func array(depth: Int) throws(JSONFault) {
        let node = open(.array)
        skipSpace()
        if current == 0x5d { return close(node) }
        while true {
            try value(depth: depth + 1)
            skipSpace()
            if current == 0x5d { return close(node) }
            guard current == 0x2c else { throw fault("expected a comma or a closing bracket") }
            position += 1
        }
    }

    private mutating func open(_ kind: JSONDocument.Kind) -> Int {
        add(kind, from: position, to: position)
        position += 1
        return nodes.count - 1
    }

    private mutating func close(_ node: Int) {
        position += 1
        nodes[node].end = Int32(position)
        nodes[node].next = Int32(nodes.count)
    }

    private mutating func number() throws(JSONFault) {
        let start = position
        if current == 0x2d { position += 1 }
        if current == 0x30 { position += 1 } else { try digits() }
        if current == 0x2e {
            position += 1
            try digits()
        }
        if current == 0x65 || current == 0x45 {
            position += 1
            if current == 0x2b || current == 0x2d { position += 1 }
            try digits()
        }
        add(.number, from: start, to: position)
    }

    private mutating func digits() throws(JSONFault) {
        let start = position
        while (0x30...0x39).contains(current) { position += 1 }
        guard position > start else { throw fault("expected a digit") }
    }
}

// Strings.
extension JSONParser {
    private mutating func string() throws(JSONFault) {
        position += 1
        let start = position
        var kind = JSONDocument.Kind.plainString
        while true {
            switch current {
            case 0x22:
                add(kind, from: start, to: position)
                position += 1
                return
            case 0x5c:
                kind = .escapedString
                try escape()
            case 0x00..<0x20: throw fault(position < bytes.count ? "control character in a string" : "unexpected end")
            case 0x20..<0x80: skipPlain()
            default: try multibyte()
            }
        }
    }

    /// Goes on to the next byte of a string that is a quote, a backslash, a control character or not ASCII, eight bytes at a
    /// time: archives of many megabytes are strings here.
    private mutating func skipPlain() {
        position = bytes.withUnsafeBytes { bytes in
            var at = position
            while at &+ 8 <= bytes.count {
                let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                guard !JSONText.hasSpecial(word) else { break }
                at &+= 8
            }
            while at < bytes.count, bytes[at] >= 0x20, bytes[at] < 0x80, bytes[at] != 0x22, bytes[at] != 0x5c {
                at &+= 1
            }
            return at
        }
    }

    private mutating func escape() throws(JSONFault) {
        position += 1
        switch current {
        case 0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74: position += 1
        case 0x75:
            guard position + 4 < bytes.count, JSONText.hex(bytes[(position + 1)...(position + 4)]) != nil else {
                throw fault("expected four hexadecimal digits")
            }
            position += 5
        default: throw fault("unknown escape")
        }
    }

    private mutating func multibyte() throws(JSONFault) {
        guard let length = UTF8Sequence.length(at: position, in: bytes) else { throw fault("invalid UTF-8") }
        position += length
    }
}

/// The well-formed sequences of the Unicode standard (table 3-7).
enum UTF8Sequence {
    /// Nil for a sequence that is overlong, cut off, a surrogate or past the last code point.
    static func length(at position: Int, in bytes: [UInt8]) -> Int? {
        let first = bytes[position]
        let (length, second): (Int, ClosedRange<UInt8>) =
            switch first {
            case 0x00...0x7f: (1, 0x80...0xbf)
            case 0xc2...0xdf: (2, 0x80...0xbf)
            case 0xe0: (3, 0xa0...0xbf)
            case 0xed: (3, 0x80...0x9f)
            case 0xe1...0xef: (3, 0x80...0xbf)
            case 0xf0: (4, 0x90...0xbf)
            case 0xf1...0xf3: (4, 0x80...0xbf)
            case 0xf4: (4, 0x80...0x8f)
            default: (0, 0x80...0xbf)
            }
        guard length > 0, position + length <= bytes.count else { return nil }
        guard length == 1 || second.contains(bytes[position + 1]) else { return nil }
        for offset in stride(from: 2, to: length, by: 1) where bytes[position + offset] & 0xc0 != 0x80 { return nil }
        return length
    }
}
