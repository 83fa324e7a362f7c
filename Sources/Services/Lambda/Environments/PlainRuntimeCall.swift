// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The two calls that every invocation is made of, in the form in which nearly all runtimes send them: whole, in one piece, and
/// with nothing in the head that changes what they mean. What is not surely that is nobody's error here: HTTP's own decoder
/// reads it, and says what is wrong with it.
enum PlainRuntimeCall: Sendable, Equatable {
    case next
    case response(id: String, body: ByteBuffer)

    /// Of the head. The runtimes' are below 300 bytes.
    static let headBytes = 1_024
    /// What comes in one read is never more.
    static let bodyBytes = 65_536
    static let idBytes = 64

    /// Nil: read it as HTTP.
    init?(_ bytes: ByteBuffer) {
        let found = bytes.withUnsafeReadableBytes { bytes -> (id: Range<Int>?, body: Range<Int>)? in
            var reader = PlainHeadReader(bytes.prefix(Self.headBytes))
            guard let line = reader.requestLine(), let length = reader.fields() else { return nil }
            let body = reader.position..<bytes.count
            // A call without a body may say so, but need not.
            guard body.count == length ?? 0, body.count <= Self.bodyBytes, line.takesBody ? length != nil : body.isEmpty
            else { return nil }
            return (line.id, body)
        }
        guard let found else { return nil }
        guard let id = found.id else {
            self = .next
            return
        }
        let start = bytes.readerIndex
        guard let text = bytes.getString(at: start + id.lowerBound, length: id.count),
            let body = bytes.getSlice(at: start + found.body.lowerBound, length: found.body.count)
        else { return nil }
        self = .response(id: text, body: body)
    }
}

/// Reads a head that holds nothing unusual, from its beginning to the empty line.
private struct PlainHeadReader {
    /// Of the request line; without an id it is `/next`.
    struct Line {
        var id: Range<Int>?
        var takesBody: Bool { id != nil }
    }

    private let bytes: Slice<UnsafeRawBufferPointer>
    private(set) var position = 0

    init(_ bytes: Slice<UnsafeRawBufferPointer>) { self.bytes = bytes }

    mutating func requestLine() -> Line? {
        if skip("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n") { return Line(id: nil) }
        guard skip("POST /2018-06-01/runtime/invocation/") else { return nil }
        let start = position
        while position < bytes.endIndex, Self.isOfID(bytes[position]) { position += 1 }
        let id = start..<position
        guard (1...PlainRuntimeCall.idBytes).contains(id.count), skip("/response HTTP/1.1\r\n") else { return nil }
        return Line(id: id)
    }

    /// To the end of the head. Nil for any field that is not known to be of no consequence; else what `Content-Length` says, if
    /// it is there.
    mutating func fields() -> Int?? {
        var length: Int?
        while !skip("\r\n") {
            guard let name = name(), let value = value() else { return nil }
            switch name {
            case .contentLength:
                guard length == nil, let number = number(value) else { return nil }
                length = number
            case .connection:
                guard matches(value, "keep-alive") else { return nil }
            case .harmless: break
            }
        }
        return .some(length)
    }

    private enum Name { case contentLength, connection, harmless }

    private static let names: [(StaticString, Name)] = [
        ("content-length", .contentLength), ("host", .harmless), ("user-agent", .harmless), ("accept", .harmless),
        ("accept-encoding", .harmless), ("content-type", .harmless), ("connection", .connection),
    ]

    /// With its colon.
    private mutating func name() -> Name? {
        let start = position
        while position < bytes.endIndex, bytes[position] != 0x3a, bytes[position] != 0x0a { position += 1 }
        guard position < bytes.endIndex, bytes[position] == 0x3a else { return nil }
        let name = start..<position
        position += 1
        return Self.names.first { matches(name, $0.0) }?.1
    }

    /// Without the blanks before it. Nil when something in it is neither visible nor a blank.
    private mutating func value() -> Range<Int>? {
        while position < bytes.endIndex, bytes[position] == 0x20 { position += 1 }
        let start = position
        while position < bytes.endIndex, bytes[position] >= 0x20, bytes[position] < 0x7f { position += 1 }
        let value = start..<position
        return skip("\r\n") ? value : nil
    }

    private func number(_ digits: Range<Int>) -> Int? {
        guard (1...9).contains(digits.count) else { return nil }
        var number = 0
        for index in digits {
            guard (0x30...0x39).contains(bytes[index]) else { return nil }
            number = number * 10 + Int(bytes[index] - 0x30)
        }
        return number
    }

    private mutating func skip(_ text: StaticString) -> Bool {
        let end = position + text.utf8CodeUnitCount
        guard end <= bytes.endIndex else { return false }
        let isThere = text.withUTF8Buffer { text in
            text.elementsEqual(UnsafeRawBufferPointer(rebasing: bytes[position..<end]))
        }
        if isThere { position = end }
        return isThere
    }

    /// Regardless of the case of its letters; `text` is in lower case.
    private func matches(_ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { text in
            zip(range, text).allSatisfy { index, letter in
                let byte = bytes[index]
                return byte == letter || (0x41...0x5a).contains(byte) && byte | 0x20 == letter
            }
        }
    }

    private static func isOfID(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2d
    }
}
