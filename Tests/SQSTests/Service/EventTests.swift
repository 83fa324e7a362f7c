// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import SQS

/// Notes what is asked and refuses unless told otherwise.
private final class Judge: Authorizer {
    let asked = NIOLockedValueBox<[AuthorizationRequest]>([])
    let refuses: Bool

    init(refuses: Bool) { self.refuses = refuses }

    func authorize(_ request: AuthorizationRequest) async throws {
        guard request.principal.kind != .root else { return }
        asked.withLockedValue { $0.append(request) }
        if refuses { throw CommonError("AccessDenied", "no", status: 403) }
    }
}

@Suite("SQS as events' target and source") struct EventTests {
    private static let account = AccountID.local
    private let arn = ARN(service: "sqs", region: "us-east-1", account: AccountID.local.text, resource: "q")

    private func event(_ text: String) -> EventDelivery {
        let topic = ARN(service: "sns", region: "us-east-1", account: Self.account.text, resource: "t")
        var event = EventDelivery(
            ByteBuffer(string: text),
            from: EventSource(servicePrincipal: "sns.amazonaws.com", arn: topic, account: Self.account)
        )
        event.attributes = ["a": .string("v"), "list": EventAttribute(dataType: "String.Array", value: .text("[1]"))]
        event.traceHeader = "Root=1"
        event.deduplicationID = "d"
        return event
    }

    @Test("an event is a message with its attributes, and is read as one")
    func delivers() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q")
            try await QueueTarget(sqs.service).deliver(event("hello"), to: arn)
            let source = PolledQueues(sqs.service)
            #expect(try await source.facts(of: arn) == QueueFacts(isFIFO: false, visibilityTimeout: .seconds(30)))
            let message = try #require(try await source.receive(from: arn, limit: 10, wait: .zero).first)
            #expect(message.body == "hello")
            #expect(message.messageAttributes["a"] == .string("v"))
            #expect(message.messageAttributes["list"] == .string("[1]"))
            #expect(message.attributes["AWSTraceHeader"] == "Root=1")
            #expect(try await sqs.bodies(in: url) == [])
            try await source.changeVisibility(of: [message.receiptHandle, "rubbish"], in: arn, to: .zero)
            let again = try #require(try await source.receive(from: arn, limit: 10, wait: .zero).first)
            try await source.delete([again.receiptHandle, "rubbish"], from: arn)
            #expect(try await sqs.attributes(of: url)["ApproximateNumberOfMessagesNotVisible"] == "0")
        }
    }

    @Test("a reader that waits is woken by a delivery, in a FIFO queue too")
    func waits() async throws {
        try await SQSTestBench.run { sqs in
            _ = try await sqs.createFIFO("q")
            var fifo = arn
            fifo.resource = "q.fifo"
            let source = PolledQueues(sqs.service)
            async let waiting = source.receive(from: fifo, limit: 1, wait: .seconds(20))
            await sqs.clock.untilSleepers(1)
            var event = event("m")
            event.messageGroupID = "g"
            try await QueueTarget(sqs.service).deliver(event, to: fifo)
            try await QueueTarget(sqs.service).deliver(event, to: fifo)
            #expect(try await waiting.first?.attributes["MessageGroupId"] == "g")
            #expect(try await sqs.attributes(of: "http://x/000000000000/q.fifo")["ApproximateNumberOfMessages"] == "0")
        }
    }

    @Test("the queue's policy decides, and sees who delivers, where policies count")
    func policy() async throws {
        let judge = Judge(refuses: true)
        try await SQSTestBench.run(configuration: SQSConfiguration(enforcesPolicies: true), authorizer: judge) { sqs in
            let url = try await sqs.create("q")
            await #expect(throws: CommonError("AccessDenied", "no", status: 403)) {
                try await QueueTarget(sqs.service).deliver(event("m"), to: arn)
            }
            #expect(try await sqs.bodies(in: url) == [])
            let asked = try #require(judge.asked.withLockedValue { $0.last })
            #expect(asked.action == "sqs:SendMessage")
            #expect(asked.principal.kind == .service("sns.amazonaws.com"))
            #expect(asked.conditionKeys["aws:sourcearn"] == ["arn:aws:sns:us-east-1:000000000000:t"])
        }
    }

    @Test("an event that is larger than its queue takes is refused as that, and for nothing else is one")
    func tooLarge() async throws {
        try await SQSTestBench.run { sqs in
            let url = try await sqs.create("q", ["MaximumMessageSize": "1024"])
            let target = QueueTarget(sqs.service)
            let refusal = await #expect(throws: EventTooLarge.self) {
                try await target.deliver(event(String(repeating: "x", count: 1_025)), to: arn)
            }
            let text = "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
            #expect(refusal?.message == text && refusal?.refusal is InvalidParameterValueException)
            await #expect(throws: InvalidMessageContents.self) { try await target.deliver(event("\u{0}"), to: arn) }
            #expect(try await sqs.bodies(in: url) == [])
        }
    }

    @Test("a queue that is not there refuses")
    func missing() async throws {
        try await SQSTestBench.run { sqs in
            await #expect(throws: QueueDoesNotExist.self) {
                try await QueueTarget(sqs.service).deliver(event("m"), to: arn)
            }
            let source = PolledQueues(sqs.service)
            let facts = try await source.facts(of: arn)
            #expect(facts == nil)
            await #expect(throws: QueueDoesNotExist.self) {
                _ = try await source.receive(from: arn, limit: 1, wait: .zero)
            }
        }
    }
}
