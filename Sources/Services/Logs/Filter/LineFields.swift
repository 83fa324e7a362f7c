// SPDX-License-Identifier: Apache-2.0

/// Cuts a line at its spaces. What stands in brackets or in double quotes is one field, without them.
struct LineFields {
    /// A field, and where it begins with its bracket or quote.
    private struct Field {
        var content: Range<Int>
        var start: Int
    }

    private let line: ByteText
    private var position = 0
    /// What is known not to be closed any more, so that a line of opening brackets takes no quadratic time.
    private var unclosed: Set<UInt8> = []

    private init(_ line: ByteText) { self.line = line }

    static func all(of line: ByteText) -> [ByteText] {
        var cutter = LineFields(line)
        var fields: [ByteText] = []
        while let field = cutter.next() { fields.append(line[field.content]) }
        return fields
    }

    /// Exactly `count` fields, the last one being the whole rest of the line; nil when the line has fewer.
    static func split(_ line: ByteText, into count: Int) -> [ByteText]? {
        var cutter = LineFields(line)
        var fields: [ByteText] = []
        while fields.count < count {
            guard let field = cutter.next() else { return nil }
            if fields.count == count - 1, cutter.next() != nil {
                fields.append(trimmedRest(of: line, from: field.start))
            } else {
                fields.append(line[field.content])
            }
        }
        return fields
    }

    private static func trimmedRest(of line: ByteText, from start: Int) -> ByteText {
        var end = line.count
        while end > start, line.bytes[end - 1].isSpace { end -= 1 }
        return line[start..<end]
    }

    private mutating func next() -> Field? {
        let bytes = line.bytes
        var start = position
        while start < bytes.count, bytes[start].isSpace { start += 1 }
        guard start < bytes.count else { return nil }
        if let close = closing(from: start) {
            position = close + 1
            return Field(content: (start + 1)..<close, start: start)
        }
        position = start
        while position < bytes.count, !bytes[position].isSpace { position += 1 }
        return Field(content: start..<position, start: start)
    }

    /// Where the bracket or quote at `start` is closed; nil when there is none, or it never is.
    private mutating func closing(from start: Int) -> Int? {
        let close: UInt8
        switch line.bytes[start] {
        case UInt8(ascii: "["): close = UInt8(ascii: "]")
        case UInt8(ascii: "\""): close = UInt8(ascii: "\"")
        default: return nil
        }
        guard !unclosed.contains(close) else { return nil }
        var index = start + 1
        while index < line.count {
            if line.bytes[index] == close { return index }
            index += close == UInt8(ascii: "\"") && line.bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        unclosed.insert(close)
        return nil
    }
}
