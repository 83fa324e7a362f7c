// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import MartletTesting
import NIOCore
import Storage
import Testing

@testable import SQS

@Suite("SQS queues") struct QueueTests {
    @Test("a new queue shows AWS's defaults", arguments: SQSTestBench.protocols)
    func defaults(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let now = "\(sqs.clock.now.milliseconds / 1_000)"
            var expected = [
                "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0",
                "ApproximateNumberOfMessagesDelayed": "0", "CreatedTimestamp": now, "LastModifiedTimestamp": now,
                "DelaySeconds": "0", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600",
                "ReceiveMessageWaitTimeSeconds": "0", "VisibilityTimeout": "30", "SqsManagedSseEnabled": "true",
                "QueueArn": "arn:aws:sqs:us-east-1:000000000000:q",
            ]
            let standard = try await sqs.create("q")
            #expect(try await sqs.attributes(of: standard) == expected)
            expected["QueueArn"] = "arn:aws:sqs:us-east-1:000000000000:f.fifo"
            expected.merge([
                "FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue",
                "FifoThroughputLimit": "perQueue",
            ]) { $1 }
            let fifo = try await sqs.createFIFO("f")
            #expect(try await sqs.attributes(of: fifo) == expected)
            #expect(try await sqs.attributes(of: fifo, [.delaySeconds]) == ["DelaySeconds": "0"])
            #expect(try await sqs.attributes(of: fifo, []) == [:])
            #expect(
                await ClientError.code { _ = try await sqs.attributes(of: fifo, [.init("No")]) }
                    == "InvalidAttributeName"
            )
        }
    }

    @Test("creating a queue again finds it, unless it is to be another", arguments: SQSTestBench.protocols)
    func createAgain(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let url = try await sqs.create("q", ["DelaySeconds": "3"])
            #expect(try await sqs.create("q") == url)
            #expect(try await sqs.create("q", ["DelaySeconds": "3", "VisibilityTimeout": "30"]) == url)
            await #expect(
                throws: ClientError(
                    wire == .query ? "QueueAlreadyExists" : "QueueNameExists",
                    "A queue already exists with the same name and a different value for attribute DelaySeconds"
                )
            ) { try await sqs.create("q", ["DelaySeconds": "4"]) }
        }
    }

    @Test("names and attributes that cannot be are refused", arguments: SQSTestBench.protocols)
    func refusals(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let invalid = wire == .query ? "InvalidParameterValue" : "InvalidParameterValueException"
            for name in ["", "a b", "q.fifo", "ü", String(repeating: "x", count: 81)] {
                #expect(await ClientError.code { try await sqs.create(name) } == invalid, "\(name)")
            }
            #expect(await ClientError.code { try await sqs.create("q", ["FifoQueue": "true"]) } == invalid)
            let values = [
                ("DelaySeconds", "901"), ("DelaySeconds", "-1"), ("DelaySeconds", "x"), ("VisibilityTimeout", "43201"),
                ("MaximumMessageSize", "1023"), ("MaximumMessageSize", "1048577"), ("MessageRetentionPeriod", "59"),
                ("ReceiveMessageWaitTimeSeconds", "21"), ("Policy", "no JSON"), ("SqsManagedSseEnabled", "maybe"),
                ("DelaySeconds", "99999999999999999999"),
            ]
            for (name, value) in values {
                #expect(await ClientError.code { try await sqs.create("q", [name: value]) } == "InvalidAttributeValue")
            }
            for name in ["Nonsense", "FifoQueue", "QueueArn", "All", "ContentBasedDeduplication"] {
                #expect(await ClientError.code { try await sqs.create("q", [name: "false"]) } == "InvalidAttributeName")
            }
            #expect(await ClientError.code { _ = try await sqs.attributes(of: "http://x/000000000000/q") } != nil)
        }
    }

    @Test("settings that change are in force at once, and in no cache")
    func changes() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q")
            try await sqs.send("1", to: url)
            try await sqs.set(["VisibilityTimeout": "0", "MaximumMessageSize": "1024"], of: url)
            #expect(try await sqs.bodies(in: url) == ["1"])
            #expect(try await sqs.bodies(in: url) == ["1"])
            let long = String(repeating: "x", count: 1_025)
            #expect(await ClientError.code { try await sqs.send(long, to: url) } == "InvalidParameterValueException")
            #expect(
                await ClientError.code { try await sqs.set(["FifoQueue": "true"], of: url) } == "InvalidAttributeValue"
            )
            // A change that is undone leaves nothing.
            #expect(await ClientError.code { try await sqs.set(["DelaySeconds": "9", "Policy": "x"], of: url) } != nil)
            #expect(try await sqs.attributes(of: url)["DelaySeconds"] == "0")
        }
    }

    @Test("the name of a deleted queue rests for a minute, and its messages do not come back")
    func deletion() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q")
            try await sqs.send("old", to: url)
            _ = try await sqs.client.call(SQSOperations.deleteQueue, DeleteQueueInput(queueUrl: url))
            await #expect(throws: ClientError("QueueDoesNotExist", "The specified queue does not exist.")) {
                _ = try await sqs.bodies(in: url)
            }
            await #expect(
                throws: ClientError(
                    "QueueDeletedRecently",
                    "You must wait 60 seconds after deleting a queue before you can create another with the same name."
                )
            ) { try await sqs.create("q") }
            await sqs.clock.advance(by: .seconds(60))
            try await sqs.create("q")
            #expect(try await sqs.bodies(in: url) == [])
            try await sqs.service.sweep()
            let rows = try await sqs.server.database.read {
                try $0.count("SELECT (SELECT COUNT(*) FROM sqs_message) + (SELECT COUNT(*) FROM sqs_deleted_queue)")
            }
            #expect(rows == 0)
        }
    }

    @Test(
        "queues are listed by prefix, page by page, each account and region its own",
        arguments: SQSTestBench.protocols
    )
    func lists(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            for name in ["a1", "b1", "b2", "b3", "c1"] { try await sqs.create(name) }
            var elsewhere = sqs
            elsewhere.client = sqs.client.inRegion("eu-west-1")
            try await elsewhere.create("b9")
            elsewhere.client = sqs.client.signing(as: .account("111122223333"))
            #expect(try await elsewhere.create("b9") == "http://localhost:4566/111122223333/b9")
            var input = ListQueuesInput(queueNamePrefix: "b", maxResults: 2)
            let first = try await sqs.client.call(SQSOperations.listQueues, input)
            #expect(first.queueUrls?.map { String($0.suffix(2)) } == ["b1", "b2"])
            input.nextToken = first.nextToken
            let second = try await sqs.client.call(SQSOperations.listQueues, input)
            #expect(second.queueUrls?.map { String($0.suffix(2)) } == ["b3"])
            #expect(second.nextToken == nil)
            let none = try await sqs.client.call(SQSOperations.listQueues, ListQueuesInput(queueNamePrefix: "z"))
            #expect(none.queueUrls == nil)
            var owned = GetQueueUrlInput(queueName: "b9")
            owned.queueOwnerAWSAccountId = "111122223333"
            #expect(
                try await sqs.client.call(SQSOperations.getQueueUrl, owned).queueUrl
                    == "http://localhost:4566/111122223333/b9"
            )
            try await sqs.service.reset(account: .local)
            #expect(try await sqs.client.call(SQSOperations.listQueues, ListQueuesInput()).queueUrls == nil)
            #expect(try await sqs.client.call(SQSOperations.getQueueUrl, owned).queueUrl != nil)
        }
    }

    @Test("tags are set, listed and removed", arguments: SQSTestBench.protocols)
    func tags(wire: WireProtocol) async throws {
        try await SQSTestBench.run(speaking: wire) { sqs in
            let input = CreateQueueInput(queueName: "q", tags: ["a": "1"])
            let url = try await sqs.client.call(SQSOperations.createQueue, input).queueUrl
            _ = try await sqs.client.call(
                SQSOperations.tagQueue,
                TagQueueInput(queueUrl: url, tags: ["b": "2", "a": "3"])
            )
            let list = ListQueueTagsInput(queueUrl: url)
            #expect(try await sqs.client.call(SQSOperations.listQueueTags, list).tags == ["a": "3", "b": "2"])
            _ = try await sqs.client.call(
                SQSOperations.untagQueue,
                UntagQueueInput(queueUrl: url, tagKeys: ["a", "b"])
            )
            #expect(try await sqs.client.call(SQSOperations.listQueueTags, list).tags == nil)
            let many = Dictionary(uniqueKeysWithValues: (0...50).map { ("\($0)", "v") })
            let code = await ClientError.code {
                _ = try await sqs.client.call(SQSOperations.tagQueue, TagQueueInput(queueUrl: url, tags: many))
            }
            #expect(code == (wire == .query ? "InvalidParameterValue" : "InvalidParameterValueException"))
        }
    }

    @Test("permissions are statements of the policy, which IAM is given")
    func permissions() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q")
            var input = AddPermissionInput(queueUrl: url, label: "l")
            input.awsAccountIds = ["111122223333"]
            input.actions = ["SendMessage", "ReceiveMessage"]
            _ = try await sqs.client.call(SQSOperations.addPermission, input)
            let policy = try #require(try await sqs.attributes(of: url)["Policy"])
            let statement = try #require(try JSONValue(parsing: policy)["Statement"]?.arrayValue?.first)
            #expect(statement["Sid"]?.stringValue == "l")
            #expect(statement["Principal"]?["AWS"]?.stringValue == "arn:aws:iam::111122223333:root")
            #expect(statement["Action"]?.arrayValue?.count == 2)
            let arn = try #require(ARN("arn:aws:sqs:us-east-1:000000000000:q"))
            let given = try await SQSResourcePolicies(sqs.service).policy(of: arn)
            #expect(given == policy)
            #expect(
                await ClientError.code { _ = try await sqs.client.call(SQSOperations.addPermission, input) }
                    == "InvalidParameterValueException"
            )
            let removal = RemovePermissionInput(queueUrl: url, label: "l")
            _ = try await sqs.client.call(SQSOperations.removePermission, removal)
            #expect(try await sqs.attributes(of: url)["Policy"] == nil)
        }
    }

    @Test("errors carry the names of both protocols")
    func errorNames() async throws {
        try await SQSTestBench.run { sqs in
            let input = PurgeQueueInput(queueUrl: "http://localhost:4566/000000000000/none")
            let json = try await sqs.client.send(SQSOperations.purgeQueue.binding, input)
            #expect(json.status == 400)
            #expect(
                json.headers[HTTPField.Name.amznQueryError] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
            )
            let text = String(buffer: try #require(try await json.body.collect(upTo: 4_096)))
            #expect(text.contains(#""__type":"com.amazonaws.sqs#QueueDoesNotExist""#))
            let query = sqs.server.client(.sqs, speaking: .query)
            let xml = try await query.send(SQSOperations.purgeQueue.binding, input)
            let body = String(buffer: try #require(try await xml.body.collect(upTo: 4_096)))
            #expect(body.contains("<Code>AWS.SimpleQueueService.NonExistentQueue</Code>"))
            #expect(body.contains("<Message>The specified queue does not exist for this wsdl version.</Message>"))
        }
    }
}
