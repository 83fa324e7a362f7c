// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import Logs

@Suite("PutLogEvents") struct PutLogEventsTests {
    private static let hour = 3_600_000
    private static let day = 24 * hour

    @Test("what is stored counts 26 bytes beside each message")
    func storedBytes() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put([(logs.now, "abc"), (logs.now, "grün")], to: "s", in: "g")
            #expect(try await logs.groups().logGroups?.first?.storedBytes == 3 + 5 + 52)
        }
    }

    @Test("sequence tokens are taken and not looked at")
    func sequenceTokens() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            for token in [nil, "wrong", "wrong"] {
                var input = PutLogEventsInput(logGroupName: "g", logStreamName: "s")
                input.logEvents = [InputLogEvent(timestamp: logs.now, message: "x")]
                input.sequenceToken = token
                _ = try await logs.client.call(LogsOperations.putLogEvents, input)
            }
            #expect(try await logs.messages(in: "g") == ["x", "x", "x"])
        }
    }

    @Test("events that are too old, expired or too new are refused alone")
    func rejected() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.setRetention(7, of: "g")
            let answer = try await logs.put(
                [
                    (logs.now - 14 * Self.day - 1, "too old"), (logs.now - 7 * Self.day - 1, "expired"),
                    (logs.now - Self.hour, "fine"), (logs.now + 2 * Self.hour, "just fine"),
                    (logs.now + 2 * Self.hour + 1, "too new"),
                ],
                to: "s",
                in: "g"
            )
            #expect(answer.rejectedLogEventsInfo?.tooOldLogEventEndIndex == 1)
            #expect(answer.rejectedLogEventsInfo?.expiredLogEventEndIndex == 2)
            #expect(answer.rejectedLogEventsInfo?.tooNewLogEventStartIndex == 4)
            #expect(try await logs.messages(in: "g") == ["fine", "just fine"])
            let none = try await logs.put([(logs.now + Self.day, "x")], to: "s", in: "g")
            #expect(none.rejectedLogEventsInfo?.tooNewLogEventStartIndex == 0)
            #expect(none.rejectedLogEventsInfo?.tooOldLogEventEndIndex == nil)
            #expect(try await logs.put([(logs.now, "x")], to: "s", in: "g").rejectedLogEventsInfo == nil)
        }
    }

    @Test("a batch is in order, within a day, and of a limited size")
    func limits() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            await #expect(
                throws: Expected.invalid("Log events in a single PutLogEvents request must be in chronological order.")
            ) { try await logs.put([(logs.now, "b"), (logs.now - 1, "a")], to: "s", in: "g") }
            await #expect(
                throws: Expected.invalid(
                    "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
                )
            ) { try await logs.put([(logs.now - Self.day - 1, "a"), (logs.now, "b")], to: "s", in: "g") }
            try await logs.put([(logs.now - Self.day, "a"), (logs.now, "b")], to: "s", in: "g")

            let largest = String(repeating: "x", count: 1_048_576 - 26)
            try await logs.put([(logs.now, largest)], to: "s", in: "g")
            await #expect(throws: Expected.invalid("Log event too large: 1048577 bytes exceeds limit of 1048576")) {
                try await logs.put([(logs.now, largest + "x")], to: "s", in: "g")
            }
            await #expect(throws: Expected.invalid("Upload too large: 1048603 bytes exceeds limit of 1048576")) {
                try await logs.put([(logs.now, largest), (logs.now, "x")], to: "s", in: "g")
            }
            let many = Array(repeating: (logs.now, "x"), count: 10_001)
            let tooMany = await #expect(throws: ClientError.self) { try await logs.put(many, to: "s", in: "g") }
            #expect(tooMany?.message.contains("Member must have length less than or equal to 10000") == true)
            try await logs.put(Array(many.dropLast()), to: "s", in: "g")
            #expect(try await logs.rows(in: "logs_event") == 10_003)
        }
    }

    @Test("rubbish is refused", arguments: [[], [(-1, "x")], [(0, "")]])
    func rubbish(_ events: [(Int, String)]) async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            let error = await #expect(throws: ClientError.self) { try await logs.put(events, to: "s", in: "g") }
            #expect(error?.code == "InvalidParameterException")
        }
    }

    @Test("group and stream must be there")
    func missing() async throws {
        try await LogsTestBench.run { logs in
            await #expect(throws: Expected.noGroup) { try await logs.put([(logs.now, "x")], to: "s", in: "g") }
            try await logs.createGroup("g")
            await #expect(throws: Expected.noStream) { try await logs.put([(logs.now, "x")], to: "s", in: "g") }
        }
    }
}

@Suite("The sink of functions' lines") struct LogSinkTests {
    @Test("group and stream are made when they are missing")
    func creation() async throws {
        try await LogsTestBench.run { logs in
            let now = logs.clock.now
            let records = [LogRecord(timestamp: now, message: "START\n"), LogRecord(timestamp: now, message: "END\n")]
            try await logs.service.append(records, toGroup: "/aws/lambda/f", stream: "s", in: LogsTestBench.scope)
            try await logs.service.append(records, toGroup: "/aws/lambda/f", stream: "s", in: LogsTestBench.scope)
            #expect(try await logs.messages(in: "/aws/lambda/f") == ["START\n", "END\n", "START\n", "END\n"])
            #expect(try await logs.streams(of: "/aws/lambda/f").names == ["s"])
            try await logs.deleteGroup("/aws/lambda/f")
            try await logs.service.append(records, toGroup: "/aws/lambda/f", stream: "s", in: LogsTestBench.scope)
            #expect(try await logs.messages(in: "/aws/lambda/f").count == 2)
        }
    }

    @Test("records of any number, length and time fit into batches")
    func batches() {
        let long = String(repeating: "ü", count: 1_000_000)
        var records = [
            LogRecord(timestamp: Instant(milliseconds: .min), message: long),
            LogRecord(timestamp: Instant(milliseconds: .max), message: ""),
        ]
        records += (0..<10_500).map { LogRecord(timestamp: Instant(milliseconds: $0), message: "x") }
        let batches = SinkBatches.cut(records)
        #expect(batches.allSatisfy { $0.count <= 10_000 && $0.reduce(0) { $0 + $1.bytes } <= 1_048_576 })
        let events = batches.flatMap { $0 }
        #expect(events.filter { $0.message.hasPrefix("ü") }.map(\.message).joined() == long)
        #expect(events.allSatisfy { !$0.message.isEmpty && $0.timestamp >= 0 })
        #expect(events.count { $0.message == "x" } == 10_500)
    }
}
