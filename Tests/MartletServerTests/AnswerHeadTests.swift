// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import NIOCore
import Testing

@testable import MartletServer

@Suite("The head of an answer") struct AnswerHeadTests {
    private static func text(_ response: WireResponse, closes: Bool = false) -> String {
        String(buffer: AnswerHead(of: response).text(closes: closes))
    }

    private static func stream(_ length: Int?) -> ByteStream {
        .sequence(AsyncThrowingStream<ByteBuffer, any Error> { $0.finish() }, length: length)
    }

    @Test("says how long a body in memory is, and ends with an empty line") func memory() {
        let response = WireResponse(
            status: 201,
            headers: [.contentType: "text/plain"],
            body: .buffer(ByteBuffer(string: "three"))
        )
        #expect(
            Self.text(response) == "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\ncontent-length: 5\r\n\r\n"
        )
    }

    @Test("announces chunks where nobody knows the length of a stream, and the length where somebody does")
    func streams() {
        #expect(Self.text(WireResponse(status: 200, body: Self.stream(nil))).contains("transfer-encoding: chunked\r\n"))
        let known = Self.text(WireResponse(status: 200, body: Self.stream(7)))
        #expect(known.contains("content-length: 7\r\n") && !known.contains("chunked"))
    }

    @Test("of a status that has no body announces none", arguments: [204, 304]) func bodiless(status: Int) {
        for body in [ByteStream.buffer(ByteBuffer(string: "x")), Self.stream(nil)] {
            let head = AnswerHead(of: WireResponse(status: status, body: body))
            #expect(head.framing == .bodiless)
            #expect(!String(buffer: head.text(closes: false)).contains("content-length"))
        }
    }

    @Test("says of the connection what the server means, whatever the answer's headers say") func connection() {
        var headers: HTTPFields = [.contentLength: "99", .connection: "upgrade", .transferEncoding: "gzip"]
        headers.append(HTTPField(name: .setCookie, value: "a=1"))
        headers.append(HTTPField(name: .setCookie, value: "b=2"))
        let response = WireResponse(status: 200, headers: headers, body: .buffer(ByteBuffer(string: "ab")))
        #expect(
            Self.text(response, closes: true)
                == "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\ncontent-length: 2\r\nconnection: close\r\n\r\n"
        )
    }

    @Test("cannot be split by a header's value") func injection() {
        let response = WireResponse(status: 200, headers: [.location: "/a\r\nSet-Cookie: x=1\r\n\r\nbody"])
        #expect(Self.text(response).split(separator: "\r\n", omittingEmptySubsequences: false).count == 5)
    }

    @Test("a chunk's line counts in hexadecimal digits") func chunks() {
        #expect(String(buffer: AnswerHead.chunkLine(0x1a2b)) == "1a2b\r\n")
    }
}
