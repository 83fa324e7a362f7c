// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import NIOCore
import Storage
import Testing

@testable import SNS

@Suite("SNS Publish", .timeLimit(.minutes(20))) struct PublishTests {
    @Test(
        "refuses what is no message",
        arguments: [
            ("", nil, nil, "Empty message"), ("x", "a\nb", nil, "Subject"), ("x", "", nil, "Subject"),
            ("x", String(repeating: "s", count: 100), nil, "Subject"), ("x", nil, "xml", "MessageStructure"),
            ("x", nil, "json", "Message Structure - JSON message body failed to parse"),
            (#"{"a":"b"}"#, nil, "json", "Message Structure - No default entry in JSON message body"),
            (#"{"default":"a","default":"b"}"#, nil, "json", "Message Structure - JSON message body failed to parse"),
            (String(repeating: "x", count: 262_145), nil, nil, "Message too long"),
        ] as [(String, String?, String?, String)]
    )
    func wrong(message: String, subject: String?, structure: String?, fault: String) async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            await #expect(throws: invalid(fault)) {
                try await sns.publish(topic, message) {
                    $0.subject = subject
                    $0.messageStructure = structure
                }
            }
        }
    }

    @Test("counts attributes into the size, and takes more when the topic does")
    func size() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            let message = String(repeating: "x", count: 262_144 - 12)
            try await sns.publish(topic, message) { $0.messageAttributes = ["name": .text("12")] }
            await #expect(throws: invalid("Message too long")) {
                try await sns.publish(topic, message) { $0.messageAttributes = ["name": .text("123")] }
            }
            try await sns.setTopic("MaximumMessageSize", "1048576", of: topic)
            try await sns.publish(topic, String(repeating: "x", count: 1_048_576))
            await #expect(throws: ClientError.self) { try await sns.subscribe(topic, "http", "http://h/") }
            try await sns.setTopic("MaximumMessageSize", "1024", of: topic)
            await #expect(throws: invalid("Message too long")) {
                try await sns.publish(topic, String(repeating: "x", count: 1_025))
            }
        }
    }

    @Test(
        "refuses attributes that are none",
        arguments: [
            ("a", "", "x"), ("a", "Text", "x"), ("a", "String", ""), ("a", "Binary", "x"), ("a", "Number", "x"),
            ("a", "Number", "1e999"), (".a", "String", "x"), ("a..b", "String", "x"), ("a b", "String", "x"),
            ("a", "String.Array", "x"), ("a", "String.Array", "[[1]]"), ("a", "String.", "x"),
        ]
    )
    func attributes(name: String, type: String, text: String) async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            let error = await #expect(throws: ClientError.self) {
                try await sns.publish(topic) { $0.messageAttributes = [name: .text(text, type)] }
            }
            #expect(error?.status == 400)
            #expect(try await sns.rows(in: "sns_message") == 0)
        }
    }

    @Test("wants one place to publish to")
    func places() async throws {
        try await SNSTestBench.run { sns in
            var input = PublishInput()
            input.message = "x"
            let none = input
            await #expect(throws: invalid("TopicArn or TargetArn Reason: no value for required parameter")) {
                try await sns.client.call(SNSOperations.publish, none)
            }
            input.topicArn = try await sns.createTopic()
            input.phoneNumber = "+15550100"
            let two = input
            await #expect(throws: ClientError.self) { try await sns.client.call(SNSOperations.publish, two) }
            input.phoneNumber = nil
            (input.topicArn, input.targetArn) = (nil, input.topicArn)
            #expect(try await sns.client.call(SNSOperations.publish, input).messageId?.count == 36)
        }
    }

    @Test("of a batch stores each entry or says why not")
    func batch() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            try await sns.subscribe(topic)
            var input = PublishBatchInput(topicArn: topic)
            input.publishBatchRequestEntries = ["a", "b", "c"].map { PublishBatchRequestEntry(id: $0, message: $0) }
            input.publishBatchRequestEntries[1].message = ""
            let output = try await sns.client.call(SNSOperations.publishBatch, input)
            #expect(output.successful?.map(\.id) == ["a", "c"])
            #expect(output.failed?.map(\.id) == ["b"])
            #expect(output.failed?.first?.code == "InvalidParameter")
            #expect(output.failed?.first?.senderFault == true)
            let texts = try await sns.queues.taken.first(2).map {
                try JSONValue(parsing: $0.text)["Message"]?.stringValue
            }
            #expect(Set(texts) == ["a", "c"])
        }
    }

    @Test("of a batch that is wrong as a whole stores nothing")
    func wrongBatch() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            func code(_ entries: [PublishBatchRequestEntry]) async throws -> String? {
                var input = PublishBatchInput(topicArn: topic)
                input.publishBatchRequestEntries = entries
                let wrong = input
                return await #expect(throws: ClientError.self) {
                    try await sns.client.call(SNSOperations.publishBatch, wrong)
                }?.code
            }
            let entry = PublishBatchRequestEntry(id: "a", message: "x")
            #expect(try await code([entry, entry]) == "BatchEntryIdsNotDistinct")
            #expect(try await code([PublishBatchRequestEntry(id: "a b", message: "x")]) == "InvalidBatchEntryId")
            let many = (0..<11).map { PublishBatchRequestEntry(id: "\($0)", message: "x") }
            #expect(try await code(many) == "TooManyEntriesInBatchRequest")
            let large = (0..<2).map {
                PublishBatchRequestEntry(id: "\($0)", message: String(repeating: "x", count: 131_073))
            }
            #expect(try await code(large) == "BatchRequestTooLong")
        }
    }

    @Test("to an encrypted topic keeps the message sealed, and delivers it open")
    func sealed() async throws {
        try await SNSTestBench.run(delivers: false) { sns in
            let topic = try await sns.createTopic("t", ["KmsMasterKeyId": "alias/aws/sns"])
            try await sns.subscribe(topic)
            try await sns.publish(topic, "a secret")
            let rows = try await sns.server.database.read { tx in
                try tx.rows(MessageRow.self, "SELECT \(MessageRow.columns) FROM sns_message")
            }
            #expect(rows.count == 1)
            #expect(rows[0].isSealed)
            #expect(!String(decoding: rows[0].content, as: UTF8.self).contains("secret"))
            #expect(try rows[0].opened(by: SNSTestBench.cipher).content.body == "a secret")
        }
    }

    @Test("keeps a message exactly, whatever is in it")
    func stored() throws {
        var message = PublishedMessage(body: "b\u{0}\"\\\u{1F600}")
        message.subject = "s"
        message.bodies = ["sqs": "q", "APNS": "{}"]
        message.attributes = [
            "t": MessageAttribute(dataType: "String.x", value: .text("v")),
            "b": MessageAttribute(dataType: "Binary", value: .binary([0, 255])),
        ]
        (message.groupID, message.deduplicationID, message.traceHeader) = ("g", "d", "Root=1")
        (message.signatureVersion, message.displayName) = (2, "n")
        message.kind = .subscriptionConfirmation(token: "t")
        #expect(try PublishedMessage(parsing: message.text) == message)
        for rubbish in ["", "[]", "{}", "{\"body\": 1}"] {
            #expect(throws: (any Error).self) { try PublishedMessage(parsing: rubbish) }
        }
    }
}
