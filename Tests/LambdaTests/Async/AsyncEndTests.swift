// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import Lambda

@Suite("The last that is known of an event", .timeLimit(.minutes(20))) struct AsyncEndTests {
    private static let queue = "arn:aws:sqs:us-east-1:000000000000:q"
    private static let topic = "arn:aws:sns:us-east-1:000000000000:t"

    private static var settings: AsyncSettings {
        var settings = AsyncSettings(role: AsyncGround.role)
        (settings.onFailure, settings.deadLetters, settings.maximumRetries) = (ARN(topic), ARN(queue), 0)
        return settings
    }

    private static func refusing(above limit: Int) -> AsyncGround.Answer {
        { event in
            let beside = event.attributes.isEmpty ? 0 : 100
            guard event.payload.readableBytes + beside <= limit else {
                throw EventTooLarge(CommonError("InvalidParameter", "too long"))
            }
        }
    }

    @Test("a record that its target finds too large comes without its payloads") func largeRecord() async throws {
        let answer = Self.refusing(above: 2_000)
        try await AsyncGround.run(Self.settings, results: [.failure], answer: answer) { ground in
            try await ground.accept(ByteBuffer(string: "\"\(String(repeating: "x", count: 1_800))\""))
            let told = try await ground.untilDelivered(2)
            let record = try JSONValue(parsing: try #require(told.first { $0.arn == Self.topic }).payload)
            #expect(record["requestPayload"] == nil && record["responsePayload"] == nil)
            #expect(record["requestContext"]?["condition"] == .string("RetriesExhausted"))
            #expect(record["responseContext"]?["functionError"] == .string("Unhandled"))
            await ground.untilStored(0)
            #expect(!ground.sink.names.contains("DestinationDeliveryFailures"))
        }
    }

    @Test("a dead letter loses its attributes before it is lost, and is lost where the event alone is too large")
    func largeLetter() async throws {
        let answer = Self.refusing(above: 2_000)
        try await AsyncGround.run(Self.settings, results: [.failure, .failure], answer: answer) { ground in
            let event = ByteBuffer(string: "\"\(String(repeating: "x", count: 1_950))\"")
            try await ground.accept(event)
            let told = try await ground.untilDelivered(2)
            let letter = try #require(told.first { $0.arn == Self.queue })
            #expect(letter.payload == event && letter.attributes.isEmpty)
            #expect(!ground.sink.names.contains("DeadLetterErrors"))
            try await ground.accept(ByteBuffer(string: "\"\(String(repeating: "x", count: 2_001))\""))
            await ground.untilStored(0)
            #expect(ground.delivered.count { $0.arn == Self.queue } == 1)
            #expect(ground.sink.names.contains("DeadLetterErrors"))
        }
    }

    @Test("an event that can never run is told to destination and dead-letter queue") func refused() async throws {
        try await AsyncGround.run(Self.settings, results: [.refusal]) { ground in
            let items = try #require(ground.feed.watch(EventFeed.Filter()))
            try await ground.accept()
            let told = try await ground.untilDelivered(2)
            let record = try JSONValue(parsing: try #require(told.first { $0.arn == Self.topic }).payload)
            #expect(record["requestContext"]?["condition"] == .string("RetriesExhausted"))
            #expect(record["requestContext"]?["approximateInvokeCount"] == .integer(0))
            #expect(record["responseContext"] == nil)
            let letter = try #require(told.first { $0.arn == Self.queue })
            #expect(String(buffer: letter.payload) == #"{"a": 1}"#)
            #expect(letter.attributes["ErrorCode"] == .number("400"))
            #expect(letter.attributes["ErrorMessage"] == .string("never right"))
            #expect(ground.runs.count == 1)
            #expect(ground.sink.names.contains("AsyncEventsDropped"))
            #expect(await ground.shown(items) == ["failed: never right"])
        }
    }

    @Test("an event that ends before a try is shown") func endsUntried() async throws {
        var settings = Self.settings
        settings.isStopped = true
        try await AsyncGround.run(settings) { ground in
            let items = try #require(ground.feed.watch(EventFeed.Filter()))
            try await ground.accept()
            _ = try await ground.untilDelivered(2)
            #expect(await ground.shown(items) == ["failed: ZeroReservedConcurrency"])
        }
    }

    @Test("a record waits for a target that is away for most of a day, and for no more than a day")
    func patience() async throws {
        for (hours, arrives) in [(23, true), (25, false)] {
            let back = NIOLockedValueBox<Instant?>(nil)
            let clock = NIOLockedValueBox<MemoryClock?>(nil)
            let answer: AsyncGround.Answer = { _ in
                guard let now = clock.withLockedValue({ $0?.now }), let back = back.withLockedValue({ $0 }), now >= back
                else { throw CommonError("InternalFailure", "", status: 500) }
            }
            try await AsyncGround.run(Self.settings, answer: answer) { ground in
                clock.withLockedValue { $0 = ground.clock }
                back.withLockedValue { $0 = ground.clock.now + .seconds(Int64(hours) * 3_600) }
                let pauses = await Self.deliver(with: ground)
                #expect(ground.delivered.count == (arrives ? 1 : 0))
                #expect(ground.sink.names.contains("DestinationDeliveryFailures") == !arrives)
                // Not so often that a target which is away is stormed.
                #expect((200...500).contains(pauses.count))
                #expect(pauses.max() ?? .zero <= .seconds(300))
            }
        }
    }

    /// The pauses between the tries of one record, on a clock that jumps over them.
    private static func deliver(with ground: AsyncGround) async -> [Duration] {
        var settings = settings
        settings.deadLetters = nil
        var event = AsyncEvent.example()
        event.acceptedAt = ground.clock.now
        let record = InvocationRecord(event: event, condition: .retriesExhausted, endedAt: ground.clock.now)
        guard let new = ground.outcomes.deliveries(of: record, settings).first else { return [] }
        var delivery = Delivery(
            id: new.id,
            scope: new.scope,
            target: new.target,
            payload: new.payload,
            detail: new.detail,
            acceptedAt: new.acceptedAt,
            earlierTries: 0
        )
        var pauses: [Duration] = []
        while pauses.count < 2_000 {
            switch await ground.outcomes.handler.attempt(delivery) {
            case .finished: return pauses
            case .again(let pause, let detail), .throttled(let pause, let detail):
                delivery.detail = detail
                delivery.earlierTries += 1
                pauses.append(pause)
                await ground.clock.advance(by: pause)
            }
        }
        return pauses
    }
}
