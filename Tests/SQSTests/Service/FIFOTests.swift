// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import SQS

@Suite("SQS FIFO queues") struct FIFOTests {
    @Test(
        "a twin within five minutes is acknowledged and dropped; later it is a new message",
        arguments: SQSTestBench.protocols
    )
    func deduplicates(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let url = try await sqs.createFIFO("q")
            let first = try await sqs.send("a", to: url, group: "g", id: "1")
            let twin = try await sqs.send("b", to: url, group: "other", id: "1")
            #expect(twin.messageId == first.messageId)
            #expect(twin.sequenceNumber == first.sequenceNumber)
            let message = try #require(try await sqs.receive(from: url).first)
            #expect(message.attributes?["MessageDeduplicationId"] == "1")
            #expect(message.attributes?["SequenceNumber"] == first.sequenceNumber)
            try await sqs.delete(message, from: url)
            await sqs.clock.advance(by: .milliseconds(299_999))
            try await sqs.send("c", to: url, group: "g", id: "1")
            #expect(try await sqs.bodies(in: url) == [])
            await sqs.clock.advance(by: .milliseconds(1))
            try await sqs.send("d", to: url, group: "g", id: "1")
            #expect(try await sqs.bodies(in: url) == ["d"])
        }
    }

    @Test("twins are told by content, or by group, when the queue says so")
    func scopes() async throws {
        try await SQSTestBench.run { sqs in
            let content = try await sqs.createFIFO("content", ["ContentBasedDeduplication": "true"])
            for body in ["a", "a", "b"] { try await sqs.send(body, to: content, group: "g") }
            #expect(try await sqs.bodies(in: content) == ["a", "b"])
            let grouped = try await sqs.createFIFO(
                "grouped",
                ["DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"]
            )
            for group in ["g", "h", "g"] { try await sqs.send(group, to: grouped, group: group, id: "1") }
            #expect(try await sqs.bodies(in: grouped) == ["g", "h"])
        }
    }

    @Test(
        "a group is locked while one of its messages is in flight, and goes on in order",
        arguments: SQSTestBench.protocols
    )
    func locks(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let url = try await sqs.createFIFO("q", ["ContentBasedDeduplication": "true", "VisibilityTimeout": "10"])
            for body in ["a1", "a2", "a3"] { try await sqs.send(body, to: url, group: "a") }
            try await sqs.send("b1", to: url, group: "b")
            let two = try await sqs.receive(from: url, limit: 2)
            #expect(two.map(\.body) == ["a1", "a2"])
            #expect(try await sqs.bodies(in: url) == ["b1"])
            try await sqs.delete(two[0], from: url)
            #expect(try await sqs.bodies(in: url) == [])
            // Made visible, but behind nothing that is in flight.
            try await sqs.changeVisibility(of: two[1], in: url, to: 0)
            #expect(try await sqs.bodies(in: url) == ["a2", "a3"])
            await sqs.clock.advance(by: .seconds(10))
            #expect(try await sqs.bodies(in: url) == ["a2", "a3", "b1"])
        }
    }

    @Test("a message that is made visible waits for those of its group that are in flight")
    func waitsForGroup() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.createFIFO("q", ["ContentBasedDeduplication": "true", "VisibilityTimeout": "10"])
            for body in ["1", "2"] { try await sqs.send(body, to: url, group: "a") }
            let both = try await sqs.receive(from: url)
            try await sqs.changeVisibility(of: both[0], in: url, to: 0)
            #expect(try await sqs.bodies(in: url) == [])
            try await sqs.delete(both[1], from: url)
            #expect(try await sqs.bodies(in: url) == ["1"])
        }
    }

    @Test("a handle ends with its visibility timeout")
    func expiredHandle() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.createFIFO("q", ["ContentBasedDeduplication": "true", "VisibilityTimeout": "1"])
            try await sqs.send("1", to: url, group: "a")
            let message = try #require(try await sqs.receive(from: url).first)
            await sqs.clock.advance(by: .seconds(1))
            let handle = message.receiptHandle ?? ""
            await #expect(
                throws: ClientError(
                    "InvalidParameterValueException",
                    "Value \(handle) for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
                )
            ) { try await sqs.delete(message, from: url) }
            let again = try #require(try await sqs.receive(from: url).first)
            try await sqs.delete(again, from: url)
        }
    }

    @Test("a receive that is tried again gives the same messages under the same handles")
    func attempts() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.createFIFO("q", ["ContentBasedDeduplication": "true", "VisibilityTimeout": "30"])
            for body in ["1", "2", "3"] { try await sqs.send(body, to: url, group: "a") }
            func attempt(_ id: String) async throws -> [Message] {
                try await sqs.receive(from: url, limit: 2) { $0.receiveRequestAttemptId = id }
            }
            let first = try await attempt("x")
            #expect(first.map(\.body) == ["1", "2"])
            await sqs.clock.advance(by: .seconds(20))
            let second = try await attempt("x")
            #expect(second.map(\.receiptHandle) == first.map(\.receiptHandle))
            #expect(try await attempt("y").isEmpty)
            // Hidden anew from the second try on.
            await sqs.clock.advance(by: .seconds(20))
            #expect(try await sqs.bodies(in: url) == [])
            try await sqs.delete(first[0], from: url)
            #expect(try await attempt("x").isEmpty)
        }
    }

    @Test("what a FIFO queue needs and what it refuses", arguments: SQSTestBench.protocols)
    func demands(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let (fifo, standard) = (try await sqs.createFIFO("q"), try await sqs.create("s"))
            let (missing, invalid) =
                wire == .query
                ? ("MissingParameter", "InvalidParameterValue")
                : ("MissingRequiredParameterException", "InvalidParameterValueException")
            #expect(await ClientError.code { try await sqs.send("m", to: fifo, id: "1") } == missing)
            #expect(await ClientError.code { try await sqs.send("m", to: fifo, group: "g") } == invalid)
            #expect(await ClientError.code { try await sqs.send("m", to: fifo, group: "a b", id: "1") } == invalid)
            #expect(await ClientError.code { try await sqs.send("m", to: standard, id: "1") } == invalid)
            let delayed = await ClientError.code {
                try await sqs.send("m", to: fifo, group: "g", id: "1") { $0.delaySeconds = 1 }
            }
            #expect(delayed == invalid)
        }
    }

    @Test("a queue's delay delays its groups")
    func delay() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.createFIFO("q", ["ContentBasedDeduplication": "true", "DelaySeconds": "5"])
            try await sqs.send("1", to: url, group: "a")
            await sqs.clock.advance(by: .seconds(3))
            try await sqs.send("2", to: url, group: "a")
            #expect(try await sqs.bodies(in: url) == [])
            await sqs.clock.advance(by: .seconds(2))
            #expect(try await sqs.bodies(in: url) == ["1"])
        }
    }
}
