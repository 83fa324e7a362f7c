// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import Logs

@Suite("Retention") struct RetentionTests {
    @Test("only AWS's numbers of days are taken", arguments: [0, -1, 2, 10, 364, 3654, Int.max])
    func days(_ days: Int) async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            let error = await #expect(throws: ClientError.self) { try await logs.setRetention(days, of: "g") }
            #expect(error?.code == "InvalidParameterException")
            #expect(
                error?.message.hasPrefix(
                    "1 validation error detected: Value '\(days)' at 'retentionInDays' failed to satisfy"
                ) == true
            )
        }
    }

    @Test("a retention is shown until it is taken away")
    func shown() async throws {
        try await LogsTestBench.run { logs in
            await #expect(throws: Expected.noGroup) { try await logs.setRetention(1, of: "g") }
            try await logs.createGroup("g")
            try await logs.setRetention(400, of: "g")
            #expect(try await logs.groups().logGroups?.first?.retentionInDays == 400)
            _ = try await logs.client.call(
                LogsOperations.deleteRetentionPolicy,
                DeleteRetentionPolicyInput(logGroupName: "g")
            )
            #expect(try await logs.groups().logGroups?.first?.retentionInDays == nil)
        }
    }

    @Test("expired events are out of sight at once, and removed within a minute")
    func expiry() async throws {
        try await LogsTestBench.run(sweeping: true) { logs in
            await logs.clock.untilSleepers(1)
            try await logs.create("g", streams: ["s"])
            try await logs.create("kept", streams: ["s"])
            let first = logs.now
            try await logs.put([(first, "old")], to: "s", in: "kept")
            try await logs.put([(first, "old"), (first + 3_600_000, "newer")], to: "s", in: "g")
            try await logs.setRetention(1, of: "g")

            await logs.clock.advance(by: .seconds(86_400))
            #expect(try await logs.messages(in: "g") == ["old", "newer"])
            await logs.clock.advance(by: .milliseconds(1))
            #expect(try await logs.messages(in: "g") == ["newer"])
            #expect(try await logs.get("s", in: "g").texts == ["newer"])

            await logs.clock.untilSleepers(1)
            await logs.clock.advance(by: .seconds(60))
            await logs.clock.untilSleepers(1)
            #expect(try await logs.rows(in: "logs_event") == 2)
            #expect(try await logs.messages(in: "kept") == ["old"])
            #expect(try await logs.groups { $0.logGroupNamePrefix = "g" }.logGroups?.first?.storedBytes == 31)
            #expect(try await logs.streams(of: "g").logStreams?.first?.firstEventTimestamp == first + 3_600_000)
        }
    }

    @Test("more events than one transaction removes are all removed")
    func many() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            let count = LogsStore.rowsPerRemoval * 2 + 1
            try await logs.put(Array(repeating: (logs.now, "x"), count: count), to: "s", in: "g")
            try await logs.setRetention(1, of: "g")
            await logs.clock.advance(by: .seconds(2 * 86_400))
            try await logs.service.sweeper.sweep()
            #expect(try await logs.rows(in: "logs_event") == 0)
            let group = try #require(try await logs.groups().logGroups?.first)
            #expect(group.storedBytes == 0)
            let stream = try #require(try await logs.streams(of: "g").logStreams?.first)
            #expect(stream.lastEventTimestamp != nil)
        }
    }

    @Test("a group of the delivery class keeps its events for a day")
    func delivery() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g") { $0.logGroupClass = .delivery }
            #expect(try await logs.groups().logGroups?.first?.retentionInDays == 1)
            let error = await #expect(throws: ClientError.self) { try await logs.setRetention(30, of: "g") }
            #expect(error?.code == "InvalidParameterException")
        }
    }
}
