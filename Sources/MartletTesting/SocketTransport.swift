// SPDX-License-Identifier: Apache-2.0
package import AWSWire
import HTTPTypes
package import MartletCore
package import NIOCore

/// A small HTTP client: one request a connection.
package struct SocketTransport: TestTransport {
    private let endpoint: Endpoint

    package init(_ endpoint: Endpoint) { self.endpoint = endpoint }

    package var authority: String { "\(endpoint.host):\(endpoint.port)" }

    package func send(_ request: SignableRequest, body: ByteBuffer) async throws -> WireResponse {
        let connection = try await RawConnection(to: endpoint)
        try await connection.send(
            Array(Self.head(request, length: body.readableBytes).utf8) + Array(body.readableBytesView)
        )
        return try HTTPText(try await connection.receiveAll()).response()
    }

    private static func head(_ request: SignableRequest, length: Int) -> String {
        let target = request.query.isEmpty ? request.path : "\(request.path)?\(request.query)"
        var head = "\(request.method) \(target) HTTP/1.1\r\nHost: \(request.authority)\r\nConnection: close\r\n"
        for field in request.headers where field.name != .contentLength {
            head += "\(field.name.rawName): \(field.value)\r\n"
        }
        return head + "Content-Length: \(length)\r\n\r\n"
    }
}

/// The text of one HTTP answer, taken apart.
package struct HTTPText {
    private var rest: ArraySlice<UInt8>

    package init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// The next answer in the text. Throws when it is cut short.
    package mutating func next() throws -> WireResponse {
        let words = try line().split(separator: " ")
        guard words.count >= 2, let status = Int(words[1]) else { throw Self.broken }
        var headers = HTTPFields()
        while case let text = try line(), !text.isEmpty {
            guard let colon = text.firstIndex(of: ":"), let name = HTTPField.Name(String(text[..<colon])) else {
                throw Self.broken
            }
            headers.append(HTTPField(name: name, value: String(text[text.index(after: colon)...].drop { $0 == " " })))
        }
        if status == 100 { return try next() }
        return WireResponse(status: status, headers: headers, body: .buffer(try body(headers)))
    }

    func response() throws -> WireResponse {
        var text = self
        return try text.next()
    }

    package var isEmpty: Bool { rest.isEmpty }

    private mutating func body(_ headers: HTTPFields) throws -> ByteBuffer {
        if headers[.transferEncoding] == "chunked" { return try chunks() }
        guard let length = headers[.contentLength].flatMap({ Int($0) }) else { return ByteBuffer() }
        return ByteBuffer(bytes: try take(length))
    }

    private mutating func chunks() throws -> ByteBuffer {
        var whole = ByteBuffer()
        while true {
            guard let size = Int(try line(), radix: 16) else { throw Self.broken }
            whole.writeBytes(try take(size))
            _ = try line()
            if size == 0 { return whole }
        }
    }

    private mutating func line() throws -> String {
        guard let end = rest.firstIndex(of: 0x0a) else { throw Self.broken }
        defer { rest = rest[(end + 1)...] }
        return String(decoding: rest[..<end].filter { $0 != 0x0d }, as: UTF8.self)
    }

    private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard rest.count >= count else { throw Self.broken }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private static let broken = MartletError("test.http", "the answer is cut short or is no HTTP")
}
