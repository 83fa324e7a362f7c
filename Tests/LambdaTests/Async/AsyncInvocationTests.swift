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

@Suite("Asynchronous invokes", .timeLimit(.minutes(2))) struct AsyncInvocationTests {
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

    @Test("an event of a function that is gone, or that can never run, is dropped and counted") func gone() async throws
    {
        try await AsyncGround.run(nil) { ground in
            try await ground.accept()
            await ground.untilStored(0)
            #expect(ground.runs.isEmpty)
            #expect(ground.sink.names == ["AsyncEventsReceived", "AsyncEventsDropped"])
        }
        try await AsyncGround.run(AsyncSettings(), results: [.refusal]) { ground in
            try await ground.accept()
            await ground.untilStored(0)
            #expect(ground.runs.count == 1)
            #expect(ground.sink.names.contains("AsyncEventsDropped"))
        }
    }

    @Test("a record that its target refuses is lost after some tries, and a metric says so") func lost() async throws {
        var settings = AsyncSettings(role: AsyncGround.role)
        (settings.onFailure, settings.deadLetters) = (ARN(Self.queue), ARN(Self.queue))
        settings.maximumRetries = 0
        try await AsyncGround.run(settings, results: [.failure], refusesDeliveries: true) { ground in
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

/// An engine with Lambda's handlers, on functions that do what a list says.
private struct AsyncGround: Sendable {
    static let role = ARN(service: "iam", region: "", account: "000000000000", resource: "role/path/r")

    enum Result: Sendable { case success, failure, throttle, fault, refusal }

    struct Told: Sendable {
        var arn: String
        var payload: ByteBuffer
        var attributes: [String: EventAttribute]
    }

    let clock = MemoryClock()
    let sink = RecordingSink()
    private let engine: DeliveryEngine
    private let events: AsyncEvents
    private let target = RecordingTarget()
    private let runTimes = NIOLockedValueBox<[Instant]>([])

    var runs: [Instant] { runTimes.withLockedValue { $0 } }
    var delivered: [Told] { target.told.withLockedValue { $0 } }

    static func run(
        _ settings: AsyncSettings?,
        results: [Result] = [],
        refusesDeliveries: Bool = false,
        authorizer: any Authorizer = PermissiveAuthorizer(),
        _ body: (AsyncGround) async throws -> Void
    ) async throws {
        let database = try SQLiteDatabase.ephemeral()
        let ground = try await AsyncGround(database, settings, results, refusesDeliveries, authorizer)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await ground.engine.run() }
            await ground.clock.untilSleepers(2)
            try await body(ground)
            group.cancelAll()
            // Cancellation is how a test ends.
            try? await group.waitForAll()
        }
        await database.close()
    }

    private init(
        _ database: any Database,
        _ settings: AsyncSettings?,
        _ results: [Result],
        _ refusesDeliveries: Bool,
        _ authorizer: any Authorizer
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let ids = SystemIDSource()
        engine = try await DeliveryEngine(database: database, clock: clock, ids: ids, node: "n", logger: logger)
        let metrics = AsyncMetrics(sink: sink, clock: clock)
        events = AsyncEvents(engine: engine, metrics: metrics)
        let targets = EventTargets()
        target.refuses.withLockedValue { $0 = refusesDeliveries }
        for service in ["sqs", "sns"] { targets.register(Forwarding(service: service, to: target)) }
        let outcomes = AsyncOutcomes(
            targets: targets,
            permissions: OutcomePermissions(authorizer: authorizer, clock: clock),
            metrics: metrics,
            clock: clock,
            ids: ids,
            logger: logger
        )
        engine.register(outcomes.handler)
        let script = NIOLockedValueBox(results)
        engine.register(
            AsyncInvocations(
                settings: FixedSettings(settings: settings),
                outcomes: outcomes,
                metrics: metrics,
                clock: clock,
                ids: ids,
                logger: logger,
                run: { [runTimes, clock] _ in
                    runTimes.withLockedValue { $0.append(clock.now) }
                    return try Self.perform(script.withLockedValue { $0.isEmpty ? .success : $0.removeFirst() })
                }
            )
        )
    }

    private static func perform(_ result: Result) throws -> AsyncResponse {
        switch result {
        case .success:
            return AsyncResponse(
                executedVersion: "$LATEST",
                functionError: nil,
                payload: ByteBuffer(string: #""done""#)
            )
        case .failure:
            let payload = ByteBuffer(string: #"{"errorMessage":"boom"}"#)
            return AsyncResponse(executedVersion: "$LATEST", functionError: "Unhandled", payload: payload)
        case .throttle: throw TooManyRequestsException("Rate Exceeded.")
        case .fault: throw MartletError("test", "a fault")
        case .refusal: throw InvalidRequestContentException("never right")
        }
    }

    func accept() async throws {
        var event = AsyncEvent.example()
        event.acceptedAt = clock.now
        try await events.accept(event)
    }

    /// Moves the clock until the targets have been told that often.
    func untilDelivered(_ count: Int) async throws -> [Told] {
        while delivered.count < count { await tick() }
        return delivered
    }

    func untilStored(_ count: Int) async {
        while (try? await engine.count()) != count { await tick() }
    }

    private func tick() async {
        await clock.advance(by: .seconds(1))
        _ = try? await engine.count()
    }
}

private struct FixedSettings: AsyncSettingsSource {
    var settings: AsyncSettings?
    func asyncSettings(of function: FunctionReference) async throws -> AsyncSettings? { settings }
}

private final class RecordingTarget: Sendable {
    let told = NIOLockedValueBox<[AsyncGround.Told]>([])
    let refuses = NIOLockedValueBox(false)
}

private struct Forwarding: EventTarget {
    let service: String
    let recorder: RecordingTarget

    init(service: String, to recorder: RecordingTarget) { (self.service, self.recorder) = (service, recorder) }

    func deliver(_ event: EventDelivery, to arn: ARN) async throws {
        #expect(event.source.role == AsyncGround.role)
        guard !recorder.refuses.withLockedValue({ $0 }) else { throw CommonError("InternalFailure", "", status: 500) }
        recorder.told.withLockedValue {
            $0.append(.init(arn: arn.description, payload: event.payload, attributes: event.attributes))
        }
    }
}

final class RecordingSink: MetricSink {
    private let measurements = NIOLockedValueBox<[Measurement]>([])
    func record(_ measurement: Measurement) { measurements.withLockedValue { $0.append(measurement) } }
    var names: [String] { measurements.withLockedValue { $0.map(\.name) } }
}
