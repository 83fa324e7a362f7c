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

/// An engine with Lambda's handlers, on functions that do what a list says.
struct AsyncGround: Sendable {
    static let role = ARN(service: "iam", region: "", account: "000000000000", resource: "role/path/r")

    enum Result: Sendable { case success, failure, throttle, fault, refusal }

    /// What targets say to a delivery: nothing, or they throw.
    typealias Answer = @Sendable (EventDelivery) throws -> Void

    struct Told: Sendable {
        var arn: String
        var payload: ByteBuffer
        var attributes: [String: EventAttribute]
    }

    let clock = MemoryClock()
    let sink = RecordingSink()
    let feed = EventFeed()
    let outcomes: AsyncOutcomes
    private let engine: DeliveryEngine
    private let events: AsyncEvents
    private let target = RecordingTarget()
    private let runTimes = NIOLockedValueBox<[Instant]>([])

    var runs: [Instant] { runTimes.withLockedValue { $0 } }
    var delivered: [Told] { target.told.withLockedValue { $0 } }

    static func run(
        _ settings: AsyncSettings?,
        results: [Result] = [],
        answer: @escaping Answer = { _ in },
        authorizer: any Authorizer = PermissiveAuthorizer(),
        _ body: (AsyncGround) async throws -> Void
    ) async throws {
        let database = try SQLiteDatabase.ephemeral()
        let ground = try await AsyncGround(database, settings, results, answer, authorizer)
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
        _ answer: @escaping Answer,
        _ authorizer: any Authorizer
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let ids = SystemIDSource()
        engine = try await DeliveryEngine(database: database, clock: clock, ids: ids, node: "n", logger: logger)
        let metrics = AsyncMetrics(sink: sink, clock: clock)
        events = AsyncEvents(engine: engine, metrics: metrics)
        let targets = EventTargets()
        for service in ["sqs", "sns"] { targets.register(Forwarding(service: service, to: target, answer)) }
        outcomes = AsyncOutcomes(
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
                feed: feed,
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

    func accept(_ payload: ByteBuffer? = nil) async throws {
        var event = AsyncEvent.example()
        if let payload { event.payload = payload }
        event.acceptedAt = clock.now
        try await events.accept(event)
    }

    /// Moves the clock until the targets have been told that often.
    func untilDelivered(_ count: Int) async throws -> [Told] {
        while delivered.count < count { await tick() }
        return delivered
    }

    /// What was shown until now. Ends the feed.
    func shown(_ items: AsyncStream<EventFeed.Item>) async -> [String] {
        feed.close()
        var shown: [String] = []
        for await case .passage(let passage) in items {
            shown.append(passage.result.rawValue + (passage.reason.map { ": \($0)" } ?? ""))
        }
        return shown
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
}

private struct Forwarding: EventTarget {
    let service: String
    let recorder: RecordingTarget
    let answer: AsyncGround.Answer

    init(service: String, to recorder: RecordingTarget, _ answer: @escaping AsyncGround.Answer) {
        (self.service, self.recorder, self.answer) = (service, recorder, answer)
    }

    func deliver(_ event: EventDelivery, to arn: ARN) async throws {
        #expect(event.source.role == AsyncGround.role)
        try answer(event)
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
