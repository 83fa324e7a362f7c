// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Crypto
import CryptoExtras
import FoundationEssentials
import MartletCore
import MartletTesting
import NIOCore
import Storage
import StorageSQLite
import Testing

@testable import SNS

@Suite("SNS deliveries", .timeLimit(.minutes(20))) struct FanOutTests {
    private static let dead = #"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead"}"#
    private static let function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    private static func queue(_ name: String) -> String { "arn:aws:sqs:us-east-1:000000000000:\(name)" }

    @Test("reach each subscription that wants the message, in its own form")
    func forms() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            let plain = try await sns.subscribe(topic, "sqs", Self.queue("plain"))
            try await sns.subscribe(topic, "sqs", Self.queue("raw"), ["RawMessageDelivery": "true"])
            try await sns.subscribe(topic, "sqs", Self.queue("other"), ["FilterPolicy": #"{"a":["other"]}"#])
            let called = try await sns.subscribe(topic, "lambda", Self.function)
            let id = try await sns.publish(topic, #"{"default":"usual","sqs":"for queues"}"#) {
                $0.messageStructure = "json"
                $0.subject = "sub"
                $0.messageAttributes = ["a": .text("v"), "n": .text("5", "Number")]
            }.messageId
            let taken = await sns.queues.taken.first(2)
            try await sns.untilDeliveries(0)
            #expect(Set(sns.queues.taken.items.map(\.arn.resource)) == ["plain", "raw"])
            let raw = try #require(taken.first { $0.arn.resource == "raw" })
            #expect(raw.text == "for queues")
            #expect(raw.event.attributes == ["a": .string("v"), "n": .number("5")])
            #expect(raw.event.source.servicePrincipal == "sns.amazonaws.com")
            #expect(raw.event.source.arn?.description == topic)
            let envelope = try #require(taken.first { $0.arn.resource == "plain" })
            #expect(envelope.event.attributes.isEmpty)
            let json = try JSONValue(parsing: envelope.text)
            #expect(
                json.members?.map(\.name) == [
                    "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature",
                    "SigningCertURL", "UnsubscribeURL", "MessageAttributes",
                ]
            )
            #expect(json["MessageId"]?.stringValue == id)
            #expect(json["Message"]?.stringValue == "for queues")
            #expect(json["Timestamp"]?.stringValue == "2026-01-31T12:00:00.000Z")
            #expect(json["UnsubscribeURL"]?.stringValue?.hasSuffix("SubscriptionArn=\(plain)") == true)
            #expect(json["MessageAttributes"]?["n"]?["Type"]?.stringValue == "Number")
            let event = try JSONValue(parsing: await sns.functions.taken.first(1)[0].text)
            let record = try #require(event["Records"]?.arrayValue?.first)
            #expect(record["EventSource"]?.stringValue == "aws:sns")
            #expect(record["EventSubscriptionArn"]?.stringValue == called)
            #expect(record["Sns"]?["Message"]?.stringValue == "usual")
            #expect(record["Sns"]?["Subject"]?.stringValue == "sub")
            #expect(try await sns.rows(in: "sns_message") == 0, "a message goes with its last delivery")
        }
    }

    @Test("carry a signature that the published certificate's key verifies", arguments: [1, 2])
    func signature(version: Int) async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic("t", ["SignatureVersion": String(version)])
            try await sns.subscribe(topic)
            try await sns.publish(topic, "hello") { $0.subject = "s" }
            let json = try JSONValue(parsing: await sns.queues.taken.first(1)[0].text)
            func text(_ name: String) -> String { json[name]?.stringValue ?? "" }
            let signed = """
                Message\n\(text("Message"))\nMessageId\n\(text("MessageId"))\nSubject\ns\nTimestamp\n\(text("Timestamp"))\n\
                TopicArn\n\(topic)\nType\nNotification\n
                """
            #expect(text("SignatureVersion") == String(version))
            let key = try SNSTestBench.key.get().publicKey
            let signature = _RSA.Signing.RSASignature(rawRepresentation: Base64.decode(text("Signature")) ?? [])
            let bytes = Array(signed.utf8)
            let isValid =
                version == 1
                ? key.isValidSignature(signature, for: Insecure.SHA1.hash(data: bytes), padding: .insecurePKCS1v1_5)
                : key.isValidSignature(signature, for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5)
            #expect(isValid)
            let name = try #require(text("SigningCertURL").split(separator: "/").last.map(String.init))
            let pem = try #require(try await sns.service.certificate(named: name))
            #expect(pem.hasPrefix("-----BEGIN CERTIFICATE-----\n"))
            #expect(try await sns.service.certificate(named: "other.pem") == nil)
        }
    }

    @Test("that a queue cannot take are tried again: three times at once, then with pauses")
    func retries() async throws {
        try await SNSTestBench.run { sns in
            sns.queues.judge { number, _ in if number < 6 { throw busy } }
            let topic = try await sns.createTopic()
            try await sns.subscribe(topic)
            await sns.clock.untilSleepers(3)
            try await sns.publish(topic)
            #expect(await sns.queues.tried.first(4).count == 4)
            try await sns.untilDeliveries(1, where: "tries = 4 AND session IS NULL")
            await sns.clock.advance(by: .seconds(1))
            try await sns.untilDeliveries(1, where: "tries = 5 AND session IS NULL")
            await sns.clock.advance(by: .seconds(1))
            #expect(await sns.queues.taken.first(1).count == 1)
            try await sns.untilDeliveries(0)
            #expect(sns.queues.tried.items.count == 6)
        }
    }

    @Test("that are refused go to the dead-letter queue at once, or are given up")
    func deadLetters() async throws {
        try await SNSTestBench.run { sns in
            sns.queues.judge { _, delivery in if delivery.arn.resource != "dead" { throw gone } }
            sns.functions.judge { _, _ in throw gone }
            let topic = try await sns.createTopic()
            try await sns.subscribe(topic, "sqs", Self.queue("a"), ["RedrivePolicy": Self.dead])
            try await sns.subscribe(
                topic,
                "sqs",
                Self.queue("b"),
                ["RedrivePolicy": Self.dead, "RawMessageDelivery": "true"]
            )
            try await sns.subscribe(topic, "sqs", Self.queue("c"))
            try await sns.subscribe(topic, "lambda", Self.function, ["RedrivePolicy": Self.dead])
            try await sns.publish(topic) { $0.messageAttributes = ["a": .text("v")] }
            let buried = await sns.queues.taken.first(3)
            try await sns.untilDeliveries(0)
            #expect(buried.allSatisfy { $0.arn.resource == "dead" })
            let raw = try #require(buried.first { $0.text == "hello" })
            #expect(raw.event.attributes == ["a": .string("v")])
            #expect(buried.count { $0.text.hasPrefix("{\n  \"Type\" : \"Notification\"") } == 2)
            #expect(sns.queues.tried.items.count == 6)
            #expect(sns.functions.tried.items.count == 1)
            #expect(try await sns.rows(in: "sns_message") == 0)
        }
    }

    @Test("raw with more than ten attributes are no message that a queue takes")
    func tooManyAttributes() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            try await sns.subscribe(topic, "sqs", Self.queue("a"), ["RawMessageDelivery": "true"])
            try await sns.publish(topic) { input in
                input.messageAttributes = [:]
                for number in 0..<11 { input.messageAttributes?["a\(number)"] = .text("v") }
            }
            try await sns.untilDeliveries(0)
            #expect(sns.queues.tried.items.isEmpty)
        }
    }

    @Test("that nobody has made are made by the next server: those that wait, and those that were under way")
    func restart() async throws {
        try await SNSTestBench.run(delivers: false) { sns in
            let topic = try await sns.createTopic()
            for name in ["a", "b", "c"] { try await sns.subscribe(topic, "sqs", Self.queue(name)) }
            try await sns.publish(topic)
            #expect(try await sns.rows(in: "delivery") == 3)
            let until = sns.clock.now + .seconds(60)
            try await sns.server.database.write { tx in
                try tx.execute("INSERT INTO delivery_session (id, node, alive_until) VALUES ('s', 'test', \(until))")
                try tx.execute("UPDATE delivery SET session = 's' WHERE target <> (SELECT MAX(target) FROM delivery)")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await sns.deliver() }
                #expect(Set(await sns.queues.taken.first(3).map(\.arn.resource)) == ["a", "b", "c"])
                try await sns.untilDeliveries(0)
                group.cancelAll()
            }
            #expect(try await sns.rows(in: "sns_message") == 0)
        }
    }

    @Test("that an earlier version had stored are made, in their order and with what they had come to")
    func earlierVersion() async throws {
        try await SNSTestBench.run(delivers: false) { sns in
            let fifo = try await sns.createTopic("t.fifo")
            let arn = try await sns.subscribe(fifo, "sqs", Self.queue("q.fifo"), ["RawMessageDelivery": "true"])
            let topic = try await sns.createTopic()
            let other = try await sns.subscribe(topic, "sqs", Self.queue("a"), ["RedrivePolicy": Self.dead])
            let dead = try await sns.subscribe(topic, "lambda", Self.function, ["RedrivePolicy": Self.dead])
            for number in 0..<3 {
                try await sns.publish(fifo, "\(number)") {
                    $0.messageGroupId = "g/h"
                    $0.messageDeduplicationId = "\(number)"
                }
            }
            try await sns.publish(topic, "hello")
            try await sns.moveToEarlierTable()
            @Sendable func id(_ arn: String) -> String { String(arn.split(separator: ":").last ?? "") }
            let (later, now) = (sns.clock.now + .seconds(20), sns.clock.now)
            try await sns.server.database.write { tx in
                try tx.execute(
                    "UPDATE sns_delivery SET order_key = subscription_id || '/g/h' WHERE subscription_id = \(id(arn))"
                )
                try tx.execute(
                    """
                    UPDATE sns_delivery SET due_at = \(Int.max)
                    WHERE order_key IS NOT NULL AND id > (SELECT MIN(id) FROM sns_delivery WHERE order_key IS NOT NULL)
                    """
                )
                try tx.execute(
                    "UPDATE sns_delivery SET failures = 7, due_at = \(later) WHERE subscription_id = \(id(other))"
                )
                try tx.execute("UPDATE sns_delivery SET stage = 'deadLetter' WHERE subscription_id = \(id(dead))")
                // One that was under way, and one whose message is gone.
                try tx.execute(
                    "UPDATE sns_delivery SET lease_owner = 'local', due_at = \(later) WHERE subscription_id = \(id(dead))"
                )
                try tx.execute(
                    """
                    INSERT INTO sns_delivery (message_id, account, lane, stage, subscription_id, due_at)
                    VALUES ('none', '000000000000', 'direct', 'first', 'none', \(now))
                    """
                )
            }
            try await sns.service.migrate()
            #expect(try await sns.rows(in: "sns_delivery") == 0)
            #expect(try await sns.rows(in: "delivery") == 5)
            #expect(
                try await sns.rows(in: "delivery", where: "detail LIKE '%\"failures\":7%' AND due_at = \(later)") == 1
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await sns.deliver() }
                await sns.clock.untilSleepers(2)
                let first = await sns.queues.taken.first(4)
                #expect(first.filter { $0.arn.resource == "q.fifo" }.map(\.text) == ["0", "1", "2"])
                #expect(first.count { $0.arn.resource == "dead" } == 1)
                try await sns.untilDeliveries(1)
                await sns.clock.advance(by: .seconds(20))
                #expect(await sns.queues.taken.first(5)[4].arn.resource == "a")
                try await sns.untilDeliveries(0)
                group.cancelAll()
            }
            #expect(try await sns.rows(in: "sns_message") == 0)
            #expect(sns.functions.tried.items.isEmpty)
        }
    }

    @Test("of messages of an earlier version are counted when the tables are brought up to date")
    func counted() async throws {
        let database = try SQLiteDatabase.ephemeral()
        try await database.migrate(Array(SNSSchema.migrations.prefix(2)), of: "sns")
        try await database.write { tx in
            for (message, deliveries) in [("a", 2), ("b", 0)] {
                try tx.execute(
                    """
                    INSERT INTO sns_message (id, account, region, topic_name, content, is_sealed, sequence, published_at)
                    VALUES (\(message), '000000000000', 'us-east-1', 't', \([UInt8]()), 0, 0, 0)
                    """
                )
                for _ in 0..<deliveries {
                    try tx.execute(
                        """
                        INSERT INTO sns_delivery (message_id, account, lane, stage, due_at)
                        VALUES (\(message), '000000000000', 'direct', 'first', 0)
                        """
                    )
                }
            }
        }
        try await database.migrate(SNSSchema.migrations, of: "sns")
        let counts = try await database.read { try $0.rows(Int.self, "SELECT deliveries FROM sns_message ORDER BY id") }
        #expect(counts == [2, 0])
        await database.close()
    }

    @Test("of many subscriptions are all made, though only so many at once")
    func many() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            for number in 0..<150 { try await sns.subscribe(topic, "sqs", Self.queue("q\(number)")) }
            try await sns.publish(topic)
            #expect(Set(await sns.queues.taken.first(150).map(\.arn.resource)).count == 150)
            try await sns.untilDeliveries(0)
            #expect(sns.queues.taken.items.count == 150)
        }
    }

    @Test("to subscriptions that have ended are not made")
    func ended() async throws {
        try await SNSTestBench.run { sns in
            sns.queues.judge { _, _ in throw busy }
            let topic = try await sns.createTopic()
            let arn = try await sns.subscribe(topic)
            await sns.clock.untilSleepers(3)
            try await sns.publish(topic)
            try await sns.untilDeliveries(1, where: "tries = 4 AND session IS NULL")
            _ = try await sns.client.call(SNSOperations.unsubscribe, UnsubscribeInput(subscriptionArn: arn))
            await sns.clock.advance(by: .seconds(2))
            try await sns.untilDeliveries(0)
            #expect(try await sns.rows(in: "sns_message") == 0)
            #expect(sns.queues.tried.items.count == 4)
        }
    }

    @Test("of other services' events go the same way")
    func eventTarget() async throws {
        try await SNSTestBench.run { sns in
            let topic = try await sns.createTopic()
            try await sns.subscribe(topic, "sqs", Self.queue("a"), ["RawMessageDelivery": "true"])
            let target = SNSTopicTarget(sns.service, authorizer: PermissiveAuthorizer())
            var event = EventDelivery(
                .init(string: "{}"),
                from: EventSource(servicePrincipal: "s3.amazonaws.com", arn: nil, account: .local)
            )
            event.attributes = ["a": .string("v")]
            try await target.deliver(event, to: #require(ARN(topic)))
            let taken = await sns.queues.taken.first(1)[0]
            #expect(taken.text == "{}")
            #expect(taken.event.attributes == ["a": .string("v")])
            let missing = try #require(ARN(topic + "x"))
            await #expect(throws: NotFoundException.self) { try await target.deliver(event, to: missing) }
            event.payload = .init(string: "")
            await #expect(throws: InvalidParameterException.self) {
                try await target.deliver(event, to: #require(ARN(topic)))
            }
            event.payload = .init(repeating: 120, count: 262_145)
            let refusal = await #expect(throws: EventTooLarge.self) {
                try await target.deliver(event, to: #require(ARN(topic)))
            }
            #expect(refusal?.code == "InvalidParameter")
            #expect(refusal?.message == "Invalid parameter: Message too long")
        }
    }

    @Test("and everything else of an account are gone after a reset")
    func reset() async throws {
        try await SNSTestBench.run(delivers: false) { sns in
            let other = sns.inAccount("111111111111")
            for bench in [sns, other] {
                let topic = try await bench.createTopic("t.fifo", ["ContentBasedDeduplication": "true"])
                try await bench.subscribe(topic, "sqs", Self.queue("q.fifo"))
                try await bench.publish(topic) { $0.messageGroupId = "g" }
            }
            try await sns.service.reset(account: AccountID("111111111111"))
            for table in ["sns_topic", "sns_subscription", "sns_message", "delivery", "sns_deduplication"]
                as [String]
            {
                let count = try await sns.server.database.read { tx in
                    try tx.rows(Int.self, .init(stringLiteral: "SELECT COUNT(*) FROM \(table)"))
                }
                #expect(count == [1], "\(table)")
            }
            try await sns.service.reset(account: nil)
            #expect(try await sns.rows(in: "sns_topic") == 0)
            #expect(try await sns.rows(in: "sns_signing_key") == 1)
        }
    }
}
