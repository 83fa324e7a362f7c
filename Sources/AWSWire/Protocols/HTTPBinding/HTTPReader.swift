// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import MartletCore
import NIOCore

/// The parts of an HTTP message from which members are read; a request has no status, an answer no path and query.
struct HTTPParts {
    /// Still encoded.
    var labels: [String: String] = [:]
    var query = FormItems()
    var headers: HTTPFields
    var status: Int?
    var body: ByteStream
}

/// Reads a shape from an HTTP message by the binding of REST-JSON: each member from its place.
final class HTTPReader: ShapeCoder {
    private let parts: HTTPParts
    private let notes: ReadingNotes
    /// Names in the query that have fields of their own, so that a map of the rest leaves them out.
    private var namedQuery: Set<String> = []
    /// The reader of the members in the body; made when the first one is asked for.
    private var document: JSONReader?

    init(_ parts: HTTPParts, _ notes: ReadingNotes) {
        self.parts = parts
        self.notes = notes
    }

    private func buffered() throws -> ByteBuffer {
        guard case .buffer(let bytes) = parts.body else {
            throw MartletError("wire.body", "the body has not been collected")
        }
        return bytes
    }

    private func documentReader() throws -> JSONReader {
        if let document { return document }
        let reader = try JSONReader(try buffered(), notes)
        document = reader
        return reader
    }

    /// The reader of the member's place. Notes a missing one where it is not in a document, whose reader does so itself.
    private func coder(_ field: Field) throws -> any ShapeCoder {
        switch field.place {
        case .body: return try documentReader()
        case .payload:
            let bytes = try buffered()
            if bytes.readableBytes == 0 { return nothing(field) }
            return try JSONReader(bytes, notes).atRoot()
        case .eventStream: throw MisplacedMember(field)
        case .path, .query, .header, .headers, .queryMap, .status: break
        }
        let items = items(field)
        return items.isEmpty ? nothing(field) : TextReader(items)
    }

    private func nothing(_ field: Field) -> any ShapeCoder {
        notes.absent(field)
        return TextReader([])
    }

    private func items(_ field: Field) -> [FormItems.Item] {
        switch field.place {
        case .path:
            return parts.labels[field.wireName].map { [.init(name: field.wireName, value: PathTemplate.decode($0))] }
                ?? []
        case .query:
            namedQuery.insert(field.wireName)
            return parts.query.items.filter { $0.name == field.wireName }
        case .queryMap: return parts.query.items.filter { !namedQuery.contains($0.name) }
        case .header: return header(field.wireName)
        case .headers: return prefixed(field.wireName.lowercased())
        case .status: return parts.status.map { [.init(name: field.wireName, value: String($0))] } ?? []
        case .body, .payload, .eventStream: return []
        }
    }

    private func header(_ name: String) -> [FormItems.Item] {
        guard let key = HTTPField.Name(name) else { return [] }
        return parts.headers[values: key].map { .init(name: name, value: $0) }
    }

    private func prefixed(_ prefix: String) -> [FormItems.Item] {
        parts.headers.compactMap { field in
            let name = field.name.canonicalName
            return name.hasPrefix(prefix) ? .init(name: String(name.dropFirst(prefix.count)), value: field.value) : nil
        }
    }
}

extension HTTPReader {
    func string(_ value: inout String?, _ field: Field) throws {
        guard field.place == .payload else { return try coder(field).string(&value, field) }
        let bytes = try buffered()
        guard bytes.readableBytes > 0 else { return notes.absent(field) }
        guard let text = String(validating: bytes.readableBytesView, as: UTF8.self) else {
            throw CommonError("SerializationException", "The body is not UTF-8.")
        }
        value = text
    }

    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws {
        var text: String?
        try string(&text, field)
        value = text.map { E($0) }
    }

    func blob(_ value: inout Blob?, _ field: Field) throws {
        guard field.place == .payload else { return try coder(field).blob(&value, field) }
        let bytes = try buffered()
        if bytes.readableBytes == 0 { notes.absent(field) } else { value = bytes }
    }

    /// A list in a header is one line with commas, or several lines.
    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {
        guard field.place == .header else { return try coder(field).list(&value, field) }
        let items = header(field.wireName).flatMap { item in
            HeaderList.split(item.value).map { FormItems.Item(name: item.name, value: $0) }
        }
        try (items.isEmpty ? nothing(field) : TextReader(items)).list(&value, field)
    }

    func bytes(_ value: inout ByteStream?, _ field: Field) throws {
        if case .buffer(let bytes) = parts.body, bytes.readableBytes == 0 { notes.absent(field) }
        value = parts.body
    }

    func events<E: Shape>(_ value: inout EventStream<E>?, _ field: Field) throws {
        value = EventStreamCoding.events(in: parts.body)
    }

    func int(_ value: inout Int?, _ field: Field) throws { try coder(field).int(&value, field) }
    func double(_ value: inout Double?, _ field: Field) throws { try coder(field).double(&value, field) }
    func bool(_ value: inout Bool?, _ field: Field) throws { try coder(field).bool(&value, field) }
    func timestamp(_ value: inout Instant?, _ field: Field) throws { try coder(field).timestamp(&value, field) }
    func document(_ value: inout JSONValue?, _ field: Field) throws { try coder(field).document(&value, field) }
    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws { try coder(field).structure(&value, field) }
    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws { try coder(field).map(&value, field) }
}

/// Lists in header values: `a, b` and `"a, b", c`.
enum HeaderList {
    static func split(_ text: String) -> [String] {
        // Dates hold one comma each, and no other list member does unquoted.
        if let dates = dates(text) { return dates }
        var parts: [[UInt8]] = [[]]
        var isQuoted = false
        var isEscaped = false
        for byte in text.utf8 {
            switch byte {
            case _ where isEscaped:
                parts[parts.count - 1].append(byte)
                isEscaped = false
            case 0x5c where isQuoted: isEscaped = true
            case 0x22: isQuoted.toggle()
            case 0x2c where !isQuoted: parts.append([])
            default: parts[parts.count - 1].append(byte)
            }
        }
        return parts.map { trimmed(String(decoding: $0, as: UTF8.self)) }
    }

    private static func dates(_ text: String) -> [String]? {
        let parts = text.split(separator: ",").map { trimmed(String($0)) }
        guard parts.count > 1, parts.count.isMultiple(of: 2) else { return nil }
        let dates = stride(from: 0, to: parts.count, by: 2).map { "\(parts[$0]), \(parts[$0 + 1])" }
        return dates.allSatisfy { Instant(httpDate: $0) != nil } ? dates : nil
    }

    private static func trimmed(_ text: String) -> String {
        let spaces: Set<Character> = [" ", "\t"]
        return String(text.drop { spaces.contains($0) }.reversed().drop { spaces.contains($0) }.reversed())
    }

    /// Quotes a member that a reader would split.
    static func join(_ values: [String]) -> String {
        values.map { value in
            guard value.contains(where: { $0 == "," || $0 == "\"" }), Instant(httpDate: value) == nil else {
                return value
            }
            let escaped = value.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
            return "\"\(escaped)\""
        }.joined(separator: ", ")
    }
}
