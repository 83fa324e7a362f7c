// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import NIOCore
import Testing

@testable import SQS

@Suite("SQS batches and what messages may hold") struct BatchTests {
    private func batch(_ entries: [(String?, String?)], _ url: String) -> SendMessageBatchInput {
        var input = SendMessageBatchInput(queueUrl: url)
        input.entries = entries.map { SendMessageBatchRequestEntry(id: $0.0, messageBody: $0.1) }
        return input
    }

    @Test("a batch that is wrong as a whole is refused as a whole", arguments: SQSTestBench.protocols)
    func whole(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let url = try await sqs.create("q")
            let prefix = wire == .query ? "AWS.SimpleQueueService." : ""
            let half = String(repeating: "x", count: 524_289)
            let cases: [(String, [(String?, String?)])] = [
                ("EmptyBatchRequest", []), ("TooManyEntriesInBatchRequest", (0...10).map { ("\($0)", "m") }),
                ("BatchEntryIdsNotDistinct", [("a", "m"), ("a", "m")]), ("InvalidBatchEntryId", [("a b", "m")]),
                ("InvalidBatchEntryId", [(String(repeating: "a", count: 81), "m")]),
                ("BatchRequestTooLong", [("a", half), ("b", half)]),
            ]
            for (code, entries) in cases {
                let found = await ClientError.code {
                    _ = try await sqs.client.call(SQSOperations.sendMessageBatch, batch(entries, url))
                }
                #expect(found == prefix + code)
            }
            #expect(try await sqs.bodies(in: url) == [])
        }
    }

    @Test("each entry fails by itself", arguments: SQSTestBench.protocols)
    func each(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let url = try await sqs.create("q", ["MaximumMessageSize": "1024"])
            let long = String(repeating: "x", count: 1_025)
            let output = try await sqs.client.call(
                SQSOperations.sendMessageBatch,
                batch([("good", "1"), ("long", long), ("none", nil), ("wrong", "\u{1f}"), ("also", "2")], url)
            )
            #expect(output.successful.map(\.id) == ["good", "also"])
            #expect(Set(output.failed.map(\.id)) == ["long", "none", "wrong"])
            #expect(output.failed.first { $0.id == "none" }?.code == "MissingParameter")
            #expect(!output.failed.contains { !$0.senderFault })
            let found = try await sqs.receive(from: url)
            #expect(found.map(\.body) == ["1", "2"])
            var changes = ChangeMessageVisibilityBatchInput(queueUrl: url)
            changes.entries = [
                .init(id: "a", receiptHandle: found[0].receiptHandle, visibilityTimeout: 0),
                .init(id: "b", receiptHandle: "rubbish", visibilityTimeout: 0),
            ]
            let changed = try await sqs.client.call(SQSOperations.changeMessageVisibilityBatch, changes)
            #expect(changed.successful.map(\.id) == ["a"])
            #expect(changed.failed.map(\.code) == ["ReceiptHandleIsInvalid"])
            #expect(try await sqs.bodies(in: url) == ["1"])
            var deletion = DeleteMessageBatchInput(queueUrl: url)
            deletion.entries = [
                .init(id: "a", receiptHandle: found[0].receiptHandle), .init(id: "b", receiptHandle: nil),
            ]
            let deleted = try await sqs.client.call(SQSOperations.deleteMessageBatch, deletion)
            #expect(deleted.successful.map(\.id) == ["a"])
            #expect(deleted.failed.map(\.code) == ["MissingParameter"])
        }
    }

    @Test(
        "characters that XML does not know are refused by name",
        arguments: ["\u{0}", "a\u{b}", "\u{fffe}", "\u{ffff}"]
    )
    func characters(text: String) async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q")
            #expect(await ClientError.code { try await sqs.send(text, to: url) } == "InvalidMessageContents")
            for good in ["\t\r\n", "\u{fffd}", "\u{10ffff}", "ï", "\u{7f}"] { try await sqs.send(good, to: url) }
        }
    }

    @Test("attributes that cannot be are refused")
    func attributes() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q")
            func value(_ type: String?, _ text: String?, _ bytes: [UInt8]? = nil) -> MessageAttributeValue {
                MessageAttributeValue(
                    stringValue: text,
                    binaryValue: bytes.map { ByteBuffer(bytes: $0) },
                    dataType: type
                )
            }
            let good = value("String", "v")
            let wrong: [[String: MessageAttributeValue]] = [
                ["a": value("String", "")], ["a": value("String", nil)], ["a": value("Text", "v")],
                ["a": value(nil, "v")],
                ["a": value("", "v")], ["a": value("Number", "seven")], ["a": value("Number", "0x7")],
                ["a": value("Binary", nil)], ["a": value("Binary", "v", [1])], ["a b": good], [".a": good],
                ["a.": good],
                ["a..b": good], ["AWS.a": good], ["amazon.a": good], [String(repeating: "a", count: 257): good],
                Dictionary(uniqueKeysWithValues: (0...10).map { ("\($0)", good) }),
            ]
            for attributes in wrong {
                let code = await ClientError.code {
                    try await sqs.send("m", to: url) { $0.messageAttributes = attributes }
                }
                #expect(code == "InvalidParameterValueException", "\(attributes)")
            }
            try await sqs.send("m", to: url) {
                $0.messageAttributes = ["a.b-c_1": value("Number.int", "-1.5e3"), "x.y": good]
            }
            let some = try await sqs.receive(from: url) { $0.messageAttributeNames = ["a.*"] }
            #expect(some.first?.messageAttributes.map { Array($0.keys) } == ["a.b-c_1"])
        }
    }

    @Test("what a receive may ask for", arguments: SQSTestBench.protocols)
    func receiveLimits(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let url = try await sqs.create("q")
            let invalid = wire == .query ? "InvalidParameterValue" : "InvalidParameterValueException"
            #expect(await ClientError.code { _ = try await sqs.receive(from: url, limit: 0) } == invalid)
            #expect(await ClientError.code { _ = try await sqs.receive(from: url, limit: 11) } == invalid)
            #expect(await ClientError.code { _ = try await sqs.receive(from: url, wait: 21) } == invalid)
            #expect(await ClientError.code { _ = try await sqs.receive(from: url, visibility: 43_201) } == invalid)
            #expect(await ClientError.code { _ = try await sqs.receive(from: "/x") } == "InvalidAddress")
        }
    }
}
