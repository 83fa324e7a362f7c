// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import SNS

@Suite("SNS FIFO topics", .timeLimit(.minutes(20))) struct FIFOTests {
    private static let queue = "arn:aws:sqs:us-east-1:000000000000:q.fifo"

    @Test("number their messages, and take a copy within five minutes for the same message")
    func deduplication() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic("t.fifo", ["ContentBasedDeduplication": "true"])
            try await sns.subscribe(topic, "sqs", Self.queue)
            let first = try await sns.publish(topic, "a") { $0.messageGroupId = "g" }
            let copy = try await sns.publish(topic, "a") { $0.messageGroupId = "h" }
            #expect(copy.messageId == first.messageId)
            #expect(copy.sequenceNumber == first.sequenceNumber)
            #expect(first.sequenceNumber == "10000000000000001000")
            let other = try await sns.publish(topic, "a") {
                $0.messageGroupId = "g"
                $0.messageDeduplicationId = "own"
            }
            #expect(other.sequenceNumber == "10000000000000002000")
            let taken = await sns.queues.taken.first(2)
            #expect(taken.map(\.event.messageGroupID) == ["g", "g"])
            #expect(taken[1].event.deduplicationID == "own")
            let json = try JSONValue(parsing: taken[0].text)
            #expect(json["SequenceNumber"]?.stringValue == first.sequenceNumber)
            #expect(json["Signature"] == nil)
            await sns.clock.untilSleepers(3)
            await sns.clock.advance(by: .seconds(300))
            #expect(try await sns.publish(topic, "a") { $0.messageGroupId = "g" }.messageId != first.messageId)
        }
    }

    @Test("that count in each group take one id in each")
    func perGroup() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic("t.fifo", ["FifoThroughputScope": "MessageGroup"])
            var ids: Set<String> = []
            for group in ["g", "h", "g"] {
                let output = try await sns.publish(topic, "a") {
                    $0.messageGroupId = group
                    $0.messageDeduplicationId = "d"
                }
                ids.insert(output.messageId ?? "")
            }
            #expect(ids.count == 2)
        }
    }

    @Test("want a group, and an id or content to compare")
    func required() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic("t.fifo")
            await #expect(throws: invalid("The MessageGroupId parameter is required for FIFO topics")) {
                try await sns.publish(topic)
            }
            await #expect(
                throws: invalid(
                    "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
                )
            ) { try await sns.publish(topic) { $0.messageGroupId = "g" } }
            for group in ["", "a b", String(repeating: "g", count: 129), "ä"] {
                await #expect(throws: ClientError.self) {
                    try await sns.publish(topic) {
                        $0.messageGroupId = group
                        $0.messageDeduplicationId = "d"
                    }
                }
            }
            let standard = try await sns.createTopic()
            await #expect(throws: ClientError.self) {
                try await sns.publish(standard) { $0.messageDeduplicationId = "d" }
            }
            try await sns.subscribe(standard, "sqs", "arn:aws:sqs:us-east-1:000000000000:q")
            try await sns.publish(standard) { $0.messageGroupId = "tenant" }
            #expect(await sns.queues.taken.first(1)[0].event.messageGroupID == "tenant")
            await #expect(throws: ClientError.self) { try await sns.subscribe(topic, "http", "http://h/") }
        }
    }

    @Test("keep the order of each group, also while a queue fails, and hold up no other group")
    func order() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic("t.fifo")
            try await sns.subscribe(topic, "sqs", Self.queue, ["RawMessageDelivery": "true"])
            // The first message of the first group fails six times.
            let failures = Recorder<Bool>()
            sns.queues.judge { _, delivery in if delivery.text == "g0", failures.add(true) <= 6 { throw busy } }
            await sns.clock.untilSleepers(3)
            for number in 0..<10 {
                for group in ["g", "h"] {
                    try await sns.publish(topic, "\(group)\(number)") {
                        $0.messageGroupId = group
                        $0.messageDeduplicationId = "\(group)\(number)"
                    }
                }
            }
            #expect(await sns.queues.taken.first(10).map(\.text) == (0..<10).map { "h\($0)" })
            for _ in 0..<60 where sns.queues.taken.items.count < 20 {
                await sns.clock.advance(by: .seconds(1))
                try await sns.untilDeliveries(0, where: "session IS NOT NULL")
            }
            #expect(await sns.queues.taken.first(20).suffix(10).map(\.text) == (0..<10).map { "g\($0)" })
        }
    }

    @Test("replay their archive to a subscription, in order and through its filter")
    func replay() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic(
                "t.fifo",
                ["ContentBasedDeduplication": "true", "ArchivePolicy": #"{"MessageRetentionPeriod":"2"}"#]
            )
            #expect(try await sns.attributes(of: topic)["BeginningArchiveTime"] == "2026-01-31T12:00:00.000Z")
            await sns.clock.untilSleepers(3)
            for number in 0..<6 {
                try await sns.publish(topic, "\(number)") {
                    $0.messageGroupId = "g"
                    $0.messageAttributes = ["odd": .text(String(number % 2 == 1))]
                }
                await sns.clock.advance(by: .seconds(60))
            }
            #expect(try await sns.rows(in: "sns_message") == 6)
            let arn = try await sns.subscribe(
                topic,
                "sqs",
                Self.queue,
                [
                    "FilterPolicy": #"{"odd":["true"]}"#,
                    "ReplayPolicy": #"{"PointType":"Timestamp","StartingPoint":"2026-01-31T12:01:30Z"}"#,
                ]
            )
            #expect(try await sns.attributes(of: arn)["ReplayStatus"] != nil)
            await sns.clock.advance(by: .seconds(5))
            let taken = try await sns.queues.taken.first(2).map { try JSONValue(parsing: $0.text) }
            #expect(taken.map { $0["Message"]?.stringValue } == ["3", "5"])
            #expect(taken[0]["Replayed"] == .bool(true))
            try await sns.until(0, rowsIn: "sns_replay")
            #expect(try await sns.attributes(of: arn)["ReplayStatus"] == "Completed")
        }
    }

    @Test("keep what they archive as long as their policy says, and drop it when there is none any more")
    func archive() async throws {
        try await SNSTestBench.run(delivers: false) { sns in
            let topic = try await sns.createTopic(
                "t.fifo",
                ["ContentBasedDeduplication": "true", "ArchivePolicy": #"{"MessageRetentionPeriod":"2"}"#]
            )
            try await sns.publish(topic, "a") { $0.messageGroupId = "g" }
            await sns.clock.advance(by: .seconds(2 * 86_400 - 1))
            try await sns.publish(topic, "b") { $0.messageGroupId = "g" }
            try await sns.service.sweeper.sweep()
            #expect(try await sns.rows(in: "sns_message") == 2)
            await sns.clock.advance(by: .seconds(1))
            try await sns.service.sweeper.sweep()
            #expect(try await sns.rows(in: "sns_message") == 1)
            try await sns.setTopic("ArchivePolicy", "{}", of: topic)
            try await sns.service.sweeper.sweep()
            #expect(try await sns.rows(in: "sns_message") == 0)
            #expect(try await sns.attributes(of: topic)["BeginningArchiveTime"] == nil)
        }
    }

    @Test("without an archive replay nothing")
    func noArchive() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic("t.fifo")
            let arn = try await sns.subscribe(topic, "sqs", Self.queue)
            for policy in [
                #"{"PointType":"Timestamp","StartingPoint":"2026-01-31T12:01:30Z"}"#, "{}",
                #"{"PointType":"Timestamp","StartingPoint":"yesterday"}"#,
                #"{"PointType":"Timestamp","StartingPoint":"2026-01-02T00:00:00Z","EndingPoint":"2026-01-01T00:00:00Z"}"#,
            ] {
                await #expect(throws: ClientError.self) { try await sns.set("ReplayPolicy", policy, of: arn) }
            }
        }
    }
}
