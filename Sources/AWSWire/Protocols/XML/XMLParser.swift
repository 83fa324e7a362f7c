// SPDX-License-Identifier: Apache-2.0

/// Reads the XML of AWS's APIs: elements, text, CDATA. Document types are refused, and entities with them.
struct XMLParser {
    static let maximumDepth = 100
    static let maximumBytes = 64 << 20

    private let bytes: [UInt8]
    private var position = 0
    private var elements: [XMLDocument.Element] = []
    /// The elements that are open, outermost first; each name as it was written.
    private var open: [(index: Int, name: ArraySlice<UInt8>)] = []
    private var text: [UInt8] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func parse() throws(XMLFault) -> [XMLDocument.Element] {
        guard bytes.count <= Self.maximumBytes else { throw fault("too long a document") }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw fault("invalid UTF-8") }
        while position < bytes.count {
            if bytes[position] == 0x3c { try markup() } else { try characters() }
        }
        guard open.isEmpty, !elements.isEmpty else { throw fault("unexpected end") }
        return elements
    }

    private func fault(_ reason: String) -> XMLFault { XMLFault(reason: reason, offset: position) }

    private func starts(with text: StaticString) -> Bool { bytes[position...].starts(with: text.description.utf8) }

    private mutating func markup() throws(XMLFault) {
        if starts(with: "<!--") { return try skip(past: "-->") }
        if starts(with: "<?") { return try skip(past: "?>") }
        if starts(with: "<![CDATA[") { return try characterData() }
        if starts(with: "<!") { throw fault("document types are not allowed") }
        if starts(with: "</") { return try endTag() }
        try startTag()
    }

    /// Where `text` begins next; the end of the document when it does not.
    private func next(_ text: StaticString) -> Int? {
        let pattern = Array(text.description.utf8)
        var index = position
        while index + pattern.count <= bytes.count {
            if bytes[index] == pattern[0], bytes[index..<(index + pattern.count)].elementsEqual(pattern) {
                return index
            }
            index += 1
        }
        return nil
    }

    private mutating func skip(past text: StaticString) throws(XMLFault) {
        guard let end = next(text) else { throw fault("unexpected end") }
        position = end + text.utf8CodeUnitCount
    }

    private mutating func characterData() throws(XMLFault) {
        guard !open.isEmpty, let end = next("]]>") else { throw fault("misplaced character data") }
        text += bytes[(position + 9)..<end]
        position = end + 3
    }

    private mutating func characters() throws(XMLFault) {
        let start = position
        while position < bytes.count, bytes[position] != 0x3c {
            if bytes[position] == 0x26 { try entity() } else { character() }
        }
        let isSpace = bytes[start..<position].allSatisfy(Self.isSpace)
        guard !open.isEmpty || isSpace else { throw fault("text outside of the root element") }
    }

    /// Line ends of all systems read as line feeds.
    private mutating func character() {
        let byte = bytes[position]
        position += 1
        if byte != 0x0d { return text.append(byte) }
        if position < bytes.count, bytes[position] == 0x0a { return }
        text.append(0x0a)
    }

    private mutating func entity() throws(XMLFault) {
        let start = position + 1
        let limit = min(start + 12, bytes.count)
        guard let end = bytes[start..<limit].firstIndex(of: 0x3b), let scalar = XMLText.entity(bytes[start..<end])
        else {
            throw fault("unknown entity")
        }
        text.append(contentsOf: String(Character(scalar)).utf8)
        position = end + 1
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
}

// Tags.
extension XMLParser {
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x3a, 0x5f, 0x80...: true
        default: false
        }
    }

    private mutating func name() throws(XMLFault) -> ArraySlice<UInt8> {
        let start = position
        while position < bytes.count, Self.isNameByte(bytes[position]) { position += 1 }
        guard position > start else { throw fault("expected a name") }
        return bytes[start..<position]
    }

    private mutating func skipSpace() {
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
    }

    private mutating func expect(_ byte: UInt8) throws(XMLFault) {
        guard position < bytes.count, bytes[position] == byte else { throw fault("unexpected character") }
        position += 1
    }

    private mutating func startTag() throws(XMLFault) {
        position += 1
        let name = try name()
        guard open.count < Self.maximumDepth else { throw fault("too deep a nesting") }
        guard !open.isEmpty || elements.isEmpty else { throw fault("a second root element") }
        let local = name.split(separator: 0x3a).last ?? name
        elements.append(XMLDocument.Element(name: String(decoding: local, as: UTF8.self)))
        if let parent = open.last { elements[parent.index].children.append(elements.count - 1) }
        open.append((elements.count - 1, name))
        text = []
        try attributes()
        if position < bytes.count, bytes[position] == 0x2f {
            position += 1
            try expect(0x3e)
            return close()
        }
        try expect(0x3e)
    }

    private mutating func attributes() throws(XMLFault) {
        while true {
            skipSpace()
            guard position < bytes.count, Self.isNameByte(bytes[position]) else { return }
            _ = try name()
            skipSpace()
            try expect(0x3d)
            skipSpace()
            guard position < bytes.count, bytes[position] == 0x22 || bytes[position] == 0x27 else {
                throw fault("expected a quote")
            }
            let quote = bytes[position]
            position += 1
            guard let end = bytes[position...].firstIndex(of: quote) else { throw fault("unexpected end") }
            guard !bytes[position..<end].contains(0x3c) else { throw fault("unexpected character") }
            position = end + 1
        }
    }

    private mutating func endTag() throws(XMLFault) {
        position += 2
        let name = try name()
        guard let last = open.last, last.name == name else { throw fault("the closing tag fits no opening one") }
        skipSpace()
        try expect(0x3e)
        close()
    }

    /// Only an element without children keeps its text; among children it is white space for the eye.
    private mutating func close() {
        guard let last = open.popLast() else { return }
        if elements[last.index].children.isEmpty { elements[last.index].text = String(decoding: text, as: UTF8.self) }
        text = []
    }
}
