// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Storage

@testable import SQS

/// A server with nothing but SQS, and a client of it that speaks one of its protocols.
struct SQSTestBench: Sendable {
    let server: TestServer
    let service: SQSService
    var client: TestClient

    var clock: MemoryClock { server.clock }

    static let protocols: [WireProtocol] = [.json10, .query]

    static func run(
        speaking wire: WireProtocol = .json10,
        configuration: SQSConfiguration = SQSConfiguration(),
        authorizer: any Authorizer = PermissiveAuthorizer(),
        moving: Bool = false,
        feed: EventFeed = EventFeed(),
        _ body: @Sendable (SQSTestBench) async throws -> Void
    ) async throws {
        let made = Made()
        let providers = { @Sendable (ground: TestGround) -> TestAssembly in
            var sqs = SQSService(
                database: ground.database,
                clock: ground.clock,
                ids: ground.ids,
                authorizer: authorizer,
                logger: ground.logger,
                configuration: configuration
            )
            sqs.feed = feed
            try await sqs.migrate()
            await made.set(sqs)
            var assembly: TestAssembly = [sqs]
            if moving { assembly.background = [sqs.mover.run] }
            return assembly
        }
        try await TestServer.run(providers: providers) { server in
            guard let service = await made.service else { return }
            try await body(SQSTestBench(server: server, service: service, client: server.client(.sqs, speaking: wire)))
        }
    }

    private actor Made {
        private(set) var service: SQSService?
        func set(_ service: SQSService) { self.service = service }
    }

    // MARK: Calls

    @discardableResult
    func create(_ name: String, _ attributes: [String: String] = [:]) async throws -> String {
        let input = CreateQueueInput(queueName: name, attributes: attributes)
        return try await client.call(SQSOperations.createQueue, input).queueUrl ?? ""
    }

    /// A FIFO queue.
    func createFIFO(_ name: String, _ attributes: [String: String] = [:]) async throws -> String {
        try await create(name + ".fifo", attributes.merging(["FifoQueue": "true"]) { $1 })
    }

    @discardableResult
    func send(
        _ body: String,
        to url: String,
        group: String? = nil,
        id: String? = nil,
        configure: (inout SendMessageInput) -> Void = { _ in }
    ) async throws -> SendMessageOutput {
        var input = SendMessageInput(queueUrl: url, messageBody: body)
        input.messageGroupId = group
        input.messageDeduplicationId = id
        configure(&input)
        return try await client.call(SQSOperations.sendMessage, input)
    }

    func receive(
        from url: String,
        limit: Int = 10,
        wait: Int? = nil,
        visibility: Int? = nil,
        configure: (inout ReceiveMessageInput) -> Void = { _ in }
    ) async throws -> [Message] {
        var input = ReceiveMessageInput(queueUrl: url)
        input.messageSystemAttributeNames = [.all]
        input.messageAttributeNames = ["All"]
        input.maxNumberOfMessages = limit
        input.waitTimeSeconds = wait
        input.visibilityTimeout = visibility
        configure(&input)
        return try await client.call(SQSOperations.receiveMessage, input).messages ?? []
    }

    func bodies(in url: String, limit: Int = 10, wait: Int? = nil) async throws -> [String] {
        try await receive(from: url, limit: limit, wait: wait).compactMap(\.body)
    }

    func delete(_ message: Message, from url: String) async throws {
        let input = DeleteMessageInput(queueUrl: url, receiptHandle: message.receiptHandle)
        _ = try await client.call(SQSOperations.deleteMessage, input)
    }

    func changeVisibility(of message: Message, in url: String, to seconds: Int?) async throws {
        let input = ChangeMessageVisibilityInput(
            queueUrl: url,
            receiptHandle: message.receiptHandle,
            visibilityTimeout: seconds
        )
        _ = try await client.call(SQSOperations.changeMessageVisibility, input)
    }

    func attributes(of url: String, _ names: [QueueAttributeName] = [.all]) async throws -> [String: String] {
        let input = GetQueueAttributesInput(queueUrl: url, attributeNames: names)
        return try await client.call(SQSOperations.getQueueAttributes, input).attributes ?? [:]
    }

    func set(_ attributes: [String: String], of url: String) async throws {
        let input = SetQueueAttributesInput(queueUrl: url, attributes: attributes)
        _ = try await client.call(SQSOperations.setQueueAttributes, input)
    }

    /// A queue whose failures go to another one.
    func createPair(maxReceives: Int, isFIFO: Bool = false) async throws -> (source: String, dead: String, arn: String)
    {
        let dead = isFIFO ? try await createFIFO("dead") : try await create("dead")
        let arn = try await attributes(of: dead)["QueueArn"] ?? ""
        let policy = #"{"deadLetterTargetArn":"\#(arn)","maxReceiveCount":"\#(maxReceives)"}"#
        let source =
            isFIFO
            ? try await createFIFO("source", ["RedrivePolicy": policy])
            : try await create("source", ["RedrivePolicy": policy])
        return (source, dead, arn)
    }

    func address(of url: String) -> QueueAddress {
        QueueAddress(url: url, in: .usEast1) ?? QueueAddress(scope: Scope(account: .local, region: .usEast1), name: "")
    }
}

extension ClientError {
    /// The code without the message, which the protocols may word in their own ways.
    static func code(of body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch let error as ClientError {
            return error.code
        } catch {
            return "\(error)"
        }
    }
}
