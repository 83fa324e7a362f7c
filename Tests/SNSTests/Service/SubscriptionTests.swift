// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import SNS

@Suite("SNS subscriptions", .timeLimit(.minutes(20))) struct SubscriptionTests {
    private static let queue = "arn:aws:sqs:us-east-1:000000000000:q"

    @Test("of one's own queue are there at once, and again the same")
    func queue() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            let arn = try await sns.subscribe(topic)
            #expect(arn.hasPrefix(topic + ":"))
            #expect(try await sns.subscribe(topic) == arn)
            let attributes = try await sns.attributes(of: arn)
            #expect(
                attributes == [
                    "SubscriptionArn": arn, "TopicArn": topic, "Protocol": "sqs", "Endpoint": Self.queue,
                    "Owner": "000000000000", "SubscriptionPrincipal": "arn:aws:iam::000000000000:root",
                    "PendingConfirmation": "false", "ConfirmationWasAuthenticated": "true",
                    "RawMessageDelivery": "false",
                ]
            )
            await #expect(
                throws: invalid("Attributes Reason: Subscription already exists with different attributes")
            ) { try await sns.subscribe(topic, "sqs", Self.queue, ["RawMessageDelivery": "true"]) }
            #expect(try await sns.attributes(of: topic)["SubscriptionsConfirmed"] == "1")
        }
    }

    @Test(
        "have endpoints that fit their protocol",
        arguments: [
            ("pigeon", "x", "Amazon SNS does not support this protocol string: pigeon"),
            ("http", "https://h/", "Endpoint must match the specified protocol"),
            ("https", "http://h/", "Endpoint must match the specified protocol"),
            ("sqs", "q", "SQS endpoint ARN"), ("lambda", "f", "Lambda endpoint ARN"), ("email", "x", "Email address"),
            ("sms", "abc", "Invalid SMS endpoint: abc"),
            (
                "sqs", "arn:aws:sqs:us-east-1:000000000000:q.fifo",
                "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
            ),
        ]
    )
    func endpoints(wire: String, endpoint: String, message: String) async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            await #expect(throws: invalid(message)) { try await sns.subscribe(topic, wire, endpoint) }
        }
    }

    @Test("to Firehose are named as not implemented")
    func firehose() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            let error = await #expect(throws: ClientError.self) {
                try await sns.subscribe(topic, "firehose", "arn:aws:firehose:us-east-1:000000000000:deliverystream/d")
            }
            #expect(error?.status == 501)
        }
    }

    @Test("over HTTP wait for a confirmation, whose token works without a signature and only once it is right")
    func confirmation() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            var input = SubscribeInput(topicArn: topic, protocol: "http", endpoint: "http://h/x")
            let answer = try await sns.client.call(SNSOperations.subscribe, input)
            #expect(answer.subscriptionArn == "pending confirmation")
            let post = await sns.web.posts.first(1)[0]
            #expect(post.headers["x-amz-sns-message-type"] == "SubscriptionConfirmation")
            #expect(post.headers["x-amz-sns-subscription-arn"] == nil)
            #expect(post.headers["Content-Type"] == "text/plain; charset=UTF-8")
            let body = try JSONValue(parsing: post.body)
            let token = try #require(body["Token"]?.stringValue)
            let url = try #require(body["SubscribeURL"]?.stringValue)
            #expect(url.hasSuffix("/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn=\(topic)&Token=\(token)"))
            try await sns.publish(topic)
            #expect(try await sns.attributes(of: topic)["SubscriptionsPending"] == "1")

            await #expect(throws: invalid("Token")) {
                try await sns.unsigned().client.call(
                    SNSOperations.confirmSubscription,
                    ConfirmSubscriptionInput(topicArn: topic, token: "wrong")
                )
            }
            let confirm = ConfirmSubscriptionInput(topicArn: topic, token: token)
            let arn = try #require(
                try await sns.unsigned().client.call(SNSOperations.confirmSubscription, confirm).subscriptionArn
            )
            let again = try await sns.unsigned().client.call(SNSOperations.confirmSubscription, confirm)
            #expect(again.subscriptionArn == arn)
            let attributes = try await sns.attributes(of: arn)
            #expect(attributes["PendingConfirmation"] == "false")
            #expect(attributes["ConfirmationWasAuthenticated"] == "false")
            #expect(attributes["EffectiveDeliveryPolicy"]?.hasPrefix("{\"healthyRetryPolicy\":") == true)
            try await sns.publish(topic, "now")
            let second = await sns.web.posts.first(2)[1]
            #expect(second.headers["x-amz-sns-subscription-arn"] == arn)
            #expect(try JSONValue(parsing: second.body)["Message"]?.stringValue == "now")
            input.endpoint = "http://h/x"
            #expect(try await sns.client.call(SNSOperations.subscribe, input).subscriptionArn == arn)
        }
    }

    @Test("that nobody confirms in two days are gone, and so is what their token could do")
    func expiry() async throws {
        try await SNSTestBench.run(delivers: false) { sns in
            let topic = try await sns.createTopic()
            try await sns.subscribe(topic, "http", "http://h/x")
            let rows = try await sns.server.database.read { tx in
                try tx.rows(MessageRow.self, "SELECT \(MessageRow.columns) FROM sns_message")
            }
            let message = try #require(try rows.first?.opened(by: SNSTestBench.cipher).content)
            guard case .subscriptionConfirmation(let token) = message.kind else {
                Issue.record("no confirmation was asked for")
                return
            }
            await sns.clock.advance(by: .seconds(2 * 86_400 - 1))
            try await sns.service.sweeper.sweep()
            #expect(try await sns.rows(in: "sns_subscription") == 1)
            await sns.clock.advance(by: .seconds(1))
            await #expect(throws: invalid("Token")) {
                try await sns.client.call(
                    SNSOperations.confirmSubscription,
                    ConfirmSubscriptionInput(topicArn: topic, token: token)
                )
            }
            try await sns.service.sweeper.sweep()
            #expect(try await sns.rows(in: "sns_subscription") == 0)
        }
    }

    @Test("that asked for signed unsubscribing cannot be ended by a link; others can, and are told how to come back")
    func unsubscribe() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            try await sns.subscribe(topic, "http", "http://h/x")
            let token = try #require(try JSONValue(parsing: await sns.web.posts.first(1)[0].body)["Token"]?.stringValue)
            var confirm = ConfirmSubscriptionInput(topicArn: topic, token: token)
            confirm.authenticateOnUnsubscribe = "true"
            let unsigned = confirm
            await #expect(throws: ClientError.self) {
                try await sns.unsigned().client.call(SNSOperations.confirmSubscription, unsigned)
            }
            let arn = try #require(
                try await sns.client.call(SNSOperations.confirmSubscription, confirm).subscriptionArn
            )
            let end = UnsubscribeInput(subscriptionArn: arn)
            let refusal = await #expect(throws: ClientError.self) {
                try await sns.unsigned().client.call(SNSOperations.unsubscribe, end)
            }
            #expect(refusal?.code == "AuthorizationError")
            _ = try await sns.client.call(SNSOperations.unsubscribe, end)
            _ = try await sns.client.call(SNSOperations.unsubscribe, end)
            let last = await sns.web.posts.first(2)[1]
            #expect(last.headers["x-amz-sns-message-type"] == "UnsubscribeConfirmation")
            #expect(last.headers["x-amz-sns-subscription-arn"] == arn)
            await #expect(throws: error("NotFound", "Subscription does not exist", 404)) {
                try await sns.attributes(of: arn)
            }
            #expect(try await sns.attributes(of: topic)["SubscriptionsDeleted"] == "1")
            let back = try #require(try JSONValue(parsing: last.body)["Token"]?.stringValue)
            let revived = try await sns.unsigned().client.call(
                SNSOperations.confirmSubscription,
                ConfirmSubscriptionInput(topicArn: topic, token: back)
            )
            #expect(revived.subscriptionArn == arn)
            #expect(try await sns.attributes(of: arn)["Endpoint"] == "http://h/x")
        }
    }

    @Test("of another account's queue have to be confirmed by a message in it")
    func foreignQueue() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            try await sns.subscribe(topic, "sqs", "arn:aws:sqs:us-east-1:111111111111:q")
            let delivery = await sns.queues.taken.first(1)[0]
            #expect(try JSONValue(parsing: delivery.text)["Type"]?.stringValue == "SubscriptionConfirmation")
            #expect(delivery.arn.account == "111111111111")
            let own = sns.inAccount("111111111111")
            let arn = try await own.subscribe(topic, "sqs", "arn:aws:sqs:us-east-1:111111111111:r")
            #expect(try await sns.attributes(of: arn)["PendingConfirmation"] == "false")
            #expect(try await sns.attributes(of: arn)["Owner"] == "111111111111")
            let listed = try await own.client.call(SNSOperations.listSubscriptions, ListSubscriptionsInput())
            #expect(listed.subscriptions?.map(\.subscriptionArn) == [arn])
            let all = try await sns.client.call(
                SNSOperations.listSubscriptionsByTopic,
                ListSubscriptionsByTopicInput(topicArn: topic)
            )
            #expect(Set((all.subscriptions ?? []).compactMap(\.subscriptionArn)) == [arn, "PendingConfirmation"])
        }
    }

    @Test(
        "refuse attributes that are none, or not right",
        arguments: [
            ("Nope", "x", "AttributeName"),
            (
                "FilterPolicyScope", "x",
                "FilterPolicyScope: Invalid value [x]. Please use either MessageBody or MessageAttributes"
            ), ("RawMessageDelivery", "x", "RawMessageDelivery: Invalid value [x]. Must be true or false."),
            ("RedrivePolicy", "x", "RedrivePolicy: failed to parse JSON."),
            ("RedrivePolicy", #"{"deadLetterTargetArn":"q"}"#, "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
            ("ReplayPolicy", "{}", "ReplayPolicy is only supported for FIFO topics"),
            ("DeliveryPolicy", "{}", "DeliveryPolicy: protocol sqs does not support delivery policies"),
            ("FilterPolicy", #"{"a":"b"}"#, "FilterPolicy: \"a\" must be an object or an array"),
        ]
    )
    func wrong(name: String, value: String, message: String) async throws {
        try await SNSTestBench.run { sns in
            let arn = try await sns.subscribe(sns.createTopic())
            await #expect(throws: invalid(message)) { try await sns.set(name, value, of: arn) }
        }
    }

    @Test("have dead-letter queues of the kind that a delivery without, or with, a message group can reach")
    func kindOfDeadLetters() async throws {
        @Sendable func queue(_ name: String) -> String { "arn:aws:sqs:us-east-1:000000000000:\(name)" }
        @Sendable func policy(_ name: String) -> String { #"{"deadLetterTargetArn":"\#(queue(name))"}"# }
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            let wrong = invalid("RedrivePolicy: must use a standard queue as DLQ for a standard Topic.")
            await #expect(throws: wrong) {
                try await sns.subscribe(topic, "sqs", queue("a"), ["RedrivePolicy": policy("d.fifo")])
            }
            let arn = try await sns.subscribe(topic, "sqs", queue("a"), ["RedrivePolicy": policy("d")])
            await #expect(throws: wrong) { try await sns.set("RedrivePolicy", policy("d.fifo"), of: arn) }
            let fifo = try await sns.createTopic("t.fifo")
            let mixed = invalid("RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.")
            await #expect(throws: mixed) {
                try await sns.subscribe(fifo, "sqs", queue("a.fifo"), ["RedrivePolicy": policy("d")])
            }
            try await sns.subscribe(fifo, "sqs", queue("a.fifo"), ["RedrivePolicy": policy("d.fifo")])
            try await sns.subscribe(fifo, "sqs", queue("b"), ["RedrivePolicy": policy("d")])
        }
    }

    @Test("keep filter policies that fit their scope, and lose them when they are emptied")
    func filters() async throws {
        try await SNSTestBench.run { sns in
            let arn = try await sns.subscribe(sns.createTopic())
            try await sns.set("FilterPolicy", #"{"a":["b"]}"#, of: arn)
            #expect(try await sns.attributes(of: arn)["FilterPolicyScope"] == "MessageAttributes")
            try await sns.set("FilterPolicyScope", "MessageBody", of: arn)
            try await sns.set("FilterPolicy", #"{"a":{"c":["b"]}}"#, of: arn)
            await #expect(throws: ClientError.self) {
                try await sns.set("FilterPolicyScope", "MessageAttributes", of: arn)
            }
            try await sns.set("FilterPolicy", "{}", of: arn)
            #expect(try await sns.attributes(of: arn)["FilterPolicy"] == nil)
        }
    }
}
