// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import Logs

@Suite("Log streams") struct LogStreamTests {
    @Test("a stream shows its times once it has events")
    func description() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            let created = logs.now
            let empty = try #require(try await logs.streams(of: "g").logStreams?.first)
            #expect(empty.arn == "arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:s")
            #expect(empty.creationTime == created)
            #expect(empty.storedBytes == 0)
            #expect(empty.firstEventTimestamp == nil)
            #expect(empty.lastEventTimestamp == nil)
            #expect(empty.lastIngestionTime == nil)
            #expect(empty.uploadSequenceToken == nil)
            await logs.clock.advance(by: .seconds(5))
            let answer = try await logs.put([(created - 1_000, "a"), (created, "b")], to: "s", in: "g")
            try await logs.put([(created - 2_000, "earlier")], to: "s", in: "g")
            let filled = try #require(try await logs.streams(of: "g").logStreams?.first)
            #expect(filled.firstEventTimestamp == created - 2_000)
            #expect(filled.lastEventTimestamp == created)
            #expect(filled.lastIngestionTime == created + 5_000)
            #expect(filled.uploadSequenceToken == answer.nextSequenceToken)
            #expect(filled.uploadSequenceToken?.count == 56)
        }
    }

    @Test("a name is taken once in a group")
    func uniqueness() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["2026/01/31/[$LATEST]0f"])
            await #expect(
                throws: ClientError("ResourceAlreadyExistsException", "The specified log stream already exists")
            ) {
                try await logs.createStream("2026/01/31/[$LATEST]0f", in: "g")
            }
            await #expect(throws: Expected.noGroup) { try await logs.createStream("s", in: "none") }
            let error = await #expect(throws: ClientError.self) { try await logs.createStream("a:b", in: "g") }
            #expect(error?.code == "InvalidParameterException")
        }
    }

    @Test("streams are listed by name, forward and backward, to the end")
    func byName() async throws {
        try await LogsTestBench.run { logs in
            let names = ["a", "b", "b1", "b2", "c"]
            try await logs.create("g", streams: names.reversed())
            #expect(try await pages(of: logs) { _ in } == names)
            #expect(try await pages(of: logs) { $0.descending = true } == names.reversed())
            #expect(try await pages(of: logs) { $0.logStreamNamePrefix = "b" } == ["b", "b1", "b2"])
            #expect(
                try await pages(of: logs) {
                    $0.logStreamNamePrefix = "b"
                    $0.descending = true
                } == ["b2", "b1", "b"]
            )
        }
    }

    @Test("streams are listed by their last event, empty ones first")
    func byLastEvent() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["a", "b", "c", "d"])
            for (name, age) in [("a", 10), ("b", 30), ("c", 20)] {
                try await logs.put([(logs.now - age, "x")], to: name, in: "g")
            }
            let expected = ["d", "b", "c", "a"]
            #expect(try await pages(of: logs) { $0.orderBy = .lastEventTime } == expected)
            #expect(
                try await pages(of: logs) {
                    $0.orderBy = .lastEventTime
                    $0.descending = true
                } == expected.reversed()
            )
            await #expect(throws: Expected.invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")) {
                try await logs.streams(of: "g") {
                    $0.orderBy = .lastEventTime
                    $0.logStreamNamePrefix = "a"
                }
            }
        }
    }

    private func pages(
        of logs: LogsTestBench,
        _ configure: (inout DescribeLogStreamsInput) -> Void
    ) async throws -> [String] {
        var found: [String] = []
        var token: String?
        repeat {
            let page = try await logs.streams(of: "g") {
                configure(&$0)
                $0.limit = 2
                $0.nextToken = token
            }
            found += page.names
            token = page.nextToken
        } while token != nil
        return found
    }

    @Test("a deleted stream's events are seen no more, also before they are removed")
    func deletion() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s", "t"])
            try await logs.put([(logs.now, "gone")], to: "s", in: "g")
            try await logs.put([(logs.now, "kept")], to: "t", in: "g")
            try await logs.deleteStream("s", in: "g")
            #expect(try await logs.messages(in: "g") == ["kept"])
            await #expect(throws: Expected.noStream) { try await logs.get("s", in: "g") }
            await #expect(throws: Expected.noStream) { try await logs.deleteStream("s", in: "g") }
            #expect(try await logs.rows(in: "logs_event") == 2)
            try await logs.service.sweeper.sweep()
            #expect(try await logs.rows(in: "logs_event") == 1)
            #expect(try await logs.groups().logGroups?.first?.storedBytes == 30)
        }
    }

    @Test("a group is named by name or by ARN, not by both and not by neither")
    func identifiers() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            func names(_ name: String?, _ identifier: String?) async throws -> [String] {
                var input = DescribeLogStreamsInput()
                input.logGroupName = name
                input.logGroupIdentifier = identifier
                return try await logs.client.call(LogsOperations.describeLogStreams, input).names
            }
            #expect(try await names(nil, "arn:aws:logs:us-east-1:000000000000:log-group:g") == ["s"])
            #expect(try await names(nil, "g") == ["s"])
            await #expect(throws: Expected.noGroup) {
                try await names(nil, "arn:aws:logs:eu-west-1:000000000000:log-group:g")
            }
            for (name, identifier) in [("g", "g"), (nil, nil), (nil, "arn:aws:sqs:us-east-1:000000000000:g")]
                as [(String?, String?)]
            {
                let error = await #expect(throws: ClientError.self) { try await names(name, identifier) }
                #expect(error?.code == "InvalidParameterException")
            }
        }
    }
}
