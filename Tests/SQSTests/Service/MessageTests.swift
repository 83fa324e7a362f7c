// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import NIOCore
import Storage
import Testing

@testable import SQS

@Suite("SQS messages") struct MessageTests {
    @Test("a message is received with everything that it was sent with", arguments: SQSTestBench.protocols)
    func roundTrip(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let url = try await sqs.create("q")
            #expect(url == "http://localhost:4566/000000000000/q")
            let sent = try await sqs.send("hello", to: url) { input in
                input.messageAttributes = [
                    "text": MessageAttributeValue(stringValue: "v", dataType: "String"),
                    "bytes": MessageAttributeValue(binaryValue: ByteBuffer(bytes: [0, 255]), dataType: "Binary.x"),
                ]
                input.messageSystemAttributes = [
                    "AWSTraceHeader": MessageSystemAttributeValue(stringValue: "Root=1", dataType: "String")
                ]
                input.messageGroupId = "tenant"
            }
            #expect(sent.md5OfMessageBody == "5d41402abc4b2a76b9719d911017c592")
            let message = try #require(try await sqs.receive(from: url).first)
            #expect(message.body == "hello")
            #expect(message.messageId == sent.messageId)
            #expect(message.md5OfBody == sent.md5OfMessageBody)
            #expect(message.md5OfMessageAttributes == sent.md5OfMessageAttributes)
            #expect(message.messageAttributes?["text"]?.stringValue == "v")
            #expect(message.messageAttributes?["bytes"]?.binaryValue == ByteBuffer(bytes: [0, 255]))
            let now = "\(sqs.clock.now.milliseconds)"
            #expect(
                message.attributes == [
                    "SenderId": "000000000000", "SentTimestamp": now, "ApproximateReceiveCount": "1",
                    "ApproximateFirstReceiveTimestamp": now, "AWSTraceHeader": "Root=1", "MessageGroupId": "tenant",
                ]
            )
        }
    }

    @Test("MD5 of attributes is AWS's")
    func attributesMD5() throws {
        let attributes = MessageAttributes([
            "b": EventAttribute(dataType: "Binary", value: .binary([1, 2])), "a": .string("x"),
        ])
        // len "a" len "String" 1 len "x" len "b" len "Binary" 2 len 0102
        let bytes: [UInt8] =
            [0, 0, 0, 1, 0x61, 0, 0, 0, 6] + Array("String".utf8) + [1, 0, 0, 0, 1, 0x78]
            + [0, 0, 0, 1, 0x62, 0, 0, 0, 6] + Array("Binary".utf8) + [2, 0, 0, 0, 2, 1, 2]
        #expect(attributes.md5 == MD5.text(of: bytes))
        #expect(try MessageAttributes(stored: attributes.stored) == attributes)
    }

    @Test("a message that was not deleted returns after its visibility timeout", arguments: SQSTestBench.protocols)
    func returnsAfterTimeout(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let url = try await sqs.create("q", ["VisibilityTimeout": "10"])
            try await sqs.send("m", to: url)
            #expect(try await sqs.bodies(in: url) == ["m"])
            #expect(try await sqs.bodies(in: url) == [])
            await sqs.clock.advance(by: .milliseconds(9_999))
            #expect(try await sqs.bodies(in: url) == [])
            await sqs.clock.advance(by: .milliseconds(1))
            let again = try #require(try await sqs.receive(from: url).first)
            #expect(again.attributes?["ApproximateReceiveCount"] == "2")
            try await sqs.delete(again, from: url)
            try await sqs.delete(again, from: url)
            await sqs.clock.advance(by: .seconds(10))
            #expect(try await sqs.bodies(in: url) == [])
        }
    }

    @Test("a delayed message is not there before its time, and counted as delayed")
    func delays() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q", ["DelaySeconds": "5"])
            try await sqs.send("queue's delay", to: url)
            try await sqs.send("its own", to: url) { $0.delaySeconds = 7 }
            try await sqs.send("none", to: url) { $0.delaySeconds = 0 }
            #expect(try await sqs.bodies(in: url) == ["none"])
            let counts = try await sqs.attributes(of: url)
            #expect(counts["ApproximateNumberOfMessages"] == "0")
            #expect(counts["ApproximateNumberOfMessagesNotVisible"] == "1")
            #expect(counts["ApproximateNumberOfMessagesDelayed"] == "2")
            await sqs.clock.advance(by: .seconds(5))
            #expect(try await sqs.bodies(in: url) == ["queue's delay"])
            await sqs.clock.advance(by: .seconds(2))
            #expect(try await sqs.bodies(in: url) == ["its own"])
        }
    }

    @Test("visibility can be changed while a message is in flight, and only then", arguments: SQSTestBench.protocols)
    func visibility(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let url = try await sqs.create("q")
            try await sqs.send("m", to: url)
            let message = try #require(try await sqs.receive(from: url).first)
            try await sqs.changeVisibility(of: message, in: url, to: 100)
            await sqs.clock.advance(by: .seconds(99))
            #expect(try await sqs.bodies(in: url) == [])
            try await sqs.changeVisibility(of: message, in: url, to: 0)
            let code = await ClientError.code { try await sqs.changeVisibility(of: message, in: url, to: 1) }
            #expect(code?.hasSuffix("MessageNotInflight") == true)
            #expect(try await sqs.bodies(in: url) == ["m"])
            let tooLong = await ClientError.code { try await sqs.changeVisibility(of: message, in: url, to: 43_201) }
            #expect(tooLong == (wire == .query ? "InvalidParameterValue" : "InvalidParameterValueException"))
            let none = await ClientError.code { try await sqs.changeVisibility(of: message, in: url, to: nil) }
            #expect(none == (wire == .query ? "MissingParameter" : "MissingRequiredParameterException"))
        }
    }

    @Test("messages older than the retention are gone, before the sweeper comes and after")
    func retention() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q", ["MessageRetentionPeriod": "60"])
            for number in 0..<15 { try await sqs.send("old \(number)", to: url) }
            await sqs.clock.advance(by: .seconds(60))
            try await sqs.send("young", to: url)
            #expect(try await sqs.bodies(in: url) == ["young"])
            await sqs.clock.advance(by: .seconds(60))
            try await sqs.service.sweep()
            let rows = try await sqs.server.database.read { try $0.count("SELECT COUNT(*) FROM sqs_message") }
            #expect(rows == 0)
        }
    }

    @Test("a purged queue is empty, and takes messages as before")
    func purge() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q")
            for number in 0..<5 { try await sqs.send("\(number)", to: url) }
            _ = try await sqs.client.call(SQSOperations.purgeQueue, PurgeQueueInput(queueUrl: url))
            #expect(try await sqs.bodies(in: url) == [])
            try await sqs.send("new", to: url)
            #expect(try await sqs.bodies(in: url) == ["new"])
            await #expect(
                throws: ClientError(
                    "PurgeQueueInProgress",
                    "Only one PurgeQueue operation on q is allowed every 60 seconds."
                )
            ) { _ = try await sqs.client.call(SQSOperations.purgeQueue, PurgeQueueInput(queueUrl: url)) }
            await sqs.clock.advance(by: .seconds(60))
            _ = try await sqs.client.call(SQSOperations.purgeQueue, PurgeQueueInput(queueUrl: url))
            try await sqs.service.sweep()
            let rows = try await sqs.server.database.read { try $0.count("SELECT COUNT(*) FROM sqs_message") }
            #expect(rows == 0)
        }
    }

    @Test("handles of rubbish, and of other queues, are refused", arguments: SQSTestBench.protocols)
    func handles(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let (one, two) = (try await sqs.create("one"), try await sqs.create("two"))
            try await sqs.send("m", to: one)
            let message = try #require(try await sqs.receive(from: one).first)
            let code = await ClientError.code { try await sqs.delete(message, from: two) }
            #expect(code == "ReceiptHandleIsInvalid")
            for text in [
                "", "x", "AAAA", String(repeating: "A", count: 5_000), message.receiptHandle.map { "x" + $0 } ?? "",
            ] {
                var forged = message
                forged.receiptHandle = text
                let code = await ClientError.code { [forged] in try await sqs.delete(forged, from: one) }
                #expect(code == "ReceiptHandleIsInvalid", "\(text)")
            }
        }
    }

    @Test("no more messages than the limit are in flight")
    func overLimit() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q")
            try await sqs.send("m", to: url)
            let queue = try await sqs.service.store.read { try $0.requireQueue(sqs.address(of: url)) }
            let hidden = sqs.clock.now + .seconds(60)
            _ = try await sqs.server.database.write { tx in
                try tx.execute(
                    """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(SQSLimits.inFlight))
                    INSERT INTO sqs_message (pile_id, visible_at, receives, earlier_receives, sent_at, message_id, sender, body)
                    SELECT \(queue.pileID), \(hidden), 1, 0, \(hidden), 'm', 's', 'b' FROM n
                    """
                )
            }
            #expect(await ClientError.code { _ = try await sqs.bodies(in: url) } == "OverLimit")
            await sqs.clock.advance(by: .seconds(60))
            #expect(try await sqs.bodies(in: url).count == 10)
        }
    }
}
