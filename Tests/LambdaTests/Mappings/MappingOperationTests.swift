// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import Logging
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import Lambda

@Suite("Event source mappings", .timeLimit(.minutes(20))) struct MappingOperationTests {
    @Test("a mapping is created, enabled, disabled, changed and deleted through AWS's states") func life() async throws
    {
        try await MappingGround.run { ground in
            let created = try await ground.create()
            #expect(created.state == "Creating" && created.stateTransitionReason == "USER_INITIATED")
            #expect(created.batchSize == 10 && created.maximumBatchingWindowInSeconds == 0)
            #expect(created.functionResponseTypes == [] && created.lastProcessingResult == nil)
            let id = try #require(created.uuid)
            #expect(created.functionArn == "\(ControlGround.arn):f")
            #expect(created.eventSourceMappingArn == "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:\(id)")
            try await ground.untilState("Enabled", id)
            ground.queue.send(["a"])
            await ground.untilRead(["a"])

            let disabling = try await ground.update(id) { $0.enabled = false }
            #expect(disabling.state == "Disabling")
            try await ground.untilState("Disabled", id)
            ground.queue.send(["b"])
            let updating = try await ground.update(id) { $0.batchSize = 1 }
            #expect(updating.state == "Updating" && updating.batchSize == 1)
            try await ground.untilState("Disabled", id)
            #expect(ground.read == ["a"])
            let enabling = try await ground.update(id) { $0.enabled = true }
            #expect(enabling.state == "Enabling")
            try await ground.untilState("Enabled", id)
            await ground.untilRead(["a", "b"])

            let deleting = try await ground.lambda.call(LambdaOperations.deleteEventSourceMapping, .init(uuid: id))
            #expect(deleting.state == "Deleting")
            try await ground.untilGone(id)
            ground.queue.send(["c"])
            for _ in 0..<50 { await ground.tick() }
            #expect(ground.read == ["a", "b"])
        }
    }

    @Test("a mapping that is changing cannot be changed") func inUse() async throws {
        try await MappingGround.run(supervises: false) { ground in
            let id = try #require(try await ground.create().uuid)
            let refused = await refusal { _ = try await ground.update(id) { $0.batchSize = 2 } }
            #expect(
                refused
                    == ClientError(
                        "ResourceInUseException",
                        "Cannot update the event source mapping because it is in use."
                    )
            )
            let kept = await refusal {
                _ = try await ground.lambda.call(LambdaOperations.deleteEventSourceMapping, .init(uuid: id))
            }
            #expect(kept?.message == "Cannot delete the event source mapping because it is in use.")
        }
    }

    @Test("mappings are listed by source and by function, and are their own account's") func list() async throws {
        try await MappingGround.run(supervises: false) { ground in
            try await ground.control.create("g")
            let first = try await ground.create()
            let second = try await ground.create { $0.functionName = "g" }
            func ids(_ input: ListEventSourceMappingsInput) async throws -> Set<String?> {
                let list = try await ground.lambda.call(LambdaOperations.listEventSourceMappings, input)
                return Set((list.eventSourceMappings ?? []).map(\.uuid))
            }
            #expect(try await ids(.init()) == [first.uuid, second.uuid])
            #expect(try await ids(.init(functionName: "g")) == [second.uuid])
            #expect(try await ids(.init(eventSourceArn: ground.queue.arn.description)).count == 2)
            #expect(try await ids(.init(eventSourceArn: "arn:aws:sqs:us-east-1:000000000000:other")).isEmpty)
            let page = try await ground.lambda.call(LambdaOperations.listEventSourceMappings, .init(maxItems: 1))
            #expect(page.eventSourceMappings?.count == 1)
            #expect(try await ids(.init(marker: page.nextMarker)).count == 1)
            let stranger = ground.lambda.signing(as: TestCredentials.account("111122223333"))
            let id = try #require(first.uuid)
            let refused = await refusal {
                _ = try await stranger.call(LambdaOperations.getEventSourceMapping, .init(uuid: id))
            }
            #expect(refused == .missing("The resource you requested does not exist."))
        }
    }

    @Test("a mapping has tags") func tags() async throws {
        try await MappingGround.run(supervises: false) { ground in
            let made = try await ground.create { $0.tags = ["a": "1"] }
            let arn = try #require(made.eventSourceMappingArn)
            _ = try await ground.lambda.call(LambdaOperations.tagResource, .init(resource: arn, tags: ["b": "2"]))
            _ = try await ground.lambda.call(LambdaOperations.untagResource, .init(resource: arn, tagKeys: ["a"]))
            let tags = try await ground.lambda.call(LambdaOperations.listTags, .init(resource: arn))
            #expect(tags.tags == ["b": "2"])
        }
    }

    @Test("what cannot be mapped is refused in AWS's words") func refused() async throws {
        try await MappingGround.run(supervises: false) { ground in
            func refused(_ change: (inout CreateEventSourceMappingInput) -> Void) async -> ClientError? {
                await refusal { _ = try await ground.create(change) }
            }
            #expect(await refused { $0.eventSourceArn = nil } == .invalid("Unrecognized event source."))
            #expect(
                await refused { $0.eventSourceArn = "arn:aws:s3:us-east-1:000000000000:b" }
                    == .invalid("Unrecognized event source.")
            )
            let stream = await refused { $0.eventSourceArn = "arn:aws:kinesis:us-east-1:000000000000:stream/s" }
            #expect(stream?.status == 501, "\(String(describing: stream))")
            #expect(await refused { $0.functionName = "nobody" } == .invalid("Function does not exist"))
            #expect(
                await refused { $0.eventSourceArn = "arn:aws:sqs:us-east-1:000000000000:none" }
                    == .invalid(
                        "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist."
                    )
            )
            #expect(
                await refused { $0.batchSize = 11 }
                    == .invalid(
                        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
                    )
            )
            for pattern in ["", "{", #"{"body":"x"}"#, #"{"body":[{"like":"x"}]}"#] {
                let refusal = await refused { $0.filterCriteria = FilterCriteria(filters: [Filter(pattern: pattern)]) }
                #expect(refusal == .invalid("Invalid filter pattern definition."), "\(pattern)")
            }
            let six = FilterCriteria(filters: .init(repeating: Filter(pattern: #"{"body":["x"]}"#), count: 6))
            #expect(await refused { $0.filterCriteria = six }?.code == "InvalidParameterValueException")
            #expect(
                await refused { $0.scalingConfig = ScalingConfig(maximumConcurrency: 1) }?.code == "ValidationException"
            )
            #expect(await refused { $0.batchSize = 10_001 }?.code == "ValidationException")
            #expect(await refused { $0.parallelizationFactor = 2 }?.code == "InvalidParameterValueException")
            let key = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
            #expect(await refused { $0.kmsKeyArn = key }?.status == 501)
            let made = try #require(try await ground.create().uuid)
            #expect(
                await refused { _ in }
                    == .conflict(
                        "An event source mapping with SQS arn (\" \(ground.queue.arn) \") and function (\" f \") already exists. Please update or delete the existing mapping with UUID \(made)"
                    )
            )
        }
    }

    @Test("provisioned pollers are kept and shown with AWS's defaults, changed, and taken away by an empty structure")
    func pollers() async throws {
        try await MappingGround.run { ground in
            let made = try await ground.create { $0.provisionedPollerConfig = .init(minimumPollers: 3) }
            let id = try #require(made.uuid)
            #expect(made.pollers == [3, 200])
            try await ground.untilState("Enabled", id)
            let changed = try await ground.update(id) { $0.provisionedPollerConfig = .init(maximumPollers: 9) }
            #expect(changed.pollers == [3, 9])
            try await ground.untilState("Enabled", id)
            let both = await refusal {
                _ = try await ground.update(id) { $0.scalingConfig = .init(maximumConcurrency: 2) }
            }
            #expect(
                both
                    == .invalid(
                        "MaximumConcurrency and ProvisionedPollerConfig cannot both be set for an event source mapping."
                    )
            )
            let list = try await ground.lambda.call(LambdaOperations.listEventSourceMappings, .init())
            #expect(list.eventSourceMappings?.map(\.pollers) == [[3, 9]])
            ground.queue.send(["a"])
            await ground.untilRead(["a"])
            // One for the other in one request.
            let other = try await ground.update(id) {
                ($0.provisionedPollerConfig, $0.scalingConfig) = (.init(), .init(maximumConcurrency: 2))
            }
            #expect(other.provisionedPollerConfig == nil && other.scalingConfig?.maximumConcurrency == 2)
        }
    }

    @Test(
        "provisioned pollers that a queue cannot have are refused",
        arguments: [
            (1, nil, nil), (nil, 1, nil), (10, 9, nil), (nil, nil, "group"),
        ] as [(Int?, Int?, String?)]
    ) func refusedPollers(minimum: Int?, maximum: Int?, group: String?) async throws {
        try await MappingGround.run(supervises: false) { ground in
            let pollers = ProvisionedPollerConfig(
                minimumPollers: minimum,
                maximumPollers: maximum,
                pollerGroupName: group
            )
            let refused = await refusal { _ = try await ground.create { $0.provisionedPollerConfig = pollers } }
            #expect(refused?.code == "InvalidParameterValueException")
        }
    }

    @Test("a mapping counts events when it is asked to, and says so") func metricsConfig() async throws {
        try await MappingGround.run { ground in
            let made = try await ground.create { $0.metricsConfig = .init(metrics: [.eventCount]) }
            let id = try #require(made.uuid)
            #expect(made.metricsConfig?.metrics == [.eventCount])
            try await ground.untilState("Enabled", id)
            let kafka = await refusal {
                _ = try await ground.update(id) { $0.metricsConfig = .init(metrics: [.eventCount, .kafkaMetrics]) }
            }
            #expect(kafka == .invalid("KafkaMetrics is not supported for SQS event source mappings."))
            let none = try await ground.update(id) { $0.metricsConfig = .init(metrics: []) }
            #expect(none.metricsConfig == nil)
        }
    }

    @Test("a queue must hide messages for as long as the function may run") func visibility() async throws {
        try await MappingGround.run(supervises: false) { ground in
            try await ground.control.create("slow") { $0.timeout = 60 }
            #expect(
                await refusal { _ = try await ground.create { $0.functionName = "slow" } }
                    == .invalid("Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds")
            )
        }
    }

    @Test("the function's role must be allowed to read the queue") func permission() async throws {
        struct Denial: Authorizer {
            func authorize(_ request: AuthorizationRequest) async throws {
                if request.action.hasPrefix("sqs:") { throw CommonError("AccessDenied", "no", status: 403) }
            }
        }
        try await MappingGround.run(supervises: false, authorizer: Denial()) { ground in
            #expect(
                await refusal { _ = try await ground.create() }
                    == .invalid("The provided execution role does not have permissions to call ReceiveMessage on SQS")
            )
        }
    }

    @Test("a mapping that another process held is read again when its lease is over") func lease() async throws {
        try await MappingGround.run(supervises: false) { ground in
            let id = try #require(try await ground.create().uuid)
            let now = ground.clock.now
            _ = try await ground.control.control.store.write {
                try $0.claimMappings(upTo: 1, for: "other", at: now, until: now + .seconds(60))
            }
            ground.queue.send(["a"])
            try await ground.supervised {
                for _ in 0..<30 { await ground.tick() }
                #expect(ground.read.isEmpty)
                await ground.untilRead(["a"])
                try await ground.untilState("Enabled", id)
            }
        }
    }
}

/// A control plane whose mappings read a queue in memory and run a function that only remembers.
struct MappingGround: Sendable {
    let control: ControlGround
    let queue: FakeQueue
    let clock: MemoryClock
    private let bodies = NIOLockedValueBox<[String]>([])

    var lambda: TestClient { control.lambda }
    var read: [String] { bodies.withLockedValue { $0 } }

    static func run(
        supervises: Bool = true,
        authorizer: any Authorizer = PermissiveAuthorizer(),
        _ body: @escaping @Sendable (MappingGround) async throws -> Void
    ) async throws {
        let clock = MemoryClock()
        let queue = FakeQueue(clock: clock)
        let sources = EventSources()
        sources.register(queues: queue)
        try await ControlGround.run(authorizer: authorizer, sources: sources, clock: clock) { control in
            let ground = MappingGround(control: control, queue: queue, clock: clock)
            try await control.create()
            guard supervises else { return try await body(ground) }
            try await ground.supervised { try await body(ground) }
        }
    }

    func supervised(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let supervisor = MappingSupervisor(control.control, node: "test", makeReader: reader)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await supervisor.run() }
            try await body()
            group.cancelAll()
            // Cancellation is how a test ends.
            try? await group.waitForAll()
        }
    }

    @Sendable private func reader(_ mapping: EventSourceMapping) async throws -> (any MappingReader)? {
        QueueReader(
            mapping,
            filter: try EventFilter(mapping.settings.filters),
            around: .init(
                queues: queue,
                invoke: { [bodies] _, event, _ in
                    let records = try JSONValue(parsing: event)["Records"]?.arrayValue ?? []
                    bodies.withLockedValue { $0 += records.compactMap { $0["body"]?.stringValue } }
                    return AsyncResponse(executedVersion: "$LATEST", functionError: nil, payload: ByteBuffer())
                },
                permit: {},
                clock: clock,
                ids: SystemIDSource(),
                logger: control.control.environment.logger
            )
        )
    }

    func create(
        _ change: (inout CreateEventSourceMappingInput) -> Void = { _ in }
    ) async throws
        -> EventSourceMappingConfiguration
    {
        var input = CreateEventSourceMappingInput(eventSourceArn: queue.arn.description, functionName: "f")
        change(&input)
        return try await lambda.call(LambdaOperations.createEventSourceMapping, input)
    }

    func update(
        _ id: String,
        _ change: (inout UpdateEventSourceMappingInput) -> Void
    ) async throws -> EventSourceMappingConfiguration {
        var input = UpdateEventSourceMappingInput(uuid: id)
        change(&input)
        return try await lambda.call(LambdaOperations.updateEventSourceMapping, input)
    }

    /// Without a supervisor: what is changing is changed, as if one had looked at it.
    func settle(_ id: String) async throws {
        try await control.control.store.write { tx in
            guard var mapping = try tx.mapping(id), let state = mapping.state.settled(isEnabled: mapping.isEnabled)
            else { return }
            mapping.state = state
            try tx.update(mapping)
        }
    }

    func untilState(_ state: String, _ id: String) async throws {
        while try await lambda.call(LambdaOperations.getEventSourceMapping, .init(uuid: id)).state != state {
            await tick()
        }
    }

    func untilGone(_ id: String) async throws {
        while await refusal({ _ = try await lambda.call(LambdaOperations.getEventSourceMapping, .init(uuid: id)) })
            == nil
        {
            await tick()
        }
    }

    func untilRead(_ bodies: [String]) async {
        while read != bodies { await tick() }
    }

    func tick() async { await clock.advance(by: .seconds(1)) }
}

extension EventSourceMappingConfiguration {
    fileprivate var pollers: [Int?]? {
        provisionedPollerConfig.map { [$0.minimumPollers, $0.maximumPollers] }
    }
}
