// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Logs

@Suite("GetLogEvents") struct GetLogEventsTests {
    /// A stream with the messages 0…count-1, a millisecond apart.
    private func fill(_ logs: LogsTestBench, _ count: Int) async throws -> Int {
        try await logs.create("g", streams: ["s", "other"])
        let start = logs.now - 1_000_000
        try await logs.put((0..<count).map { (start + $0, "\($0)") }, to: "s", in: "g")
        try await logs.put([(start, "noise")], to: "other", in: "g")
        return start
    }

    @Test("the newest events come first by default, the oldest from the head, both in the order of time")
    func ends() async throws {
        try await LogsTestBench.run { logs in
            _ = try await fill(logs, 10)
            #expect(try await logs.get("s", in: "g") { $0.limit = 3 }.texts == ["7", "8", "9"])
            #expect(
                try await logs.get("s", in: "g") {
                    $0.limit = 3
                    $0.startFromHead = true
                }.texts == ["0", "1", "2"]
            )
        }
    }

    @Test("the forward token leads to the end, and then comes back as it was until there is more")
    func forward() async throws {
        try await LogsTestBench.run { logs in
            let start = try await fill(logs, 7)
            var found: [String] = []
            var token: String?
            while true {
                let page = try await logs.get("s", in: "g") {
                    $0.limit = 3
                    $0.startFromHead = true
                    $0.nextToken = token
                }
                #expect(page.nextBackwardToken?.hasPrefix("b/") == true)
                found += page.texts
                if page.nextForwardToken == token { break }
                token = page.nextForwardToken
            }
            #expect(found == (0..<7).map(String.init))
            #expect(token?.hasPrefix("f/") == true && token?.hasSuffix("/s") == true)
            try await logs.put([(start + 100, "late")], to: "s", in: "g")
            #expect(try await logs.get("s", in: "g") { $0.nextToken = token }.texts == ["late"])
        }
    }

    @Test("the backward token leads to the beginning, and then comes back as it was")
    func backward() async throws {
        try await LogsTestBench.run { logs in
            _ = try await fill(logs, 7)
            var found: [String] = []
            var token: String?
            while true {
                let page = try await logs.get("s", in: "g") {
                    $0.limit = 3
                    $0.nextToken = token
                }
                found = page.texts + found
                if page.nextBackwardToken == token { break }
                token = page.nextBackwardToken
            }
            #expect(found == (0..<7).map(String.init))
        }
    }

    @Test("at an end the token for the other way turns round")
    func turning() async throws {
        try await LogsTestBench.run { logs in
            _ = try await fill(logs, 4)
            let last = try await logs.get("s", in: "g") { $0.limit = 2 }
            let beyond = try await logs.get("s", in: "g") { $0.nextToken = last.nextForwardToken }
            #expect(beyond.texts == [])
            let back = try await logs.get("s", in: "g") {
                $0.nextToken = beyond.nextBackwardToken
                $0.limit = 2
            }
            #expect(back.texts == ["2", "3"])
            let head = try await logs.get("s", in: "g") { $0.startFromHead = true }
            let before = try await logs.get("s", in: "g") { $0.nextToken = head.nextBackwardToken }
            #expect(before.texts == [])
            #expect(
                try await logs.get("s", in: "g") { $0.nextToken = before.nextForwardToken }.texts == [
                    "0", "1", "2", "3",
                ]
            )
        }
    }

    @Test("a token of an empty stream finds the first event")
    func emptyStream() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            let empty = try await logs.get("s", in: "g") { $0.startFromHead = true }
            #expect(empty.texts == [])
            #expect(empty.nextForwardToken != nil && empty.nextBackwardToken != nil)
            try await logs.put([(logs.now, "first")], to: "s", in: "g")
            #expect(try await logs.get("s", in: "g") { $0.nextToken = empty.nextForwardToken }.texts == ["first"])
            #expect(try await logs.get("s", in: "g") { $0.nextToken = empty.nextBackwardToken }.texts == [])
        }
    }

    @Test("the start is included, the end is not")
    func range() async throws {
        try await LogsTestBench.run { logs in
            let start = try await fill(logs, 10)
            let page = try await logs.get("s", in: "g") {
                $0.startTime = start + 2
                $0.endTime = start + 5
            }
            #expect(page.texts == ["2", "3", "4"])
            #expect(page.events?.first?.timestamp == start + 2)
            #expect(page.events?.first?.ingestionTime == logs.now)
        }
    }

    @Test("events of one instant keep the order in which they came, across pages")
    func equalTimes() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put([(logs.now, "a"), (logs.now, "b")], to: "s", in: "g")
            try await logs.put([(logs.now, "c"), (logs.now, "d")], to: "s", in: "g")
            var found: [String] = []
            var token: String?
            for _ in 0..<4 {
                let page = try await logs.get("s", in: "g") {
                    $0.limit = 1
                    $0.startFromHead = true
                    $0.nextToken = token
                }
                found += page.texts
                token = page.nextForwardToken
            }
            #expect(found == ["a", "b", "c", "d"])
        }
    }

    @Test("a page ends at a megabyte")
    func size() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            let long = String(repeating: "x", count: 500_000)
            for _ in 0..<3 { try await logs.put([(logs.now, long)], to: "s", in: "g") }
            #expect(try await logs.get("s", in: "g") { $0.startFromHead = true }.events?.count == 2)
        }
    }

    @Test(
        "tokens that are none of the stream's are refused",
        arguments: ["", "x", "f/1/s", "f/" + String(repeating: "9", count: 56) + "/s"]
    )
    func rubbish(_ token: String) async throws {
        try await LogsTestBench.run { logs in
            _ = try await fill(logs, 1)
            let error = await #expect(throws: ClientError.self) {
                try await logs.get("s", in: "g") { $0.nextToken = token }
            }
            #expect(error?.code == "InvalidParameterException")
            let foreign = try await logs.get("other", in: "g").nextForwardToken
            await #expect(throws: Expected.badToken) { try await logs.get("s", in: "g") { $0.nextToken = foreign } }
        }
    }

    @Test("the tokens of an empty page are good at both ends of time", arguments: [0, Int.max])
    func extremes(_ time: Int) async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            let page = try await logs.get("s", in: "g") { $0.startTime = time }
            for token in [page.nextForwardToken, page.nextBackwardToken] {
                #expect(try await logs.get("s", in: "g") { $0.nextToken = token }.texts == [])
            }
        }
    }

    @Test("positions survive the way through a token at both ends of time")
    func positions() throws {
        for position in [
            EventPosition(timestamp: 0, sequence: 0), EventPosition(timestamp: 253_402_300_799_999, sequence: .max),
        ] {
            for direction in [StreamToken.Direction.forward, .backward] {
                let token = StreamToken(direction, position)
                #expect(StreamToken(token.text(stream: .max), stream: .max) == token)
                #expect(StreamToken(token.text(stream: 1), stream: 2) == nil)
            }
        }
    }
}
