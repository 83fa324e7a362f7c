// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Glibc
import HTTPTypes
import MartletCore
import MartletServer
import MartletTesting
import NIOCore
import Testing

/// A server on a socket, with the ledgers behind it.
private func live(
    _ change: (inout HTTPLimits) -> Void = { _ in },
    _ body: @Sendable (TestServer, Endpoint) async throws -> Void
) async throws {
    var limits = HTTPLimits()
    change(&limits)
    try await TestServer.run(providers: ledgers, over: .live, limits: limits) { server in
        try await body(server, try #require(server.endpoint))
    }
}

private func put(_ text: String, _ headers: String = "") -> String {
    let body = #"{"Text":"\#(text)"}"#
    return
        "POST /2020-01-01/entries HTTP/1.1\r\nHost: localhost\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

@Suite("HTTP") struct HTTPTests {
    @Test("requests that are sent without waiting are answered in order")
    func pipelining() async throws {
        try await live { _, endpoint in
            let connection = try await RawConnection(to: endpoint)
            try await connection.send(
                (0..<20).map { put("number \($0)") }.joined() + put("last", "Connection: close\r\n")
            )
            var text = HTTPText(try await connection.receiveAll())
            for number in 0..<20 { #expect(try text.next().text.contains("number \(number)\"")) }
            #expect(try text.next().text.contains("last"))
            #expect(text.isEmpty)
        }
    }

    @Test("a client that has finished sending still gets its answer, and the connection ends")
    func halfOpen() async throws {
        try await live { _, endpoint in
            let connection = try await RawConnection(to: endpoint)
            try await connection.send(put("hello"))
            connection.finishSending()
            var text = HTTPText(try await connection.receiveAll())
            #expect(try text.next().status == 200)
        }
    }

    @Test("a client that has sent several requests and finished sending gets every answer")
    func halfOpenAhead() async throws {
        try await live { _, endpoint in
            let connection = try await RawConnection(to: endpoint)
            try await connection.send((0..<5).map { put("number \($0)") }.joined())
            connection.finishSending()
            var text = HTTPText(try await connection.receiveAll())
            for number in 0..<5 { #expect(try text.next().text.contains("number \(number)\"")) }
            #expect(text.isEmpty)
        }
    }

    @Test("what is no HTTP behind a request does not cost that request its answer")
    func rubbishAhead() async throws {
        try await live { _, endpoint in
            let connection = try await RawConnection(to: endpoint)
            try await connection.send(put("hello") + "\u{1}\u{2} rubbish\r\n\r\n")
            var text = HTTPText(try await connection.receiveAll())
            #expect(try text.next().text.contains("hello"))
            #expect(text.isEmpty)
        }
    }

    @Test("HTTP/1.0 and Connection: close end the connection")
    func closes() async throws {
        try await live { _, endpoint in
            let old = try await RawConnection(to: endpoint)
            try await old.send("GET /_martlet/health HTTP/1.0\r\n\r\n")
            #expect(try await old.receiveText().contains("running"))
        }
    }

    @Test("blanks around a header's value are not part of it")
    func trimsHeaders() async throws {
        try await live { _, endpoint in
            let connection = try await RawConnection(to: endpoint)
            try await connection.send(put("trimmed", "X-Own: \t a   b \t \r\nX-Empty: \t \r\nConnection: close\r\n"))
            let text = try await connection.receiveText()
            #expect(text.contains("trimmed"))
        }
    }

    @Test("HEAD is answered without a body")
    func head() async throws {
        try await live { _, endpoint in
            let connection = try await RawConnection(to: endpoint)
            try await connection.send("HEAD /_martlet/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            let text = try await connection.receiveText()
            #expect(text.hasPrefix("HTTP/1.1 200"))
            #expect(text.hasSuffix("\r\n\r\n"))
            #expect(!text.contains("running"))
        }
    }

    @Test("large bodies arrive, with a length and in HTTP's own chunks")
    func largeBodies() async throws {
        try await live { server, endpoint in
            let text = String(repeating: "0123456789", count: 300_000)
            let answer = try await server.client(Ledger.rest.model).call(Ledger.put, .init(text))
            #expect(answer.text == text)

            let connection = try await RawConnection(to: endpoint)
            try await connection.send(
                "POST /2020-01-01/entries HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            let body = #"{"Text":"\#(text)"}"#
            for start in stride(from: 0, to: body.utf8.count, by: 100_000) {
                let piece = body.utf8.dropFirst(start).prefix(100_000)
                try await connection.send("\(String(piece.count, radix: 16))\r\n\(String(piece) ?? "")\r\n")
            }
            try await connection.send("0\r\n\r\n")
            var response = HTTPText(try await connection.receiveAll())
            #expect(try response.next().text.contains(text))
        }
    }

    @Test("a client that asks first is told to continue")
    func continues() async throws {
        try await live { _, endpoint in
            let connection = try await RawConnection(to: endpoint)
            let parts = put("asked", "Expect: 100-continue\r\nConnection: close\r\n").split(
                separator: "{",
                maxSplits: 1
            )
            try await connection.send(String(parts[0]))
            let leave = String(decoding: try await connection.receive(), as: UTF8.self)
            #expect(leave.hasPrefix("HTTP/1.1 100"))
            try await connection.send("{" + parts[1])
            #expect(try await connection.receiveText().contains("asked"))
        }
    }

    @Test("a body that is too large is refused before it is sent")
    func refusesLargeBody() async throws {
        try await live { _, endpoint in
            let connection = try await RawConnection(to: endpoint)
            try await connection.send(
                "POST /2020-01-01/entries HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000000\r\nExpect: 100-continue\r\n\r\n"
            )
            var text = HTTPText(try await connection.receive())
            let response = try text.next()
            #expect(response.status == 413)
            #expect(response["connection"] == "close")
        }
    }

    @Test("a body without end is read up to the limit, answered, and cut")
    func refusesEndlessBody() async throws {
        try await live { limits in
            limits.discardedBytes = 1_000_000
        } _: { server, endpoint in
            let connection = try await RawConnection(to: endpoint)
            try await connection.send(
                "POST /2020-01-01/entries HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            let chunk = "10000\r\n" + String(repeating: "x", count: 65_536) + "\r\n"
            await #expect(throws: MartletError.self) {
                for _ in 0..<10_000 { try await connection.send(chunk) }
            }
            #expect(try await server.client(Ledger.rest.model).call(Ledger.put, .init("alive")).text == "alive")
        }
    }

    @Test(
        "what is no HTTP gets 400 or 431 and the end of the connection",
        arguments: [
            ("rubbish\r\n\r\n", 400), ("GET / HTTP/9.9\r\n\r\n", 400),
            ("GET x HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400), ("GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 70_000) + "\r\n\r\n", 431),
            ("GET /" + String(repeating: "x", count: 70_000) + " HTTP/1.1\r\n\r\n", 431),
            ("GET / HTTP/1.1\r\n" + (0..<300).map { "X-\($0): y\r\n" }.joined() + "\r\n", 431),
        ]
    )
    func refusesRubbish(request: String, status: Int) async throws {
        try await live { _, endpoint in
            let connection = try await RawConnection(to: endpoint)
            try? await connection.send(request)
            let text = try await connection.receiveText()
            #expect(text.hasPrefix("HTTP/1.1 \(status)"), "\(text.prefix(200))")
        }
    }

    @Test(
        "an idle connection, a half head and a half body are closed after the idle timeout",
        arguments: [
            "", "GET /_martlet/health HTTP/1.1\r\nHos",
            "POST /2020-01-01/entries HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{",
            "POST /2020-01-01/entries HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{",
        ]
    )
    func closesIdle(beginning: String) async throws {
        try await live { limits in
            limits.idleTimeout = .milliseconds(50)
        } _: { _, endpoint in
            let connection = try await RawConnection(to: endpoint)
            try await connection.send(beginning)
            // Times out with an error when the server never closes.
            let text = try await connection.receiveText()
            #expect(!text.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test("connections beyond the limit are closed at once, and there is room again when one ends")
    func limitsConnections() async throws {
        try await live { limits in
            limits.connections = 2
        } _: { server, endpoint in
            var held: [RawConnection] = []
            for _ in 0..<2 {
                let connection = try await RawConnection(to: endpoint)
                try await connection.send(put("held"))
                _ = try await connection.receive()
                held.append(connection)
            }
            let third = try await RawConnection(to: endpoint)
            #expect(try await third.receiveAll().isEmpty)
            held[0].finishSending()
            while try await !held[0].receive().isEmpty {}
            let fourth = try await RawConnection(to: endpoint)
            try await fourth.send(put("fourth", "Connection: close\r\n"))
            #expect(try await fourth.receiveText().contains("fourth"))
        }
    }

    @Test("ten thousand rubbish requests leave the server healthy")
    func survivesRubbish() async throws {
        try await live { server, endpoint in
            let request = put(#"\u120"#, "Authorization: AWS4-HMAC-SHA256 Credential=a/b/c/rest/aws4_request\r\n")
            try await Rubbish.send(10_000, like: request, to: endpoint)
            #expect(try await server.client(Ledger.rest.model).call(Ledger.put, .init("alive")).text == "alive")
        }
    }

    @Test("clients that vanish in the middle leave the server healthy")
    func survivesResets() async throws {
        try await live { server, endpoint in
            for number in 0..<100 {
                let connection = try await RawConnection(to: endpoint)
                let whole = put(String(repeating: "x", count: number * 3_000))
                try await connection.send(String(whole.prefix(whole.count - number % 7)))
                connection.endsWithReset()
            }
            #expect(try await server.client(Ledger.rest.model).call(Ledger.put, .init("alive")).text == "alive")
        }
    }
}
