// SPDX-License-Identifier: Apache-2.0
import MartletTesting
import NIOCore
import Testing

@testable import Lambda

@Suite("Plain calls of the Runtime API") struct PlainRuntimeCallTests {
    private static let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n"
    private static let response = "POST /2018-06-01/runtime/invocation/0a-1/response HTTP/1.1\r\n"

    private func call(_ text: String) -> PlainRuntimeCall? { PlainRuntimeCall(ByteBuffer(string: text)) }

    @Test("the two calls of every invocation are read with the fields that runtimes send, in any case of their letters")
    func plain() {
        #expect(call(Self.next + "\r\n") == .next)
        #expect(call(Self.next + "HOST: 127.0.0.1:9001\r\nUser-Agent:x/1.0\r\nAccept: */*\r\n\r\n") == .next)
        #expect(call(Self.next + "Content-Length: 0\r\nConnection: Keep-Alive\r\n\r\n") == .next)
        let body = ByteBuffer(string: "{\"a\": 1}\r\n\r\n")
        #expect(
            call(Self.response + "content-length:12\r\nContent-Type: application/json\r\n\r\n{\"a\": 1}\r\n\r\n")
                == .response(id: "0a-1", body: body)
        )
        #expect(call(Self.response + "Content-Length: 0\r\n\r\n") == .response(id: "0a-1", body: ByteBuffer()))
    }

    @Test("a buffer that has been read in part is read from where it stands")
    func offset() {
        var bytes = ByteBuffer(string: "xyz" + Self.response + "Content-Length: 2\r\n\r\n[]")
        bytes.moveReaderIndex(forwardBy: 3)
        #expect(PlainRuntimeCall(bytes) == .response(id: "0a-1", body: ByteBuffer(string: "[]")))
    }

    @Test(
        "what is not surely plain is left to HTTP's decoder",
        arguments: [
            "", "\r\n\r\n", "GET", next, next + "Host: x\r\n", next + "\r\nGET ", next + "Content-Length: 1\r\n\r\nx",
            next + "Expect: 100-continue\r\n\r\n", next + "Connection: close\r\n\r\n",
            next + "Transfer-Encoding: chunked\r\n\r\n", next + "Host: a\u{1}b\r\n\r\n", next + "Host: a\n\r\n\r\n",
            next + " Host: x\r\n\r\n", next + "Host : x\r\n\r\n", next + "Host\r\n\r\n", next + ": x\r\n\r\n",
            next + "Host: x\r\n folded\r\n\r\n", next + "Host: \u{e9}\r\n\r\n",
            "GET /2018-06-01/runtime/invocation/next HTTP/1.0\r\n\r\n",
            "GET /2018-06-01/runtime/invocation/next?a HTTP/1.1\r\n\r\n",
            "POST /2018-06-01/runtime/invocation/next HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "GET /2018-06-01/runtime/restore/next HTTP/1.1\r\n\r\n", response + "\r\n",
            response + "Content-Length: 3\r\n\r\nab", response + "Content-Length: 1\r\n\r\nab",
            response + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", response + "Content-Length: +1\r\n\r\na",
            response + "Content-Length: 1, 1\r\n\r\na", response + "Content-Length: \r\n\r\n",
            response + "Content-Length: 18446744073709551617\r\n\r\na", response + "Content-Length: -1\r\n\r\n",
            response + "Content-Length: 2\r\nTrailer: x\r\n\r\n{}",
            response + "Content-Length: 2\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n\r\n{}",
            "POST /2018-06-01/runtime/invocation/0a-1/error HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "POST /2018-06-01/runtime/invocation//response HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "POST /2018-06-01/runtime/invocation/../response HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "POST /2018-06-01/runtime/invocation/\(String(repeating: "a", count: 65))/response HTTP/1.1\r\n"
                + "Content-Length: 0\r\n\r\n",
        ]
    )
    func notPlain(text: String) { #expect(call(text) == nil) }

    @Test("a head or a body beyond the limit is left to HTTP's decoder")
    func limits() {
        let room = PlainRuntimeCall.headBytes - Self.next.utf8.count - "Host: \r\n\r\n".utf8.count
        #expect(call(Self.next + "Host: \(String(repeating: "h", count: room))\r\n\r\n") == .next)
        #expect(call(Self.next + "Host: \(String(repeating: "h", count: room + 1))\r\n\r\n") == nil)
        let most = String(repeating: "b", count: PlainRuntimeCall.bodyBytes)
        #expect(call(Self.response + "Content-Length: \(most.utf8.count)\r\n\r\n\(most)") != nil)
        #expect(call(Self.response + "Content-Length: \(most.utf8.count + 1)\r\n\r\n\(most)b") == nil)
    }

    @Test("no cut of a call, and no byte of another value in it, is a trap")
    func everyCut() {
        let whole = Array((Self.response + "Content-Length: 2\r\nHost: x\r\n\r\n{}").utf8)
        for end in whole.indices { #expect(PlainRuntimeCall(ByteBuffer(bytes: whole[..<end])) == nil) }
        for index in whole.indices {
            for byte in [0x00, 0x0a, 0x0d, 0x20, 0x39, 0x3a, 0x7f, 0xff] as [UInt8] {
                var changed = whole
                changed[index] = byte
                guard case .response(_, let body) = PlainRuntimeCall(ByteBuffer(bytes: changed)) else { continue }
                #expect(body.readableBytes == 2)
            }
        }
    }
}
