// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import NIOCore
import NIOHTTP1

/// The first lines of an answer, and how the bytes behind them are told from the next answer's.
///
/// Names and values of headers have been checked where they were made, by HTTPTypes: none holds a line's end. Those that
/// belong to the connection are written here alone.
struct AnswerHead: Sendable {
    enum Framing: Sendable, Equatable {
        /// Statuses that never have a body.
        case bodiless
        case length(Int)
        case chunked
    }

    let status: Int
    let headers: HTTPFields
    let framing: Framing

    init(of response: WireResponse) {
        (status, headers) = (response.status, response.headers)
        switch response.body {
        case _ where status == 204 || status == 304 || status < 200: framing = .bodiless
        case .buffer(let buffer): framing = .length(buffer.readableBytes)
        case .sequence(_, let length?): framing = .length(length)
        case .sequence: framing = .chunked
        }
    }

    /// The lines and the empty one behind them, with room for `space` bytes more.
    func text(closes: Bool, space: Int = 0) -> ByteBuffer {
        var text = ByteBuffer()
        text.reserveCapacity(96 + headers.count * 64 + space)
        text.writeStaticString("HTTP/1.1 ")
        text.writeString(String(status))
        text.writeStaticString(" ")
        text.writeString(HTTPResponseStatus(statusCode: status).reasonPhrase)
        text.writeStaticString("\r\n")
        for field in headers where !Self.isOfConnection(field.name) {
            text.writeString(field.name.rawName)
            text.writeStaticString(": ")
            text.writeString(field.value)
            text.writeStaticString("\r\n")
        }
        switch framing {
        case .bodiless: break
        case .length(let count):
            text.writeStaticString("content-length: ")
            text.writeString(String(count))
            text.writeStaticString("\r\n")
        case .chunked: text.writeStaticString("transfer-encoding: chunked\r\n")
        }
        text.writeStaticString(closes ? "connection: close\r\n\r\n" : "\r\n")
        return text
    }

    private static func isOfConnection(_ name: HTTPField.Name) -> Bool {
        name == .contentLength || name == .transferEncoding || name == .connection
    }

    /// The line before a chunk of `count` bytes.
    static func chunkLine(_ count: Int) -> ByteBuffer { ByteBuffer(string: String(count, radix: 16) + "\r\n") }
    static let chunkEnd = ByteBuffer(staticString: "\r\n")
    static let lastChunk = ByteBuffer(staticString: "0\r\n\r\n")
}
