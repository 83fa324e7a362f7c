// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Logs

@Suite("FilterLogEvents") struct FilterLogEventsTests {
    /// Three streams whose messages, interleaved by time, are 0…count-1.
    private func fill(_ logs: LogsTestBench, _ count: Int) async throws -> Int {
        try await logs.create("g", streams: ["a1", "a2", "b"])
        let start = logs.now - 1_000_000
        for (index, stream) in ["a1", "a2", "b"].enumerated() {
            let events = stride(from: index, to: count, by: 3).map { (start + $0, "\($0)") }
            if !events.isEmpty { try await logs.put(events, to: stream, in: "g") }
        }
        return start
    }

    @Test("events of all streams come in the order of time, with their stream and an id of their own")
    func interleaved() async throws {
        try await LogsTestBench.run { logs in
            let start = try await fill(logs, 9)
            let page = try await logs.filter("g")
            #expect(page.texts == (0..<9).map(String.init))
            #expect(page.nextToken == nil)
            #expect(page.searchedLogStreams?.isEmpty == true)
            let first = try #require(page.events?.first)
            #expect(first.logStreamName == "a1")
            #expect(first.timestamp == start)
            #expect(first.ingestionTime == logs.now)
            #expect(first.eventId?.count == 56)
            #expect(Set((page.events ?? []).compactMap(\.eventId)).count == 9)
        }
    }

    @Test("both ends of the range are included")
    func range() async throws {
        try await LogsTestBench.run { logs in
            let start = try await fill(logs, 9)
            let page = try await logs.filter("g") {
                $0.startTime = start + 2
                $0.endTime = start + 5
            }
            #expect(page.texts == ["2", "3", "4", "5"])
        }
    }

    @Test("streams are chosen by name or by prefix")
    func streams() async throws {
        try await LogsTestBench.run { logs in
            _ = try await fill(logs, 9)
            #expect(try await logs.filter("g") { $0.logStreamNames = ["a2"] }.texts == ["1", "4", "7"])
            #expect(
                try await logs.filter("g") { $0.logStreamNames = ["b", "a1"] }.texts == ["0", "2", "3", "5", "6", "8"]
            )
            #expect(try await logs.filter("g") { $0.logStreamNames = ["b", "a1", "a2", "b"] }.texts.count == 9)
            #expect(
                try await logs.filter("g") { $0.logStreamNamePrefix = "a" }.texts == ["0", "1", "3", "4", "6", "7"]
            )
            #expect(try await logs.filter("g") { $0.logStreamNamePrefix = "z" }.texts == [])
            await #expect(throws: Expected.noStream) {
                try await logs.filter("g") { $0.logStreamNames = ["a1", "none"] }
            }
            let error = await #expect(throws: ClientError.self) {
                try await logs.filter("g") {
                    $0.logStreamNames = ["a1"]
                    $0.logStreamNamePrefix = "a"
                }
            }
            #expect(error?.code == "InvalidParameterException")
        }
    }

    @Test("pages lead to the end in both directions", arguments: [nil, "%[02468]$%"] as [String?])
    func pages(_ pattern: String?) async throws {
        try await LogsTestBench.run { logs in
            let start = try await fill(logs, 20)
            let all = (0..<20).filter { pattern == nil || $0 % 2 == 0 }.map(String.init)
            for descending in [false, true] {
                var found: [String] = []
                var token: String?
                repeat {
                    let page = try await logs.filter("g", pattern) {
                        $0.limit = 3
                        $0.startTime = start
                        $0.nextToken = token
                        if descending && token == nil { $0.startFromHead = false }
                    }
                    #expect(page.texts.count <= 3)
                    found += page.texts
                    token = page.nextToken
                } while token != nil
                #expect(found == (descending ? all.reversed() : all))
            }
        }
    }

    @Test("a search that takes too long hands out what it has, and goes on from there")
    func budget() async throws {
        var limits = ScanLimits()
        limits.events = 4
        try await LogsTestBench.run(scanLimits: limits) { logs in
            _ = try await fill(logs, 10)
            var (found, pages): ([String], Int) = ([], 0)
            var token: String?
            repeat {
                let page = try await logs.filter("g", "9") { $0.nextToken = token }
                found += page.texts
                pages += 1
                token = page.nextToken
            } while token != nil
            #expect(found == ["9"])
            #expect(pages == 3)
        }
    }

    @Test("a follower that asks again from its last event misses and repeats nothing")
    func following() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["a", "b"])
            var seen: Set<String> = []
            var found: [String] = []
            var start = logs.now - 1_000
            for round in 0..<5 {
                try await logs.put([(logs.now, "a\(round)")], to: "a", in: "g")
                if round % 2 == 0 { try await logs.put([(logs.now, "b\(round)")], to: "b", in: "g") }
                for event in try await logs.filter("g", configure: { $0.startTime = start }).events ?? [] {
                    if let id = event.eventId, seen.insert(id).inserted { found.append(event.message ?? "") }
                    start = max(start, event.timestamp ?? 0)
                }
                if round % 2 == 1 { await logs.clock.advance(by: .milliseconds(1)) }
            }
            #expect(found == ["a0", "b0", "a1", "a2", "b2", "a3", "a4", "b4"])
        }
    }

    @Test("a group is searched by name or by ARN")
    func identifier() async throws {
        try await LogsTestBench.run { logs in
            _ = try await fill(logs, 3)
            var input = FilterLogEventsInput()
            input.logGroupIdentifier = "arn:aws:logs:us-east-1:000000000000:log-group:g"
            #expect(try await logs.client.call(LogsOperations.filterLogEvents, input).texts.count == 3)
            await #expect(throws: Expected.noGroup) { try await logs.filter("none") }
            await #expect(throws: Expected.noGroup) { try await logs.inAccount("111111111111").filter("g") }
        }
    }

    @Test("malformed patterns, tokens and directions are refused")
    func rubbish() async throws {
        try await LogsTestBench.run { logs in
            _ = try await fill(logs, 1)
            await #expect(throws: Expected.invalid("Invalid character(s) in term ':'")) {
                try await logs.filter("g", "a:b")
            }
            await #expect(throws: Expected.invalid("Invalid filter pattern")) { try await logs.filter("g", "{ $.a }") }
            for token in [
                "x", PageToken.encode(["f", "1"]), PageToken.encode(["g", "1", "1"]),
                PageToken.encode(["f", "x", "1"]),
            ] {
                await #expect(throws: Expected.badToken) { try await logs.filter("g") { $0.nextToken = token } }
            }
            let error = await #expect(throws: ClientError.self) {
                try await logs.filter("g") {
                    $0.startFromHead = false
                    $0.startTime = 0
                }
            }
            #expect(error?.code == "InvalidParameterException")
            #expect(try await logs.filter("g") { $0.endTime = .max }.texts == ["0"])
            #expect(try await logs.filter("g") { $0.startTime = .max }.texts == [])
        }
    }

    @Test("patterns of all three kinds find their events")
    func patterns() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put(
                [
                    (logs.now, "ERROR plain"), (logs.now, "{\"level\":\"ERROR\",\"ms\":12}\n"),
                    (logs.now, "GET /x 404 12"),
                ],
                to: "s",
                in: "g"
            )
            #expect(try await logs.messages(in: "g", "ERROR -level") == ["ERROR plain"])
            #expect(
                try await logs.messages(in: "g", "{ $.level = \"ERR*\" && $.ms > 10 }") == [
                    "{\"level\":\"ERROR\",\"ms\":12}\n"
                ]
            )
            #expect(try await logs.messages(in: "g", "[method, path, status = 4*, ms]") == ["GET /x 404 12"])
        }
    }
}
