// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletServer
import MartletTesting
import NIOCore
import Testing

@Suite("Watching events", .timeLimit(.minutes(20))) struct EventReportTests {
    private let feed = EventFeed()

    private func live(_ body: @Sendable (TestServer, Endpoint) async throws -> Void) async throws {
        let assemble: @Sendable (TestGround) -> TestAssembly = { [feed] ground in
            var assembly = ledgers(ground)
            assembly.reports = [EventReport(feed: feed)]
            return assembly
        }
        try await TestServer.run(providers: assemble, over: .live) { server in
            try await body(server, try #require(server.endpoint))
            // Streams end before the server waits for them.
            feed.close()
        }
    }

    private static func request(_ query: String = "", _ headers: String = "Connection: close\r\n") -> String {
        "GET /_martlet/events\(query) HTTP/1.1\r\nHost: localhost\r\n\(headers)\r\n"
    }

    private func passage(_ name: String) -> EventPassage {
        let scope = Scope(account: .local, region: .usEast1)
        return EventPassage(at: Instant(milliseconds: 0), scope: scope, from: name, to: "target", .delivered)
    }

    /// Writes to those who watch, until the gone have been found out.
    private func watchers(are count: Int) async throws {
        while feed.watchers != count {
            feed.pulse()
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Reads until `text` has come.
    private func read(_ connection: RawConnection, until text: String) async throws -> String {
        var all = ""
        while !all.contains(text) {
            let piece = try await connection.receive()
            try #require(!piece.isEmpty, "the stream ends after: \(all)")
            all += String(decoding: piece, as: UTF8.self)
        }
        return all
    }

    @Test(
        "query strings of any kind are answered or refused, never with a fault",
        arguments: [
            ("results=", 200), ("results=,", 200), ("results=delivered,,failed", 200), ("results=DELIVERED", 400),
            ("results=delivered&results=nothing", 400), ("results=%64elivered", 200), ("source=%", 200),
            ("source=%00%ff%zz&target=%E6%9D%B1", 200), ("&&&==&=&results", 200), ("a=b&source=LONG", 200),
            ("results=LONG", 400), ("", 200),
        ]
    )
    func queries(query: String, status: Int) async throws {
        feed.close()
        try await live { _, endpoint in
            let connection = try await RawConnection(to: endpoint)
            try await connection.send(Self.request("?" + query.replacing("LONG", with: longText)))
            #expect(try await connection.receiveText().hasPrefix("HTTP/1.1 \(status) "))
        }
    }

    @Test(
        "other methods are refused, and so are bodies",
        arguments: ["POST", "PUT", "DELETE", "PATCH"]
    )
    func methods(method: String) async throws {
        feed.close()
        try await live { _, endpoint in
            let refused = try await RawConnection(to: endpoint)
            let body = "Content-Length: 5\r\nConnection: close\r\n"
            try await refused.send(Self.request("", body).replacing("GET", with: method) + "12345")
            #expect(try await refused.receiveText().hasPrefix("HTTP/1.1 405 "))
            let read = try await RawConnection(to: endpoint)
            try await read.send(Self.request("", body) + "12345")
            #expect(try await read.receiveText().hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test("who has said all it has to say is shown events all the same") func halfClosed() async throws {
        try await live { _, endpoint in
            let watcher = try await RawConnection(to: endpoint)
            try await watcher.send(Self.request())
            watcher.finishSending()
            try await watchers(are: 1)
            feed.show(passage("sns:first"))
            #expect(try await read(watcher, until: "sns:first").hasPrefix("HTTP/1.1 200 "))
            feed.show(passage("sns:second"))
            _ = try await read(watcher, until: "sns:second")
        }
    }

    @Test("those that go away without a word make room for others") func vanished() async throws {
        try await live { _, endpoint in
            for round in 0..<4 {
                var held: [RawConnection] = []
                for _ in 0..<EventFeed.watchersAtOnce {
                    let watcher = try await RawConnection(to: endpoint)
                    try await watcher.send(Self.request())
                    held.append(watcher)
                }
                try await watchers(are: EventFeed.watchersAtOnce)
                let late = try await RawConnection(to: endpoint)
                try await late.send(Self.request())
                #expect(try await late.receiveText().hasPrefix("HTTP/1.1 429 "))
                if round % 2 == 0 { for watcher in held { watcher.endsWithReset() } }
                held = []
                try await watchers(are: 0)
            }
        }
    }
}

private let longText = String(repeating: "%41", count: 10_000)
