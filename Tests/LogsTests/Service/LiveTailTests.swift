// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Logs

/// Reads the events of a live tail one by one.
private final class TailReader: Sendable {
    private let stream: EventStream<StartLiveTailResponseStream>

    init(_ stream: EventStream<StartLiveTailResponseStream>) { self.stream = stream }

    func next() async throws -> StartLiveTailResponseStream? {
        var iterator = stream.events.makeAsyncIterator()
        return try await iterator.next()
    }

    /// The update of the next second.
    func update(_ logs: LogsTestBench) async throws -> LiveTailSessionUpdate? {
        async let event = next()
        await logs.clock.untilSleepers(1)
        await logs.clock.advance(by: .seconds(1))
        return try await event?.sessionUpdate
    }
}

@Suite("StartLiveTail") struct LiveTailTests {
    private func tail(
        _ logs: LogsTestBench,
        _ groups: [String],
        configure: (inout StartLiveTailInput) -> Void = { _ in }
    ) async throws -> TailReader {
        var input = StartLiveTailInput()
        input.logGroupIdentifiers = groups
        configure(&input)
        let output = try await logs.client.call(LogsOperations.startLiveTail, input)
        return TailReader(try #require(output.responseStream))
    }

    @Test("a session says what it follows, and brings what has come each second")
    func follows() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["a", "b"])
            try await logs.put([(logs.now, "before")], to: "a", in: "g")
            let arn = "arn:aws:logs:us-east-1:000000000000:log-group:g"
            let reader = try await tail(logs, [arn]) { $0.logEventFilterPattern = "-noise" }
            let start = try #require(await reader.next()?.sessionStart)
            #expect(start.logGroupIdentifiers == [arn])
            #expect(start.logEventFilterPattern == "-noise")
            #expect(start.sessionId?.count == 36)
            #expect(try await reader.update(logs)?.sessionResults?.isEmpty ?? true)
            try await logs.put([(logs.now, "one"), (logs.now, "noise")], to: "a", in: "g")
            try await logs.put([(logs.now, "two")], to: "b", in: "g")
            let update = try #require(await reader.update(logs))
            #expect(update.sessionResults?.map(\.message) == ["one", "two"])
            #expect(update.sessionResults?.map(\.logStreamName) == ["a", "b"])
            #expect(update.sessionResults?.first?.logGroupIdentifier == arn)
            #expect(update.sessionMetadata?.sampled == false)
            #expect(try await reader.update(logs)?.sessionResults?.isEmpty ?? true)
        }
    }

    @Test("more than 500 events of a second are sampled")
    func sampled() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["a", "b"])
            let reader = try await tail(logs, ["g"]) { $0.logStreamNamePrefixes = ["a"] }
            _ = try await reader.next()
            try await logs.put((0..<501).map { (logs.now, "\($0)") }, to: "a", in: "g")
            try await logs.put([(logs.now, "other")], to: "b", in: "g")
            let update = try #require(await reader.update(logs))
            #expect(update.sessionResults?.count == 500)
            #expect(update.sessionMetadata?.sampled == true)
            try await logs.put([(logs.now, "later")], to: "a", in: "g")
            #expect(try await reader.update(logs)?.sessionResults?.map(\.message) == ["later"])
        }
    }

    @Test("a session ends after three hours")
    func ends() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["a"])
            let reader = try await tail(logs, ["g"])
            _ = try await reader.next()
            await logs.clock.advance(by: .seconds(3 * 3_600))
            let last = try await reader.next()
            #expect(last?.sessionTimeoutException != nil)
            #expect(last?.sessionUpdate == nil)
            let behind = try await reader.next()
            #expect(behind?.sessionUpdate == nil)
        }
    }

    @Test("an account has fifteen sessions, and a closed one makes room")
    func limit() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: [])
            var readers: [TailReader] = []
            for _ in 0..<LiveTailSeats.perScope { readers.append(try await tail(logs, ["g"])) }
            let error = ClientError(
                "LimitExceededException",
                "The maximum number of concurrent Live Tail sessions has been reached."
            )
            await #expect(throws: error) { _ = try await tail(logs, ["g"]) }
            readers = []
            #expect(logs.service.liveTails.count(in: LogsTestBench.scope) == 0)
            _ = try await tail(logs, ["g"])
        }
    }

    @Test("unknown groups, and streams of several groups, are refused")
    func refused() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: [])
            try await logs.create("h", streams: [])
            await #expect(throws: Expected.noGroup) { _ = try await tail(logs, ["missing"]) }
            await #expect(throws: ClientError.self) {
                _ = try await tail(logs, ["g", "h"]) { $0.logStreamNames = ["a"] }
            }
            #expect(logs.service.liveTails.count(in: LogsTestBench.scope) == 0)
        }
    }
}
