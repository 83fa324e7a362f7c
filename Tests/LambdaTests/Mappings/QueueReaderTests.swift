// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Logging
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import Lambda

@Suite("Reading a queue", .timeLimit(.minutes(20))) struct QueueReaderTests {
    @Test("messages become records of one event, and are deleted when the function has done them") func success()
        async throws
    {
        try await ReaderGround.run { ground in
            ground.queue.send(["a", "b", "c"])
            await ground.untilDeleted(3)
            #expect(ground.bodies.flatMap(\.self).sorted() == ["a", "b", "c"])
            #expect(ground.queue.bodies.isEmpty)
        }
    }

    @Test("what a function fails at stays and comes again after the visibility timeout") func failure() async throws {
        try await ReaderGround.run(answers: [.failure, .success("null")]) { ground in
            ground.queue.send(["a"])
            await ground.untilRuns(1)
            await ground.clock.advance(by: .seconds(29))
            #expect(ground.bodies == [["a"]])
            await ground.untilDeleted(1)
            #expect(ground.bodies == [["a"], ["a"]])
        }
    }

    @Test("of a batch only what is not reported as failed is deleted") func partial() async throws {
        var settings = MappingSettings()
        settings.reportsItemFailures = true
        let answer = #"{"batchItemFailures":[{"itemIdentifier":"m2"}]}"#
        try await ReaderGround.run(
            settings,
            sendFirst: ["a", "b", "c"],
            answers: [.success(answer), .success("null")]
        ) {
            ground in
            await ground.untilDeleted(2)
            #expect(ground.queue.deleted == ["a", "c"])
            await ground.untilDeleted(3)
            #expect(ground.bodies == [["a", "b", "c"], ["b"]])
        }
    }

    @Test("without ReportBatchItemFailures a report is only an answer") func unreported() async throws {
        let answer = #"{"batchItemFailures":[{"itemIdentifier":"m1"}]}"#
        try await ReaderGround.run(answers: [.success(answer)]) { ground in
            ground.queue.send(["a"])
            await ground.untilDeleted(1)
        }
    }

    @Test("messages that no filter passes are deleted, unseen by the function") func filtered() async throws {
        var settings = MappingSettings()
        settings.filters = [#"{"body":{"wanted":[true]}}"#]
        try await ReaderGround.run(settings) { ground in
            ground.queue.send([#"{"wanted":false}"#, #"{"wanted":true}"#, "text"])
            await ground.untilDeleted(3)
            #expect(ground.bodies == [[#"{"wanted":true}"#]])
        }
    }

    @Test("a window collects until it is over") func window() async throws {
        var settings = MappingSettings()
        (settings.batchSize, settings.windowSeconds, settings.maximumConcurrency) = (100, 5, 1)
        try await ReaderGround.run(settings) { ground in
            ground.queue.send(["a"])
            await ground.clock.advance(by: .seconds(2))
            ground.queue.send(["b"])
            await ground.untilHidden(2)
            #expect(ground.bodies.isEmpty)
            await ground.untilDeleted(2)
            #expect(ground.bodies == [["a", "b"]])
        }
    }

    @Test("a throttled batch is tried again while its messages are hidden, and left to the queue after")
    func throttled()
        async throws
    {
        try await ReaderGround.run(answers: [.throttle, .throttle, .success("null")]) { ground in
            ground.queue.send(["a"])
            await ground.untilDeleted(1)
            #expect(ground.bodies.count == 3)
        }
        try await ReaderGround.run(answers: .init(repeating: .throttle, count: 6) + [.success("null")]) { ground in
            ground.queue.send(["a"])
            await ground.untilDeleted(1)
            #expect(ground.bodies.count == 7)
        }
    }

    @Test("a message group keeps its order, failures included") func fifo() async throws {
        try await ReaderGround.run(queue: "q.fifo", answers: [.failure]) { ground in
            ground.queue.send((0..<25).map { "\($0)" }, group: "g")
            await ground.untilDeleted(25)
            #expect(ground.queue.deleted == (0..<25).map { "\($0)" })
        }
    }

    @Test("never more batches at once than the mapping's maximum") func maximum() async throws {
        var settings = MappingSettings()
        (settings.batchSize, settings.maximumConcurrency) = (1, 2)
        try await ReaderGround.run(settings) { ground in
            ground.queue.send((0..<50).map { "\($0)" })
            await ground.untilDeleted(50)
            #expect(ground.mostAtOnce <= 2)
        }
    }

    @Test("pollers grow while every batch under way takes long") func growth() async throws {
        var settings = MappingSettings()
        settings.batchSize = 1
        try await ReaderGround.run(settings, answers: .init(repeating: .never, count: 40)) { ground in
            ground.queue.send((0..<40).map { "\($0)" })
            while ground.bodies.count < 40 { await ground.clock.advance(by: .milliseconds(500)) }
            #expect(ground.mostAtOnce == 40)
            await ground.letGo()
        }
    }

    @Test("provisioned pollers all wait at the queue from the start, and run ten batches each at most")
    func provisionedPollers() async throws {
        var settings = MappingSettings()
        settings.batchSize = 1
        var pollers = ProvisionedPollers()
        pollers.maximum = 2
        settings.pollers = pollers
        try await ReaderGround.run(settings) { ground in
            await ground.untilWaiting(20)
            ground.queue.send((0..<200).map { "\($0)" })
            await ground.untilDeleted(200)
            #expect(ground.mostAtOnce <= 20)
            // Empty looks end none of them.
            for _ in 0..<3 { await ground.clock.advance(by: .seconds(20)) }
            await ground.untilWaiting(20)
        }
    }

    @Test("what becomes of messages is counted, each try anew") func metrics() async throws {
        var settings = MappingSettings()
        (settings.countsEvents, settings.maximumConcurrency, settings.reportsItemFailures) = (true, 2, true)
        settings.filters = [#"{"body":[{"prefix":"yes"}]}"#]
        let partial = #"{"batchItemFailures":[{"itemIdentifier":"m2"}]}"#
        try await ReaderGround.run(
            settings,
            sendFirst: ["yes 1", "yes 2", "no"],
            answers: [.throttle, .success(partial), .failure]
        ) { ground in
            await ground.untilCounted("DeletedEventCount", 2)
            #expect(ground.queue.deleted.count == 3)
            #expect(ground.counted("PolledEventCount") == 5)
            #expect(ground.counted("FilteredOutEventCount") == 1)
            // Two that were throttled, two that ran; the second once more in vain, and once more.
            #expect(ground.counted("InvokedEventCount") == 6)
            #expect(ground.counted("FailedInvokeEventCount") == 4)
        }
        settings.countsEvents = false
        try await ReaderGround.run(settings, sendFirst: ["yes"]) { ground in
            await ground.untilDeleted(1)
            #expect(ground.metrics.measurements().isEmpty)
        }
    }

    @Test("what is done and cannot be deleted is not run again before it is visible") func undeleted() async throws {
        var settings = MappingSettings()
        settings.countsEvents = true
        try await ReaderGround.run(settings, sendFirst: ["a"], refusedDeletions: 1) { ground in
            await ground.untilRuns(1)
            await ground.clock.advance(by: .seconds(29))
            #expect(ground.bodies == [["a"]])
            await ground.untilCounted("DeletedEventCount", 1)
            #expect(ground.bodies == [["a"], ["a"]])
        }
    }

    @Test("a reader that stops ends its batch and gives back what it has not begun") func stopping() async throws {
        var settings = MappingSettings()
        (settings.batchSize, settings.windowSeconds) = (100, 300)
        try await ReaderGround.run(settings) { ground in
            ground.queue.send(["a", "b"])
            await ground.untilHidden(2)
            await ground.stop()
            #expect(ground.queue.visible == 2)
            #expect(ground.bodies.isEmpty)
        }
    }

    @Test("while the role may not read, nothing is read, and it begins when it may") func permission() async throws {
        try await ReaderGround.run(denials: 3) { ground in
            ground.queue.send(["a"])
            await ground.untilDeleted(1)
        }
    }
}

private struct ReaderGround: Sendable {
    enum Answer: Sendable {
        case success(String)
        case failure
        case throttle
        /// Until the ground's end.
        case never
    }

    let clock: MemoryClock
    let queue: FakeQueue
    let metrics = MinuteMetrics()
    private let stopSignal = StopSignal()
    private let stopped = AsyncStream<Void>.makeStream()
    private let runs = NIOLockedValueBox<[[String]]>([])
    private let isOver = NIOLockedValueBox(false)
    private let running = NIOLockedValueBox((now: 0, most: 0))

    static func run(
        _ settings: MappingSettings = MappingSettings(),
        queue name: String = "q",
        sendFirst: [String] = [],
        answers: [Answer] = [],
        denials: Int = 0,
        refusedDeletions: Int = 0,
        _ body: (ReaderGround) async throws -> Void
    ) async throws {
        let clock = MemoryClock()
        let ground = ReaderGround(clock: clock, queue: FakeQueue(name, clock: clock))
        ground.queue.refuse(deletions: refusedDeletions)
        ground.queue.send(sendFirst)
        let reader = try ground.reader(settings, answers, denials)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await reader.run(until: ground.stopSignal)
                ground.stopped.continuation.finish()
            }
            try await body(ground)
            await ground.stop()
            group.cancelAll()
        }
    }

    private func reader(_ settings: MappingSettings, _ answers: [Answer], _ denials: Int) throws -> QueueReader {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let scope = Scope(account: .local, region: .usEast1)
        let mapping = EventSourceMapping(
            id: "id",
            scope: scope,
            source: queue.arn,
            function: FunctionReference(scope: scope, name: "f", qualifier: nil),
            settings: settings,
            state: .enabled,
            isEnabled: true,
            lastResult: nil,
            lastModified: clock.now,
            revision: 1
        )
        let script = NIOLockedValueBox(answers)
        let denied = NIOLockedValueBox(denials)
        return QueueReader(
            mapping,
            filter: try EventFilter(settings.filters),
            around: .init(
                queues: queue,
                invoke: { _, event, _ in
                    try await invoke(event, script.withLockedValue { $0.isEmpty ? .success("null") : $0.removeFirst() })
                },
                permit: {
                    let isDenied = denied.withLockedValue { count in
                        count -= 1
                        return count >= 0
                    }
                    if isDenied { throw CommonError("AccessDenied", "no", status: 403) }
                },
                clock: clock,
                ids: SystemIDSource(),
                logger: logger,
                metrics: MappingMetrics(sink: metrics)
            )
        )
    }

    private func invoke(_ event: ByteBuffer, _ answer: Answer) async throws -> AsyncResponse {
        let records = try JSONValue(parsing: event)["Records"]?.arrayValue ?? []
        runs.withLockedValue { $0.append(records.compactMap { $0["body"]?.stringValue }) }
        running.withLockedValue { ($0.now, $0.most) = ($0.now + 1, max($0.most, $0.now + 1)) }
        await Task.yield()
        defer { running.withLockedValue { $0.now -= 1 } }
        switch answer {
        case .success(let text):
            return AsyncResponse(executedVersion: "$LATEST", functionError: nil, payload: ByteBuffer(string: text))
        case .failure:
            return AsyncResponse(executedVersion: "$LATEST", functionError: "Unhandled", payload: ByteBuffer())
        case .never:
            while !isOver.withLockedValue({ $0 }) { try await clock.sleep(for: .seconds(3_600)) }
            return AsyncResponse(executedVersion: "$LATEST", functionError: nil, payload: ByteBuffer())
        case .throttle: throw TooManyRequestsException("Rate Exceeded.")
        }
    }

    var bodies: [[String]] { runs.withLockedValue { $0 } }
    var mostAtOnce: Int { running.withLockedValue { $0.most } }

    func stop() async {
        stopSignal.stop()
        for await _ in stopped.stream {}
    }

    /// What never ended ends.
    func letGo() async {
        isOver.withLockedValue { $0 = true }
        while running.withLockedValue({ $0.now }) > 0 { await clock.advance(by: .seconds(3_600)) }
    }

    func untilRuns(_ count: Int) async {
        while bodies.count < count { await Task.yield() }
    }

    func untilHidden(_ count: Int) async {
        while queue.bodies.count - queue.visible < count { await Task.yield() }
    }

    func untilWaiting(_ count: Int) async {
        while queue.waiting < count { await Task.yield() }
    }

    /// The sum of a metric.
    func counted(_ name: String) -> Double? {
        let all = metrics.totals(at: clock.now).filter { $0.name == name }
        return all.first { $0.dimensions == ["EventSourceMappingUUID": "id"] }?.statistics.sum
    }

    func untilCounted(_ name: String, _ sum: Double) async {
        while counted(name) != sum { await clock.advance(by: .milliseconds(500)) }
    }

    func untilDeleted(_ count: Int) async {
        while queue.deleted.count < count { await clock.advance(by: .milliseconds(500)) }
    }
}
