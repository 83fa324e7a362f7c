// SPDX-License-Identifier: Apache-2.0
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import EventDelivery

@Suite("Events for targets") struct TargetQueueTests {
    private static let target = ARN(service: "sqs", region: "us-east-1", account: "000000000000", resource: "q")
    private static let role = ARN(service: "iam", region: "", account: "000000000000", resource: "role/r")

    private static var event: EventDelivery {
        var event = EventDelivery(
            ByteBuffer(string: "payload"),
            from: EventSource(servicePrincipal: "lambda.amazonaws.com", arn: target, account: .local, role: role)
        )
        event.attributes = ["text": .string("x"), "bytes": .init(dataType: "Binary.z", value: .binary([0, 255]))]
        event.subject = "subject"
        event.messageGroupID = "group"
        event.deduplicationID = "once"
        event.traceHeader = "Root=1-2-3"
        return event
    }

    private static func delivery(_ stored: StoredEvent, acceptedAt: Instant) -> Delivery {
        Delivery(
            id: "1",
            scope: Scope(account: .local, region: .usEast1),
            target: stored.target.description,
            payload: stored.event.payload,
            detail: stored.detail,
            acceptedAt: acceptedAt,
            earlierTries: 0
        )
    }

    @Test("an event comes out of the store as it went in") func roundTrip() throws {
        var stored = StoredEvent(Self.event, to: Self.target, context: "why \"so\"")
        stored.tries = 3
        let read = try StoredEvent(Self.delivery(stored, acceptedAt: Instant(milliseconds: 0)))
        #expect((read.target, read.context, read.tries) == (Self.target, "why \"so\"", 3))
        #expect(read.event.payload == Self.event.payload)
        #expect(read.event.attributes == Self.event.attributes)
        #expect((read.event.subject, read.event.messageGroupID) == ("subject", "group"))
        #expect((read.event.deduplicationID, read.event.traceHeader) == ("once", "Root=1-2-3"))
        #expect((read.event.source.arn, read.event.source.role) == (Self.target, Self.role))
    }

    @Test(
        "an event's remainder comes out of the store, too",
        arguments: [EventRemainder.withoutAttributes, .payload(.init(string: "é{}"))]
    )
    func remainder(_ remainder: EventRemainder) throws {
        var event = Self.event
        event.remainder = remainder
        let stored = StoredEvent(event, to: Self.target)
        #expect(
            try StoredEvent(Self.delivery(stored, acceptedAt: Instant(milliseconds: 0))).event.remainder == remainder
        )
    }

    private struct Picky: EventTarget {
        let service = "sqs"
        let refusal: any Error
        let seen = NIOLockedValueBox<[String]>([])

        func deliver(_ event: EventDelivery, to arn: ARN) async throws {
            seen.withLockedValue { $0.append(String(buffer: event.payload) + " \(event.attributes.count)") }
            if event.remainder != nil { throw refusal }
        }
    }

    @Test(
        "a target that finds an event too large gets its remainder, one that fails or refuses it for another reason does not"
    )
    func refusedWhole() async throws {
        let targets = EventTargets()
        let refusing = Picky(refusal: EventTooLarge(CommonError("InvalidParameterValue", "too long")))
        targets.register(refusing)
        let items = try #require(targets.feed.watch(EventFeed.Filter()))
        var event = Self.event
        event.remainder = .payload(ByteBuffer(string: "short"))
        try await targets.deliver(event, to: Self.target)
        event.remainder = .withoutAttributes
        try await targets.deliver(event, to: Self.target)
        #expect(refusing.seen.withLockedValue { $0 } == ["payload 2", "short 2", "payload 2", "payload 0"])
        targets.feed.close()
        var shown: [EventPassage.Result] = []
        for await case .passage(let passage) in items { shown.append(passage.result) }
        #expect(shown == [.retried, .delivered, .retried, .delivered])

        for other in [Self.fault, CommonError("AccessDenied", "no", status: 403)] {
            let failing = Picky(refusal: other)
            targets.register(failing)
            await #expect(throws: other) { try await targets.deliver(event, to: Self.target) }
            #expect(failing.seen.withLockedValue { $0 }.count == 1)
        }
    }

    private struct Target: EventTarget {
        let service = "sqs"
        let refusals: NIOLockedValueBox<[any Error]>

        func deliver(_ event: EventDelivery, to arn: ARN) async throws {
            let refusal = refusals.withLockedValue { $0.isEmpty ? nil : $0.removeFirst() }
            if let refusal { throw refusal }
        }
    }

    /// Tries until the end; answers the verdicts' names and what was reported.
    private static func outcome(
        _ refusals: [any Error],
        tries: Int = 3,
        age: Duration = .seconds(3_600)
    ) async -> [String] {
        let targets = EventTargets()
        targets.register(Target(refusals: NIOLockedValueBox(refusals)))
        let clock = MemoryClock()
        let log = NIOLockedValueBox<[String]>([])
        let queue = TargetQueue(
            "out",
            to: targets,
            patience: .init(
                tries: tries,
                age: age,
                backoff: .init(first: .seconds(1), longest: .seconds(60), jitter: 0)
            ),
            clock: clock,
            ids: SystemIDSource(),
            report: { _, _, outcome in
                switch outcome {
                case .delivered: log.withLockedValue { $0.append("delivered") }
                case .failed: log.withLockedValue { $0.append("failed") }
                }
                return []
            }
        )
        let began = clock.now
        var delivery = delivery(StoredEvent(event, to: target), acceptedAt: began)
        for _ in 0..<10 {
            switch await queue.attempt(delivery) {
            case .finished: return log.withLockedValue { $0 }
            case .again(let pause, let detail), .throttled(let pause, let detail):
                log.withLockedValue { $0.append("\(pause.wholeMilliseconds / 1_000)") }
                delivery.detail = detail
                await clock.advance(by: pause)
            }
        }
        return ["endless"]
    }

    private static let fault = CommonError("InternalFailure", "", status: 500)

    @Test("a target's own failures and throttles are tried again with growing pauses") func retries() async {
        #expect(await Self.outcome([]) == ["delivered"])
        #expect(
            await Self.outcome([Self.fault, CommonError("Throttling", "", status: 429)]) == ["1", "2", "delivered"]
        )
        // Some name it, and have the status of a refusal.
        #expect(await Self.outcome([CommonError("ProvisionedThroughputExceededException", "")]) == ["1", "delivered"])
    }

    @Test("patience ends with the tries, with the age, and with a refusal for good") func ends() async {
        #expect(await Self.outcome([Self.fault, Self.fault, Self.fault, Self.fault]) == ["1", "2", "failed"])
        #expect(await Self.outcome([Self.fault, Self.fault], age: .seconds(2)) == ["1", "failed"])
        #expect(await Self.outcome([CommonError("QueueDoesNotExist", "")]) == ["failed"])
        #expect(await Self.outcome([CommonError.notImplemented("it")]) == ["failed"])
    }

    @Test("a service that takes no events is refused by name") func unknown() async {
        let arn = ARN(service: "mars", region: "us-east-1", account: "000000000000", resource: "x")
        await #expect(throws: CommonError.notImplemented("events to the service mars")) {
            try await EventTargets().deliver(Self.event, to: arn)
        }
    }
}
