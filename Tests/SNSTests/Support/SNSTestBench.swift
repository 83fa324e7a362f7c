// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Crypto
import CryptoExtras
import EventDelivery
import MartletCore
import MartletTesting
import Storage

@testable import SNS

/// A server with nothing but SNS, whose deliveries go to fakes.
struct SNSTestBench: Sendable {
    let server: TestServer
    let service: SNSService
    var client: TestClient
    let queues: FakeTarget
    let functions: FakeTarget
    let web: FakeWeb
    let outbox: FakeOutbox

    var clock: MemoryClock { server.clock }

    static let scope = Scope(account: .local, region: .usEast1)
    static let cipher = KeyFileCipher.ephemeral()
    /// Making one takes a while in debug builds, so all tests share it.
    static let key = Result { try _RSA.Signing.PrivateKey(keySize: .bits2048) }

    /// - Parameter delivers: whether the engine and the sweeper run beside the test.
    static func run(
        delivers: Bool = true,
        _ body: @Sendable (SNSTestBench) async throws -> Void
    ) async throws {
        let (queues, functions, web, outbox) = (FakeTarget("sqs"), FakeTarget("lambda"), FakeWeb(), FakeOutbox())
        let build = { @Sendable (ground: TestGround) async throws -> SNSService in
            let deliveries = try await DeliveryEngine(
                database: ground.database,
                clock: ground.clock,
                ids: ground.ids,
                node: "test",
                logger: ground.logger
            )
            return SNSService(
                SNSParts(
                    database: ground.database,
                    cipher: cipher,
                    targets: { ["sqs": queues, "lambda": functions][$0.service] },
                    web: web,
                    outbox: outbox,
                    clock: ground.clock,
                    ids: ground.ids,
                    deliveries: deliveries,
                    logger: ground.logger
                )
            )
        }
        let held = Recorder<SNSService>()
        let providers = { @Sendable (ground: TestGround) -> TestAssembly in
            let sns = try await build(ground)
            try await sns.migrate()
            let key = try key.get()
            _ = try await sns.store.keepSigningKey(
                cipher.seal(Array(key.derRepresentation), context: "sns/signing-key"),
                Certificate.make(for: key, at: ground.clock.now)
            )
            held.add(sns)
            var assembly: TestAssembly = [sns]
            if delivers { assembly.background = [sns.store.deliveries.run, sns.sweeper.run] }
            return assembly
        }
        try await TestServer.run(providers: providers) { server in
            let service = await held.first(1)[0]
            try await body(
                SNSTestBench(
                    server: server,
                    service: service,
                    client: server.client(.sns),
                    queues: queues,
                    functions: functions,
                    web: web,
                    outbox: outbox
                )
            )
        }
    }

    func inAccount(_ account: String) -> SNSTestBench {
        var other = self
        other.client = client.signing(as: .account(account))
        return other
    }

    func inRegion(_ region: String) -> SNSTestBench {
        var other = self
        other.client = client.inRegion(region)
        return other
    }

    func unsigned() -> SNSTestBench {
        var other = self
        other.client = client.signing(as: nil)
        return other
    }

    // MARK: Calls

    func createTopic(_ name: String = "t", _ attributes: [String: String]? = nil) async throws -> String {
        var input = CreateTopicInput(name: name, attributes: attributes)
        if name.hasSuffix(".fifo") {
            input.attributes = (attributes ?? [:]).merging(["FifoTopic": "true"]) { old, _ in old }
        }
        return try await client.call(SNSOperations.createTopic, input).topicArn ?? ""
    }

    @discardableResult
    func subscribe(
        _ topic: String,
        _ wire: String = "sqs",
        _ endpoint: String = "arn:aws:sqs:us-east-1:000000000000:q",
        _ attributes: [String: String]? = nil
    ) async throws -> String {
        var input = SubscribeInput(topicArn: topic, protocol: wire, endpoint: endpoint, attributes: attributes)
        input.returnSubscriptionArn = true
        return try await client.call(SNSOperations.subscribe, input).subscriptionArn ?? ""
    }

    @discardableResult
    func publish(
        _ topic: String,
        _ message: String = "hello",
        configure: (inout PublishInput) -> Void = { _ in }
    ) async throws -> PublishOutput {
        var input = PublishInput()
        input.topicArn = topic
        input.message = message
        configure(&input)
        return try await client.call(SNSOperations.publish, input)
    }

    func set(_ name: String, _ value: String?, of subscription: String) async throws {
        var input = SetSubscriptionAttributesInput(subscriptionArn: subscription, attributeName: name)
        input.attributeValue = value
        _ = try await client.call(SNSOperations.setSubscriptionAttributes, input)
    }

    func setTopic(_ name: String, _ value: String?, of topic: String) async throws {
        var input = SetTopicAttributesInput(topicArn: topic, attributeName: name)
        input.attributeValue = value
        _ = try await client.call(SNSOperations.setTopicAttributes, input)
    }

    func attributes(of arn: String) async throws -> [String: String] {
        if arn.split(separator: ":").count > 6 {
            let input = GetSubscriptionAttributesInput(subscriptionArn: arn)
            return try await client.call(SNSOperations.getSubscriptionAttributes, input).attributes ?? [:]
        }
        let input = GetTopicAttributesInput(topicArn: arn)
        return try await client.call(SNSOperations.getTopicAttributes, input).attributes ?? [:]
    }

    /// How many rows a table has, for what no operation shows.
    func rows(in table: SQL, where condition: SQL = "1 = 1") async throws -> Int {
        try await server.database.read { tx in try tx.count("SELECT COUNT(*) FROM \(table) WHERE \(condition)") }
    }

    /// Runs the engine, of a test that has begun without.
    func deliver() async throws { try await service.store.deliveries.run() }

    /// Puts what waits into the table of earlier versions, as they stored it.
    func moveToEarlierTable() async throws {
        try await server.database.write { tx in
            let waiting = try tx.rows(StoredDetail.self, "SELECT detail, account FROM delivery ORDER BY sequence")
            try tx.execute("DELETE FROM delivery")
            for one in waiting {
                let delivery = try NotificationDelivery(parsing: one.detail)
                try tx.execute(
                    """
                    INSERT INTO sns_delivery (message_id, account, lane, stage, subscription_id, due_at)
                    VALUES (\(delivery.messageID), \(one.account), 'direct', 'first', \(delivery.subscriptionID), 0)
                    """
                )
            }
        }
    }

    private struct StoredDetail: RowDecodable {
        var detail: String
        var account: String
        init(row: inout Row) throws { (detail, account) = (try row.text(), try row.text()) }
    }

    /// Returns once so many deliveries of SNS are stored.
    func untilDeliveries(_ count: Int, where condition: SQL = "1 = 1") async throws {
        try await until(count, rowsIn: "delivery", where: condition)
    }

    /// Returns once a table has so many rows: what runs beside the test has written them, or will at once.
    func until(_ count: Int, rowsIn table: SQL, where condition: SQL = "1 = 1") async throws {
        for _ in 0..<100_000 {
            if try await rows(in: table, where: condition) == count { return }
            await Task.yield()
        }
        throw MartletError(
            "test.wait",
            "the rows did not become \(count): \(try await rows(in: table, where: condition))"
        )
    }
}

extension MessageAttributeValue {
    static func text(_ text: String, _ type: String = "String") -> MessageAttributeValue {
        var value = MessageAttributeValue()
        value.dataType = type
        value.stringValue = text
        return value
    }
}

/// An error by its code and message.
func error(_ code: String, _ message: String, _ status: Int = 400) -> ClientError {
    ClientError(code, message, status: status)
}

func invalid(_ what: String) -> ClientError { error("InvalidParameter", "Invalid parameter: \(what)") }
