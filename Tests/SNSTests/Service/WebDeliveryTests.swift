// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import SNS

@Suite("SNS deliveries over HTTP", .timeLimit(.minutes(20))) struct WebDeliveryTests {
    private static let dead = #"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead"}"#

    /// A confirmed subscription. One post was its confirmation.
    private func subscribed(
        _ sns: SNSTestBench,
        _ topic: String,
        _ attributes: [String: String]? = nil,
        path: String = "x"
    ) async throws -> String {
        let count = sns.web.posts.items.count
        try await sns.subscribe(topic, "http", "http://u:p@h/\(path)", attributes)
        let post = await sns.web.posts.first(count + 1)[count]
        let token = try #require(try JSONValue(parsing: post.body)["Token"]?.stringValue)
        try await sns.untilDeliveries(0)
        let input = ConfirmSubscriptionInput(topicArn: topic, token: token)
        return try await sns.client.call(SNSOperations.confirmSubscription, input).subscriptionArn ?? ""
    }

    @Test("have AWS's headers, and raw ones are the message alone")
    func headers() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            let arn = try await subscribed(sns, topic)
            try await sns.publish(topic)
            let post = await sns.web.posts.first(2)[1]
            #expect(post.headers["x-amz-sns-message-type"] == "Notification")
            #expect(post.headers["x-amz-sns-topic-arn"] == topic)
            #expect(post.headers["x-amz-sns-subscription-arn"] == arn)
            #expect(post.headers["User-Agent"] == "Amazon Simple Notification Service Agent")
            #expect(post.headers["Authorization"] == "Basic dTpw")
            #expect(post.headers["x-amz-sns-rawdelivery"] == nil)
            try await sns.set("RawMessageDelivery", "true", of: arn)
            try await sns.set("DeliveryPolicy", #"{"requestPolicy":{"headerContentType":"application/json"}}"#, of: arn)
            try await sns.publish(topic, "{}")
            let raw = await sns.web.posts.first(3)[2]
            #expect(raw.body == "{}")
            #expect(raw.headers["x-amz-sns-rawdelivery"] == "true")
            #expect(raw.headers["Content-Type"] == "application/json")
        }
    }

    @Test("are tried as the policy says, and then go to the dead-letter queue", arguments: [500, 503, 429])
    func retries(status: Int) async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            _ = try await subscribed(sns, topic, ["RedrivePolicy": Self.dead])
            sns.web.judge { _, _ in status }
            await sns.clock.untilSleepers(3)
            try await sns.publish(topic)
            for failures in 1...3 {
                try await sns.untilDeliveries(1, where: "tries = \(failures) AND session IS NULL")
                await sns.clock.advance(by: .seconds(20))
            }
            #expect(await sns.queues.taken.first(1)[0].arn.resource == "dead")
            #expect(sns.web.posts.items.count == 5, "the confirmation, the first try and three more")
        }
    }

    @Test(
        "are not tried again when the server says that they never will be taken",
        arguments: [301, 400, 403, 404, 410]
    )
    func refusals(status: Int) async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            _ = try await subscribed(sns, topic, ["RedrivePolicy": Self.dead])
            sns.web.judge { _, _ in status }
            try await sns.publish(topic)
            #expect(await sns.queues.taken.first(1)[0].arn.resource == "dead")
            #expect(sns.web.posts.items.count == 2)
        }
    }

    @Test("that hang hold up neither queues nor the other servers")
    func hanging() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            _ = try await subscribed(sns, topic, path: "hangs")
            _ = try await subscribed(sns, topic, path: "works")
            try await sns.subscribe(topic)
            let open = Recorder<Bool>()
            sns.web.judge { _, post in
                if post.url.hasSuffix("hangs") { _ = await open.first(1) }
                return 200
            }
            for number in 0..<30 { try await sns.publish(topic, "\(number)") }
            #expect(await sns.queues.taken.first(30).count == 30)
            try await sns.untilDeliveries(0, where: "queue = 'sns'")
            while sns.web.posts.items.count(where: { $0.url.hasSuffix("works") }) < 31 { await Task.yield() }
            let hanging = sns.web.posts.items.count { $0.url.hasSuffix("hangs") } - 1
            #expect((1...NotificationQueue.web.share.runningPerLane).contains(hanging))
            open.add(true)
            try await sns.untilDeliveries(0)
        }
    }

    @Test("are not more in a second than the policy allows, and none is lost by it")
    func throttle() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            _ = try await subscribed(sns, topic, ["DeliveryPolicy": #"{"throttlePolicy":{"maxReceivesPerSecond":2}}"#])
            await sns.clock.untilSleepers(3)
            // The confirmation was one of its second.
            await sns.clock.advance(by: .seconds(1))
            for number in 0..<5 { try await sns.publish(topic, "\(number)") }
            try await sns.untilDeliveries(3, where: "session IS NULL AND due_at > \(sns.clock.now)")
            #expect(await sns.web.posts.first(3).count == 3)
            await sns.clock.advance(by: .seconds(1))
            try await sns.untilDeliveries(1, where: "session IS NULL AND due_at > \(sns.clock.now)")
            await sns.clock.advance(by: .seconds(1))
            try await sns.untilDeliveries(0)
            #expect(sns.web.posts.items.count == 6)
        }
    }

    @Test("to people are letters: with a link to confirm, the message, or its JSON")
    func letters() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic("t", ["DisplayName": "Display"])
            try await sns.subscribe(topic, "email", "a@example.com")
            let letter = await sns.outbox.letters.first(1)[0]
            #expect(letter.subject == "AWS Notification - Subscription Confirmation")
            let token = try #require(letter.body.split(separator: "Token=").last?.prefix { $0.isHexDigit })
            _ = try await sns.client.call(
                SNSOperations.confirmSubscription,
                ConfirmSubscriptionInput(topicArn: topic, token: String(token))
            )
            try await sns.subscribe(topic, "sms", "+15550100")
            try await sns.publish(topic, "hello") { $0.subject = "s" }
            let letters = await sns.outbox.letters.first(3)
            let mail = try #require(letters.last { $0.channel == .email })
            #expect(mail.sender == "Display")
            #expect(mail.subject == "s")
            #expect(mail.body.hasPrefix("hello\n"))
            #expect(letters.last { $0.channel == .sms }?.body == "hello")
        }
    }
}
