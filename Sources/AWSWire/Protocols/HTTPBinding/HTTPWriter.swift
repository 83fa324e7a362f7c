// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import MartletCore
import NIOCore

/// Spreads a shape over an HTTP message by the binding of REST-JSON: each member to its place.
final class HTTPWriter: ShapeCoder {
    private(set) var labels: [String: String] = [:]
    private(set) var query = FormItems()
    private(set) var headers = HTTPFields()
    private(set) var status: Int?
    /// Of the members in the body; open until `body` closes it.
    private let document = JSONWriter()
    private var payload: ByteStream?
    /// The frames behind a first message: made last, when all members of that message are known.
    private var events: ((EventMessage?) -> ByteStream)?
    private let kind: OperationBinding.Body
    /// Whether the members beside an event stream are its first message, as the JSON protocols have it.
    private let sendsInitialResponse: Bool

    init(body: OperationBinding.Body, sendsInitialResponse: Bool = false) {
        kind = body
        self.sendsInitialResponse = sendsInitialResponse
    }

    /// The body, and the media type that describes it where the shape has set none.
    func body() -> (bytes: ByteStream, contentType: String?) {
        switch kind {
        case .none: return (.buffer(ByteBuffer()), nil)
        case .document: return (.buffer(document.enclosedMembers), "application/json")
        case .payload: return (payload ?? .buffer(ByteBuffer()), payload == nil ? nil : "application/json")
        case .stream: return (payload ?? .buffer(ByteBuffer()), payload == nil ? nil : "application/octet-stream")
        case .events:
            let initial = sendsInitialResponse ? EventStreamCoding.initialResponse(document.enclosedMembers) : nil
            return (events?(initial) ?? .buffer(ByteBuffer()), "application/vnd.amazon.eventstream")
        }
    }

    private func setHeader(_ name: String, _ value: String) throws {
        guard let key = HTTPField.Name(name), HTTPField.isValidValue(value) else {
            throw MartletError("wire.header", "no header can carry the value of \(name)")
        }
        headers.append(HTTPField(name: key, value: value))
    }

    /// Prints one member as text, and takes it to its place.
    private func scatter(_ field: Field, _ write: (any ShapeCoder) throws -> Void) throws {
        let isHeader = field.place == .header || field.place == .headers
        let writer = TextWriter(timestamps: isHeader ? .httpDate : .iso8601)
        try write(writer)
        switch field.place {
        case .path: labels[field.wireName] = writer.items.first?.value
        case .query, .queryMap: for item in writer.items { query.append(item.name, item.value) }
        case .header:
            if !writer.items.isEmpty { try setHeader(field.wireName, HeaderList.join(writer.items.map(\.value))) }
        case .headers: for item in writer.items { try setHeader(field.wireName + item.name, item.value) }
        case .status: status = writer.items.first.flatMap { Int($0.value) }
        case .body, .payload, .eventStream: throw MisplacedMember(field)
        }
    }

    private func put(_ field: Field, _ write: (any ShapeCoder) throws -> Void) throws {
        switch field.place {
        case .body: try write(document)
        case .payload:
            let writer = JSONWriter().atRoot()
            try write(writer)
            if writer.buffer.readableBytes > 0 { payload = .buffer(writer.buffer) }
        default: try scatter(field, write)
        }
    }
}

extension HTTPWriter {
    func string(_ value: inout String?, _ field: Field) throws {
        guard field.place == .payload else { return try single(field, value) { try $0.string(&value, field) } }
        payload = value.map { .buffer(ByteBuffer(string: $0)) }
    }

    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws {
        var text = value?.rawValue
        try string(&text, field)
    }

    /// A single text in a header stands as it is: commas and quotes are its own.
    private func single(_ field: Field, _ text: String?, _ write: (any ShapeCoder) throws -> Void) throws {
        guard field.place == .header else { return try put(field, write) }
        if let text { try setHeader(field.wireName, text) }
    }

    func blob(_ value: inout Blob?, _ field: Field) throws {
        guard field.place == .payload else { return try put(field) { try $0.blob(&value, field) } }
        payload = value.map { .buffer($0) }
    }

    func bytes(_ value: inout ByteStream?, _ field: Field) throws { payload = value }

    func events<E: Shape>(_ value: inout EventStream<E>?, _ field: Field) throws {
        guard let value else { return }
        events = { .sequence(EventStreamCoding.frames(of: value, after: $0), length: nil) }
    }

    func int(_ value: inout Int?, _ field: Field) throws { try put(field) { try $0.int(&value, field) } }
    func double(_ value: inout Double?, _ field: Field) throws { try put(field) { try $0.double(&value, field) } }
    func bool(_ value: inout Bool?, _ field: Field) throws { try put(field) { try $0.bool(&value, field) } }
    func timestamp(_ value: inout Instant?, _ field: Field) throws {
        try put(field) { try $0.timestamp(&value, field) }
    }
    func document(_ value: inout JSONValue?, _ field: Field) throws {
        try put(field) { try $0.document(&value, field) }
    }
    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws {
        try put(field) { try $0.structure(&value, field) }
    }
    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {
        try put(field) { try $0.list(&value, field) }
    }
    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {
        try put(field) { try $0.map(&value, field) }
    }
}
