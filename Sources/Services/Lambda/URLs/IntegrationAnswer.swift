// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import NIOCore

/// What a function's answer means in HTTP. AWS: payload format version 2.0, response payload format
struct IntegrationAnswer: Sendable, Equatable {
    var status: Int
    var headers: HTTPFields
    var body: ByteBuffer

    /// AWS answers 502 for it.
    struct Malformed: Error, Equatable {}

    /// Headers that belong to the connection, which is the server's.
    fileprivate static let ofConnection: Set<String> = [
        "connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
        "upgrade",
    ]
}

extension IntegrationAnswer {
    /// From the whole answer: an object with `statusCode` is taken apart, any other JSON value is the body. A prelude in front
    /// of it counts as well, so that a streaming function works behind a buffered address.
    init(_ payload: ByteBuffer) throws(Malformed) {
        guard JSONScan.isWellFormed(payload) else {
            self = try Self.afterPrelude(payload)
            return
        }
        let isObject = payload.readableBytesView.first { $0 > 0x20 } == UInt8(ascii: "{")
        // One that nests too deep to be read is well-formed all the same, and no answer of that form.
        let object = isObject ? (try? JSONValue(parsing: payload)) : nil
        guard let object, object["statusCode"] != nil else {
            self.init(status: 200, headers: [.contentType: "application/json"], body: payload)
            return
        }
        try self.init(head: object)
        if headers[.contentType] == nil { headers[.contentType] = "application/json" }
        if Self.hasBody(status) { body = try Self.body(of: object) }
    }

    /// Status, headers and cookies alone.
    init(head: JSONValue) throws(Malformed) {
        guard case .object = head else { throw Malformed() }
        self.init(status: try Self.status(head["statusCode"]), headers: try Self.headers(head), body: ByteBuffer())
    }

    private static func afterPrelude(_ payload: ByteBuffer) throws(Malformed) -> IntegrationAnswer {
        var reader = PreludeReader()
        guard let (prelude, rest) = try reader.add(payload) else { throw Malformed() }
        var answer = try IntegrationAnswer(head: prelude)
        if hasBody(answer.status) { answer.body = rest }
        return answer
    }

    /// HTTP allows no body with these, and a client would take it for the next answer.
    static func hasBody(_ status: Int) -> Bool { status != 204 && status != 304 }

    private static func status(_ value: JSONValue?) throws(Malformed) -> Int {
        let number: Int? =
            switch value {
            case nil, .null?: 200
            case .integer(let number)?: number
            case .number(let number)?: Int(exactly: number)
            case .string(let text)?: Int(text)
            default: nil
            }
        // What is below 200 announces another answer.
        guard let number, (200...599).contains(number) else { throw Malformed() }
        return number
    }

    private static func headers(_ head: JSONValue) throws(Malformed) -> HTTPFields {
        var fields = HTTPFields()
        if case .object(let members)? = head["headers"] {
            for member in members {
                guard let text = text(of: member.value) else { continue }
                guard let name = HTTPField.Name(member.name), HTTPField.isValidValue(text) else { throw Malformed() }
                if !ofConnection.contains(name.canonicalName) { fields.append(HTTPField(name: name, value: text)) }
            }
        }
        for cookie in head["cookies"]?.arrayValue ?? [] {
            guard let text = cookie.stringValue, HTTPField.isValidValue(text) else { throw Malformed() }
            fields.append(HTTPField(name: .setCookie, value: text))
        }
        return fields
    }

    private static func text(of value: JSONValue) -> String? {
        switch value {
        case .string(let text): text
        case .integer, .number, .bool: value.compactText
        case .null, .array, .object: nil
        }
    }

    private static func body(of object: JSONValue) throws(Malformed) -> ByteBuffer {
        switch object["body"] {
        case nil, .null?: return ByteBuffer()
        case .string(let text)?:
            guard object["isBase64Encoded"] == .bool(true) else { return ByteBuffer(string: text) }
            guard let bytes = Base64.decode(text) else { throw Malformed() }
            return ByteBuffer(bytes: bytes)
        case let value?: return value.compactBuffer
        }
    }
}

/// Finds the end of the JSON text in front of a streamed body: eight bytes of zero.
/// AWS: `application/vnd.awslambda.http-integration-response`
struct PreludeReader: Sendable {
    static let contentType = "application/vnd.awslambda.http-integration-response"
    /// Longer ones are refused: nobody knows yet what to answer, so all of it has to be kept.
    static let maximumBytes = 262_144
    private static let separatorBytes = 8

    private var text = ByteBuffer()
    /// How many zeros stand at the end of what was searched.
    private var zeros = 0
    private var searched = 0

    /// The prelude and what followed it; nil until all of it is there. No JSON text holds a byte of zero.
    mutating func add(
        _ piece: ByteBuffer
    ) throws(IntegrationAnswer.Malformed) -> (prelude: JSONValue, rest: ByteBuffer)? {
        if text.readableBytes == 0 { text = piece } else { text.writeImmutableBuffer(piece) }
        let view = text.readableBytesView
        let end = min(view.count, Self.maximumBytes + Self.separatorBytes)
        while searched < end {
            zeros = view[view.startIndex + searched] == 0 ? zeros + 1 : 0
            searched += 1
            if zeros == Self.separatorBytes { return try split(at: searched) }
        }
        return nil
    }

    /// It cannot become a prelude any more.
    var isHopeless: Bool { searched >= Self.maximumBytes + Self.separatorBytes }

    private mutating func split(
        at end: Int
    ) throws(IntegrationAnswer.Malformed) -> (prelude: JSONValue, rest: ByteBuffer) {
        guard let head = text.readSlice(length: end - Self.separatorBytes),
            text.readSlice(length: Self.separatorBytes) != nil
        else { throw IntegrationAnswer.Malformed() }
        do {
            return (try JSONValue(parsing: head), text)
        } catch {
            throw IntegrationAnswer.Malformed()
        }
    }
}
