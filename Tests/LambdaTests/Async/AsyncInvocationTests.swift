// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import Logging
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Storage
import StorageSQLite
import Testing

@testable import Lambda

@Suite("Asynchronous invokes", .timeLimit(.minutes(20))) struct AsyncInvocationTests {
    private static let queue = "arn:aws:sqs:us-east-1:000000000000:q"
    private static let topic = "arn:aws:sns:us-east-1:000000000000:t"

    @Test("a success is told to its destination, once") func success() async throws {
        var settings = AsyncSettings(role: AsyncGround.role)
        (settings.onSuccess, settings.onFailure) = (ARN(Self.queue), ARN(Self.topic))
        try await AsyncGround.run(settings) { ground in
            try await ground.accept()
            let told = try await ground.untilDelivered(1)
            #expect(told.map(\.arn) == [Self.queue])
            let record = try JSONValue(parsing: told[0].payload)
            #expect(record["requestContext"]?["condition"] == .string("Success"))
            #expect(record["requestContext"]?["approximateInvokeCount"] == .integer(1))
            #expect(record["responsePayload"] == .string("done"))
            await ground.untilStored(0)
            #expect(ground.sink.names == ["AsyncEventsReceived", "AsyncEventAge"])
        }
    }

    @Test("a failure is run three times on AWS's schedule, then told to destination and dead-letter queue")
    func failure() async throws {
        var settings = AsyncSettings(role: AsyncGround.role)
        (settings.onFailure, settings.deadLetters) = (ARN(Self.topic), ARN(Self.queue))
        try await AsyncGround.run(settings, results: .init(repeating: .failure, count: 9)) { ground in
            try await ground.accept()
            let told = try await ground.untilDelivered(2)
            #expect(Set(told.map(\.arn)) == [Self.queue, Self.topic])
            let gaps = zip(ground.runs, ground.runs.dropFirst()).map { $1 - $0 }
            #expect(gaps.count == 2 && gaps[0] >= .seconds(60))
            #expect(gaps[1] >= .seconds(120))
            let record = try JSONValue(parsing: try #require(told.first { $0.arn == Self.topic }).payload)
            #expect(record["requestContext"]?["condition"] == .string("RetriesExhausted"))
            #expect(record["requestContext"]?["approximateInvokeCount"] == .integer(3))
            #expect(record["responseContext"]?["functionError"] == .string("Unhandled"))
            let letter = try #require(told.first { $0.arn == Self.queue })
            #expect(String(buffer: letter.payload) == #"{"a": 1}"#)
            #expect(letter.attributes["ErrorMessage"] == .string("boom"))
            #expect(ground.sink.names.contains("AsyncEventsDropped"))
        }
    }

    @Test("throttles are waited out without counting as retries") func throttles() async throws {
        var settings = AsyncSettings(role: AsyncGround.role)
        (settings.maximumRetries, settings.onSuccess) = (0, ARN(Self.queue))
        try await AsyncGround.run(settings, results: [.throttle, .throttle, .fault, .success]) { ground in
            try await ground.accept()
            let told = try await ground.untilDelivered(1)
            let record = try JSONValue(parsing: told[0].payload)
            #expect(record["requestContext"]?["approximateInvokeCount"] == .integer(1))
            #expect(ground.runs.count == 4)
        }
    }

    @Test("a throttled event that gets too old is told so") func tooOld() async throws {
        var settings = AsyncSettings(role: AsyncGround.role)
        (settings.maximumAge, settings.onFailure) = (.seconds(60), ARN(Self.queue))
        settings.deadLetters = ARN(Self.topic)
        try await AsyncGround.run(settings, results: .init(repeating: .throttle, count: 99)) { ground in
            try await ground.accept()
            let told = try await ground.untilDelivered(2)
            let record = try JSONValue(parsing: try #require(told.first { $0.arn == Self.queue }).payload)
            #expect(record["requestContext"]?["condition"] == .string("EventAgeExceeded"))
            #expect(record["responseContext"] == nil)
            let letter = try #require(told.first { $0.arn == Self.topic })
            #expect(letter.attributes["ErrorCode"] == .number("429"))
            #expect((2...8).contains(ground.runs.count))
        }
    }

    @Test("an event of a function that is gone is dropped, counted and shown") func gone() async throws {
        try await AsyncGround.run(nil) { ground in
            let items = try #require(ground.feed.watch(EventFeed.Filter()))
            try await ground.accept()
            await ground.untilStored(0)
            #expect(await ground.shown(items) == ["failed: the function is gone"])
            #expect(ground.runs.isEmpty)
            #expect(ground.sink.names == ["AsyncEventsReceived", "AsyncEventsDropped"])
        }
    }

    @Test("a record that its target refuses for good is lost, and a metric says so") func lost() async throws {
        var settings = AsyncSettings(role: AsyncGround.role)
        (settings.onFailure, settings.deadLetters) = (ARN(Self.queue), ARN(Self.queue))
        settings.maximumRetries = 0
        let refusal: AsyncGround.Answer = { _ in throw CommonError("QueueDoesNotExist", "") }
        try await AsyncGround.run(
            settings,
            results: [.failure],
            answer: refusal
        ) { ground in
            try await ground.accept()
            await ground.untilStored(0)
            #expect(ground.sink.names.contains("DestinationDeliveryFailures"))
            #expect(ground.sink.names.contains("DeadLetterErrors"))
        }
    }

    @Test("the function's role must be allowed to write to the target") func denied() async throws {
        var settings = AsyncSettings(role: AsyncGround.role)
        settings.onSuccess = ARN(Self.queue)
        try await AsyncGround.run(settings, authorizer: Denial()) { ground in
            try await ground.accept()
            await ground.untilStored(0)
            #expect(ground.sink.names.contains("DestinationDeliveryFailures"))
            #expect(ground.delivered.isEmpty)
        }
    }

    private struct Denial: Authorizer {
        func authorize(_ request: AuthorizationRequest) async throws {
            #expect(request.action == "sqs:SendMessage")
            #expect(request.principal.arn.resource == "assumed-role/r/awslambda")
            throw CommonError("AccessDenied", "no", status: 403)
        }
    }
}
