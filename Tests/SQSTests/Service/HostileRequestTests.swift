// SPDX-License-Identifier: Apache-2.0
import MartletTesting
import Testing

@testable import SQS

@Suite("Requests that nobody means well with") struct HostileRequestTests {
    private static let url = "http://localhost:4566/000000000000/q"
    private static let arn = "arn:aws:sqs:us-east-1:000000000000:q"

    private static let bodies: [(String, String)] = [
        (
            "CreateQueue",
            #"{"QueueName":"other","Attributes":{"VisibilityTimeout":"30","DelaySeconds":"0"},"tags":{"a":"b"}}"#
        ),
        (
            "SendMessage",
            #"{"QueueUrl":"URL","MessageBody":"m","DelaySeconds":0,"MessageAttributes":{"n":{"DataType":"Number.int","StringValue":"1"},"b":{"DataType":"Binary","BinaryValue":"AAEC"}},"MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"Root=1-0-0"}}}"#
        ),
        (
            "SendMessageBatch",
            #"{"QueueUrl":"URL","Entries":[{"Id":"a","MessageBody":"m"},{"Id":"b","MessageBody":"m","DelaySeconds":0,"MessageGroupId":"g"}]}"#
        ),
        (
            "ReceiveMessage",
            #"{"QueueUrl":"URL","MaxNumberOfMessages":10,"VisibilityTimeout":30,"AttributeNames":["All"],"MessageAttributeNames":["a.*"],"ReceiveRequestAttemptId":"r"}"#
        ),
        ("DeleteMessage", #"{"QueueUrl":"URL","ReceiptHandle":"AQEB"}"#),
        ("DeleteMessageBatch", #"{"QueueUrl":"URL","Entries":[{"Id":"a","ReceiptHandle":"x"}]}"#),
        ("ChangeMessageVisibility", #"{"QueueUrl":"URL","ReceiptHandle":"x","VisibilityTimeout":0}"#),
        (
            "ChangeMessageVisibilityBatch",
            #"{"QueueUrl":"URL","Entries":[{"Id":"a","ReceiptHandle":"x","VisibilityTimeout":0}]}"#
        ),
        (
            "SetQueueAttributes",
            #"{"QueueUrl":"URL","Attributes":{"RedrivePolicy":"{\"deadLetterTargetArn\":\"ARN\",\"maxReceiveCount\":3}","Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[]}","MessageRetentionPeriod":"60"}}"#
        ),
        ("GetQueueAttributes", #"{"QueueUrl":"URL","AttributeNames":["All"]}"#),
        ("GetQueueUrl", #"{"QueueName":"q","QueueOwnerAWSAccountId":"000000000000"}"#),
        ("ListQueues", #"{"QueueNamePrefix":"q","MaxResults":1,"NextToken":"x"}"#),
        (
            "AddPermission",
            #"{"QueueUrl":"URL","Label":"l","AWSAccountIds":["111122223333"],"Actions":["SendMessage"]}"#
        ),
        ("RemovePermission", #"{"QueueUrl":"URL","Label":"l"}"#),
        ("TagQueue", #"{"QueueUrl":"URL","Tags":{"a":"b"}}"#),
        ("UntagQueue", #"{"QueueUrl":"URL","TagKeys":["a"]}"#),
        ("StartMessageMoveTask", #"{"SourceArn":"ARN","DestinationArn":"ARN","MaxNumberOfMessagesPerSecond":500}"#),
        ("ListMessageMoveTasks", #"{"SourceArn":"ARN","MaxResults":1}"#),
        ("CancelMessageMoveTask", #"{"TaskHandle":"e30="}"#),
    ]

    private static let json = bodies.map { name, body in
        HostileRequests.Sample(
            target: "AmazonSQS.\(name)",
            body.replacing("URL", with: url).replacing("ARN", with: arn)
        )
    }

    private static let forms: [(String, [(String, String)])] = [
        ("CreateQueue", [("QueueName", "other"), ("Attribute.1.Name", "DelaySeconds"), ("Attribute.1.Value", "0")]),
        (
            "SendMessage",
            [
                ("QueueUrl", url), ("MessageBody", "m"), ("MessageAttribute.1.Name", "a"),
                ("MessageAttribute.1.Value.DataType", "String"), ("MessageAttribute.1.Value.StringValue", "v"),
            ]
        ),
        (
            "SendMessageBatch",
            [
                ("QueueUrl", url), ("SendMessageBatchRequestEntry.1.Id", "a"),
                ("SendMessageBatchRequestEntry.1.MessageBody", "m"),
            ]
        ),
        ("ReceiveMessage", [("QueueUrl", url), ("MaxNumberOfMessages", "10"), ("AttributeName.1", "All")]),
        (
            "DeleteMessageBatch",
            [
                ("QueueUrl", url), ("DeleteMessageBatchRequestEntry.1.Id", "a"),
                ("DeleteMessageBatchRequestEntry.1.ReceiptHandle", "x"),
            ]
        ),
        (
            "SetQueueAttributes",
            [
                ("QueueUrl", url), ("Attribute.1.Name", "RedriveAllowPolicy"),
                ("Attribute.1.Value", #"{"redrivePermission":"byQueue","sourceQueueArns":["\#(arn)"]}"#),
            ]
        ),
        ("GetQueueAttributes", [("QueueUrl", url), ("AttributeName.1", "All")]),
        (
            "AddPermission",
            [("QueueUrl", url), ("Label", "l"), ("AWSAccountId.1", "111122223333"), ("ActionName.1", "SendMessage")]
        ),
        ("TagQueue", [("QueueUrl", url), ("Tag.1.Key", "a"), ("Tag.1.Value", "b")]),
    ]

    private static let query = forms.map { HostileRequests.Sample.query($0.0, $0.1, version: "2012-11-05") }

    @Test("get AWS's errors, in either protocol, and leave the queues as they are", arguments: 0..<4)
    func rubbish(seed: Int) async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q")
            var tally = HostileRequests.Tally()
            for samples in [Self.json, Self.query] {
                var hostile = HostileRequests(seed: UInt64(seed), like: samples, to: "sqs")
                tally = tally + (try await hostile.send(750, to: sqs.server))
            }
            #expect(tally.total == 1_500)
            #expect(tally.faults == [])
            // What was changed too little to be wrong was done, and most of the rest was refused by name.
            #expect(tally.statuses[200, default: 0] > 100)
            #expect(tally.statuses[400, default: 0] > 400)
            #expect(tally.codes.count > 5)
            let fresh = try await sqs.create("fresh")
            try await sqs.send("still here", to: fresh)
            #expect(try await sqs.bodies(in: fresh) == ["still here"])
            #expect(!url.isEmpty)
        }
    }
}
