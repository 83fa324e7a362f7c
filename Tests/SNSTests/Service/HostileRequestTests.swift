// SPDX-License-Identifier: Apache-2.0
import MartletTesting
import Testing

@testable import SNS

@Suite("Requests that nobody means well with") struct HostileRequestTests {
    private static let topic = "arn:aws:sns:us-east-1:000000000000:t"
    private static let policy =
        #"{"kind":["a",{"prefix":"b"},{"anything-but":["c"]}],"price":[{"numeric":[">",1,"<=",5]}],"$or":[{"x":[{"exists":false}]},{"y":[{"cidr":"10.0.0.0/8"}]}]}"#

    private static func samples(_ subscription: String) -> [HostileRequests.Sample] {
        let samples: [(String, [(String, String)])] = [
            (
                "CreateTopic",
                [("Name", "other"), ("Attributes.entry.1.key", "DisplayName"), ("Attributes.entry.1.value", "d")]
            ),
            (
                "Subscribe",
                [
                    ("TopicArn", topic), ("Protocol", "sqs"), ("Endpoint", "arn:aws:sqs:us-east-1:000000000000:q"),
                    ("Attributes.entry.1.key", "FilterPolicy"), ("Attributes.entry.1.value", policy),
                ]
            ),
            (
                "SetSubscriptionAttributes",
                [("SubscriptionArn", subscription), ("AttributeName", "FilterPolicy"), ("AttributeValue", policy)]
            ),
            (
                "SetSubscriptionAttributes",
                [
                    ("SubscriptionArn", subscription), ("AttributeName", "DeliveryPolicy"),
                    (
                        "AttributeValue",
                        #"{"healthyRetryPolicy":{"numRetries":3,"minDelayTarget":1,"maxDelayTarget":5}}"#
                    ),
                ]
            ),
            (
                "SetTopicAttributes",
                [("TopicArn", topic), ("AttributeName", "Policy"), ("AttributeValue", #"{"Statement":[]}"#)]
            ),
            (
                "Publish",
                [
                    ("TopicArn", topic), ("Message", #"{"default":"d","sqs":"s"}"#), ("MessageStructure", "json"),
                    ("MessageAttributes.entry.1.Name", "kind"),
                    ("MessageAttributes.entry.1.Value.DataType", "String.Array"),
                    ("MessageAttributes.entry.1.Value.StringValue", #"["a",1]"#),
                ]
            ),
            (
                "PublishBatch",
                [
                    ("TopicArn", topic), ("PublishBatchRequestEntries.member.1.Id", "a"),
                    ("PublishBatchRequestEntries.member.1.Message", "m"),
                ]
            ),
            ("ListSubscriptionsByTopic", [("TopicArn", topic), ("NextToken", "x")]),
            ("ConfirmSubscription", [("TopicArn", topic), ("Token", "0123456789abcdef")]),
            ("TagResource", [("ResourceArn", topic), ("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")]),
            (
                "AddPermission",
                [
                    ("TopicArn", topic), ("Label", "l"), ("AWSAccountId.member.1", "111122223333"),
                    ("ActionName.member.1", "Publish"),
                ]
            ),
            (
                "SetSMSAttributes",
                [("attributes.entry.1.key", "DefaultSMSType"), ("attributes.entry.1.value", "Promotional")]
            ),
        ]
        return samples.map { .query($0.0, $0.1, version: "2010-03-31") }
    }

    @Test("get AWS's errors, and leave topics as they are", arguments: 0..<4)
    func rubbish(seed: Int) async throws {
        try await SNSTestBench.run(delivers: false) { sns in
            let topic = try await sns.createTopic()
            let subscription = try await sns.subscribe(topic)
            var hostile = HostileRequests(seed: UInt64(seed) &+ 77, like: Self.samples(subscription), to: "sns")
            let tally = try await hostile.send(1_000, to: sns.server)
            #expect(tally.total == 1_000)
            #expect(tally.faults == [])
            #expect(tally.statuses[200, default: 0] > 100)
            #expect(tally.statuses[400, default: 0] > 200)
            let fresh = try await sns.createTopic("fresh")
            try await sns.subscribe(fresh)
            try await sns.publish(fresh, "still here")
        }
    }

    @Test("of filter policies get AWS's errors or are in force, and messages still pass", arguments: 0..<2)
    func policies(seed: Int) async throws {
        try await SNSTestBench.run(delivers: false) { sns in
            let topic = try await sns.createTopic()
            let subscription = try await sns.subscribe(topic)
            let values = [
                ("FilterPolicy", Self.policy), ("FilterPolicy", #"{"body":{"deep":{"er":[{"suffix":"x"},null,1e3]}}}"#),
                ("FilterPolicyScope", "MessageBody"), ("RedrivePolicy", #"{"deadLetterTargetArn":"arn:aws:sqs:::d"}"#),
            ]
            let samples = values.map { name, value in
                HostileRequests.Sample.query(
                    "SetSubscriptionAttributes",
                    [("SubscriptionArn", subscription), ("AttributeName", name), ("AttributeValue", value)],
                    version: "2010-03-31"
                )
            }
            var hostile = HostileRequests(seed: UInt64(seed) &+ 177, like: samples, to: "sns")
            for _ in 0..<10 {
                let tally = try await hostile.send(100, to: sns.server)
                #expect(tally.total == 100)
                #expect(tally.faults == [])
                try await sns.publish(topic, #"{"kind":"a","price":3,"body":{"deep":[{"er":"x"}]}}"#)
            }
        }
    }
}
