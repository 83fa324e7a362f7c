// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOHTTP1

/// One request of the runtime, to be answered exactly once.
struct RuntimeRequest: Sendable, Equatable {
    let channel: any Channel
    let number: Int
    /// Whether the runtime wants the connection for another call.
    var keepsAlive = true

    static func == (left: RuntimeRequest, right: RuntimeRequest) -> Bool {
        left.channel === right.channel && left.number == right.number
    }

    private static let accepted = ByteBuffer(staticString: #"{"status":"OK"}"#)

    func accept() { answer(status: .accepted, body: Self.accepted) }

    func reject(_ error: RuntimeAPIError) {
        let body = #"{"errorMessage":"\#(error.errorMessage)","errorType":"\#(error.errorType)"}"#
        answer(status: .init(statusCode: error.status), body: ByteBuffer(string: body))
    }

    /// Writes to a connection that has gone are dropped: the environment learns of it by `disconnected`.
    func answer(status: HTTPResponseStatus, headers: [(String, String)] = [], body: ByteBuffer) {
        let answer = RuntimeAnswer(status: status, headers: headers, body: body, closes: !keepsAlive)
        // Never at once: a runtime may exit as soon as it is answered, and what its call has ended must be known by then.
        channel.eventLoop.execute { channel.writeAndFlush(answer, promise: nil) }
    }
}

/// One answer of the Runtime API as it goes on the wire: a small one in one piece, the body of a large one uncopied.
struct RuntimeAnswer: Sendable {
    /// Bodies up to this size are copied behind the head, which spares the kernel a second piece.
    private static let copiedBytes = 16_384

    let head: ByteBuffer
    let body: ByteBuffer?
    let closes: Bool

    /// A header that cannot stand on one line is left out: what is in it came from a caller.
    init(status: HTTPResponseStatus, headers: [(String, String)] = [], body: ByteBuffer, closes: Bool = false) {
        let isCopied = body.readableBytes <= Self.copiedBytes
        var head = ByteBuffer()
        head.reserveCapacity(640 + (isCopied ? body.readableBytes : 0))
        switch status {
        case .ok: head.writeStaticString("HTTP/1.1 200 OK")
        case .accepted: head.writeStaticString("HTTP/1.1 202 Accepted")
        default: head.writeString("HTTP/1.1 \(status.code) \(status.reasonPhrase)")
        }
        head.writeStaticString("\r\nContent-Type: application/json\r\nContent-Length: ")
        head.writeString(String(body.readableBytes))
        head.writeStaticString("\r\n")
        for (name, value) in headers where Self.fitsOneLine(value) {
            head.writeString(name)
            head.writeStaticString(": ")
            head.writeString(value)
            head.writeStaticString("\r\n")
        }
        head.writeStaticString(closes ? "Connection: close\r\n\r\n" : "\r\n")
        if isCopied { head.writeImmutableBuffer(body) }
        (self.head, self.body, self.closes) = (head, isCopied ? nil : body, closes)
    }

    private static func fitsOneLine(_ value: String) -> Bool {
        value.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x09 }
    }
}
