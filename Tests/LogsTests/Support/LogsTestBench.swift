// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import Storage
import Testing

@testable import Logs

/// A server with nothing but CloudWatch Logs, and a client of it.
struct LogsTestBench: Sendable {
    let server: TestServer
    let service: LogsService
    var client: TestClient
    let targets: EventTargets

    var clock: MemoryClock { server.clock }
    /// The clock's time as events carry it.
    var now: Int { Int(clock.now.milliseconds) }

    static let scope = Scope(account: .local, region: .usEast1)

    static func run(
        scanLimits: ScanLimits = ScanLimits(),
        sweeping: Bool = false,
        delivering: Bool = false,
        querying: Bool = false,
        targets: [any EventTarget] = [],
        metrics: (any MetricSink)? = nil,
        feed: EventFeed = EventFeed(),
        _ body: @Sendable (LogsTestBench) async throws -> Void
    ) async throws {
        let built = NIOLockedValueBox<LogsService?>(nil)
        let neighbours = EventTargets(feed: feed)
        for target in targets { neighbours.register(target) }
        let providers = { @Sendable (ground: TestGround) -> TestAssembly in
            let deliveries = try await DeliveryEngine(
                database: ground.database,
                clock: ground.clock,
                ids: ground.ids,
                node: "test",
                logger: ground.logger
            )
            let logs = LogsService(
                database: ground.database,
                deliveries: deliveries,
                targets: neighbours,
                clock: ground.clock,
                logger: ground.logger,
                scanLimits: scanLimits
            )
            try await logs.migrate()
            if let metrics { logs.neighbours.register(metrics) }
            built.withLockedValue { $0 = logs }
            var assembly: TestAssembly = [logs]
            if sweeping { assembly.background.append(logs.sweeper.run) }
            if delivering { assembly.background.append(deliveries.run) }
            if querying { assembly.background.append(logs.queries.run) }
            return assembly
        }
        try await TestServer.run(providers: providers) { server in
            let service = try #require(built.withLockedValue { $0 })
            try await body(
                LogsTestBench(server: server, service: service, client: server.client(.logs), targets: neighbours)
            )
        }
    }

    func inAccount(_ account: String) -> LogsTestBench {
        var other = self
        other.client = client.signing(as: .account(account))
        return other
    }

    func inRegion(_ region: String) -> LogsTestBench {
        var other = self
        other.client = client.inRegion(region)
        return other
    }

    // MARK: Calls

    func createGroup(_ name: String, configure: (inout CreateLogGroupInput) -> Void = { _ in }) async throws {
        var input = CreateLogGroupInput(logGroupName: name)
        configure(&input)
        _ = try await client.call(LogsOperations.createLogGroup, input)
    }

    func createStream(_ name: String, in group: String) async throws {
        _ = try await client.call(
            LogsOperations.createLogStream,
            CreateLogStreamInput(logGroupName: group, logStreamName: name)
        )
    }

    /// A group with streams.
    func create(_ group: String, streams: [String]) async throws {
        try await createGroup(group)
        for stream in streams { try await createStream(stream, in: group) }
    }

    @discardableResult
    func put(_ events: [(Int, String)], to stream: String, in group: String) async throws -> PutLogEventsOutput {
        var input = PutLogEventsInput(logGroupName: group, logStreamName: stream)
        input.logEvents = events.map { InputLogEvent(timestamp: $0.0, message: $0.1) }
        return try await client.call(LogsOperations.putLogEvents, input)
    }

    func get(
        _ stream: String,
        in group: String,
        configure: (inout GetLogEventsInput) -> Void = { _ in }
    ) async throws -> GetLogEventsOutput {
        var input = GetLogEventsInput(logGroupName: group, logStreamName: stream)
        configure(&input)
        return try await client.call(LogsOperations.getLogEvents, input)
    }

    func filter(
        _ group: String,
        _ pattern: String? = nil,
        configure: (inout FilterLogEventsInput) -> Void = { _ in }
    ) async throws -> FilterLogEventsOutput {
        var input = FilterLogEventsInput(logGroupName: group, filterPattern: pattern)
        configure(&input)
        return try await client.call(LogsOperations.filterLogEvents, input)
    }

    func messages(in group: String, _ pattern: String? = nil) async throws -> [String] {
        try await filter(group, pattern).texts
    }

    func groups(configure: (inout DescribeLogGroupsInput) -> Void = { _ in }) async throws -> DescribeLogGroupsOutput {
        var input = DescribeLogGroupsInput()
        configure(&input)
        return try await client.call(LogsOperations.describeLogGroups, input)
    }

    func streams(
        of group: String,
        configure: (inout DescribeLogStreamsInput) -> Void = { _ in }
    ) async throws -> DescribeLogStreamsOutput {
        var input = DescribeLogStreamsInput(logGroupName: group)
        configure(&input)
        return try await client.call(LogsOperations.describeLogStreams, input)
    }

    func setRetention(_ days: Int, of group: String) async throws {
        _ = try await client.call(
            LogsOperations.putRetentionPolicy,
            PutRetentionPolicyInput(logGroupName: group, retentionInDays: days)
        )
    }

    func deleteGroup(_ name: String) async throws {
        _ = try await client.call(LogsOperations.deleteLogGroup, DeleteLogGroupInput(logGroupName: name))
    }

    func deleteStream(_ name: String, in group: String) async throws {
        _ = try await client.call(
            LogsOperations.deleteLogStream,
            DeleteLogStreamInput(logGroupName: group, logStreamName: name)
        )
    }

    /// Delivers what waits, as a server that starts does, while `body` runs.
    func delivering(_ body: @Sendable () async throws -> Void) async throws {
        let engine = service.store.deliveries
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await engine.run() }
            try await body()
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    /// Returns once all that was to be delivered is done with. Moves the clock on where a try waits for its time.
    func untilDelivered() async throws {
        while try await rows(in: "delivery") > 0 {
            // While one is under way, time stands still: the test is to see pauses, not leases.
            if try await rows(in: "delivery WHERE session IS NOT NULL") == 0 { await clock.advance(by: .seconds(1)) }
            await Task.yield()
        }
    }

    /// How many rows a table has, for what no operation shows.
    func rows(in table: SQL) async throws -> Int {
        try await server.database.read { tx in try tx.count("SELECT COUNT(*) FROM \(table)") }
    }
}

extension FilterLogEventsOutput {
    var texts: [String] { (events ?? []).compactMap(\.message) }
}

extension GetLogEventsOutput {
    var texts: [String] { (events ?? []).compactMap(\.message) }
}

extension DescribeLogGroupsOutput {
    var names: [String] { (logGroups ?? []).compactMap(\.logGroupName) }
}

extension DescribeLogStreamsOutput {
    var names: [String] { (logStreams ?? []).compactMap(\.logStreamName) }
}

/// AWS's errors, as clients see them.
enum Expected {
    static let noGroup = ClientError("ResourceNotFoundException", "The specified log group does not exist.")
    static let noStream = ClientError("ResourceNotFoundException", "The specified log stream does not exist.")
    static let badToken = ClientError("InvalidParameterException", "The specified nextToken is invalid.")

    static func invalid(_ message: String) -> ClientError { ClientError("InvalidParameterException", message) }
}
