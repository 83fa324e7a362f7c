// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import Logging
import MartletCore
import MartletTesting
import NIOCore
import Storage
import Testing

@testable import Logs

@Suite("Deliveries of log events") struct WatcherDeliveryTests {
    private static let refusal = CommonError("ResourceNotFoundException", "gone", status: 404)
    private static let fault = CommonError("ServiceException", "broken", status: 500)
    private static let busy = CommonError("ProvisionedThroughputExceededException", "busy")

    private static func messages(_ taken: FakeFunction.Taken?) throws -> [String?] {
        try #require(taken).document()["logEvents"]?.arrayValue?.map { $0["message"]?.stringValue } ?? []
    }

    @Test("are stored with the events, one for each subscription and one for all metric filters")
    func stored() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put([(logs.now, "nobody watches")], to: "s", in: "g")
            #expect(try await logs.rows(in: "delivery") == 0)
            try await logs.subscribe("g", "a")
            try await logs.subscribe("g", "b")
            try await logs.putMetricFilter("m", pattern: "x")
            try await logs.putMetricFilter("n", pattern: "y")
            try await logs.put([(logs.now, "1"), (logs.now, "2")], to: "s", in: "g")
            #expect(try await logs.rows(in: "delivery WHERE queue = 'logs'") == 2)
            #expect(try await logs.rows(in: "delivery WHERE queue = 'logs-metrics'") == 1)
            #expect(try await logs.rows(in: "(SELECT DISTINCT lane FROM delivery)") == 3)
            try await logs.service.reset(account: .local)
            #expect(try await logs.rows(in: "delivery") == 0)
        }
    }

    @Test("of a batch that is refused whole are not stored")
    func nothingAccepted() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.subscribe("g")
            try await logs.put([(1, "much too old")], to: "s", in: "g")
            #expect(try await logs.rows(in: "delivery") == 0)
        }
    }

    @Test("that waited when the server ended are made by the next one")
    func restart() async throws {
        let function = FakeFunction()
        try await LogsTestBench.run(targets: [function]) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.subscribe("g")
            try await logs.put([(logs.now, "kept")], to: "s", in: "g")
            try await logs.delivering {
                #expect(try Self.messages(await function.next()) == ["kept"])
                try await logs.untilDelivered()
            }
        }
    }

    @Test("that an earlier version had stored are made, with the time that they have waited")
    func earlierVersion() async throws {
        let (function, metrics) = (FakeFunction(), FakeMetrics())
        try await LogsTestBench.run(targets: [function], metrics: metrics) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.subscribe("g")
            try await logs.putMetricFilter(pattern: "")
            try await logs.put([(logs.now, "first"), (logs.now, "second")], to: "s", in: "g")
            try await logs.put([(logs.now, "third")], to: "s", in: "g")
            try await logs.moveToEarlierTable()
            let later = logs.clock.now + .seconds(60)
            try await logs.server.database.write { tx in
                // One was under way, the next one waits for its time, and one is nobody's.
                try tx.execute("UPDATE logs_outbox SET lease_owner = 'local', due_at = \(later) WHERE id = 1")
                try tx.execute("UPDATE logs_outbox SET due_at = \(later) WHERE id = 3")
                try tx.execute(
                    """
                    INSERT INTO logs_outbox
                        (account, region, group_id, stream_id, first_sequence, last_sequence, accepted_at, due_at)
                    VALUES ('nobody', 'us-east-1', 1, 1, 1, 0, 0, 0)
                    """
                )
            }
            try await logs.service.migrate()
            #expect(try await logs.rows(in: "logs_outbox") == 0)
            #expect(try await logs.rows(in: "delivery") == 4)
            #expect(try await logs.rows(in: "delivery WHERE due_at = \(later)") == 1)
            #expect(try await logs.rows(in: "delivery WHERE accepted_at = \(logs.clock.now)") == 4)
            try await logs.delivering {
                #expect(try Self.messages(await function.next()) == ["first", "second"])
                try await logs.untilDelivered()
                #expect(try Self.messages(await function.next()) == ["third"])
                #expect(logs.clock.now >= later)
            }
            // Two of each document that was forwarded, and one of each event.
            var names: [String?] = []
            for _ in 0..<7 { names.append(await metrics.next()?.name) }
            #expect(names.count { $0 == "Metric" } == 3)
        }
    }

    @Test("are tried for a day, and given up then")
    func patience() async throws {
        let function = FakeFunction(failingWith: Array(repeating: Self.fault, count: 1_000))
        try await LogsTestBench.run(targets: [function]) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.subscribe("g")
            try await logs.put([(logs.now, "x")], to: "s", in: "g")
            let handler = logs.subscriptionHandler
            var delivery = try await logs.storedDelivery()
            var pauses: [Duration] = []
            while case .again(let pause, let detail) = await handler.attempt(delivery) {
                #expect(detail == delivery.detail)
                delivery.earlierTries += 1
                pauses.append(pause)
                await logs.clock.advance(by: pause)
            }
            #expect(pauses.reduce(.zero, +) <= .seconds(86_400))
            #expect(pauses.reduce(.zero, +) >= .seconds(86_400 - 300))
            #expect((Duration.milliseconds(750)...Duration.seconds(1)).contains(pauses[0]))
            #expect(pauses.allSatisfy { $0 <= .seconds(300) })
        }
    }

    @Test("of which a destination takes no more hold up those to that subscription, and no other's")
    func throttled() async throws {
        let function = FakeFunction(failingWith: [Self.busy])
        try await LogsTestBench.run(delivering: true, targets: [function]) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.create("h", streams: ["s"])
            try await logs.subscribe("g")
            try await logs.subscribe("h")
            try await logs.put([(logs.now, "slow")], to: "s", in: "g")
            while try await logs.rows(in: "delivery WHERE tries = 1 AND session IS NULL") == 0 { await Task.yield() }
            try await logs.put([(logs.now, "other")], to: "s", in: "h")
            #expect(try Self.messages(await function.next()) == ["other"])
            try await logs.untilDelivered()
            #expect(try Self.messages(await function.next()) == ["slow"])
            #expect(function.attempts == 3)
        }
    }

    @Test("are counted as AWS counts them: forwarded, throttled and failed events by group, destination and filter")
    func figures() async throws {
        let function = FakeFunction(failingWith: [Self.busy, Self.refusal])
        let metrics = FakeMetrics()
        try await LogsTestBench.run(delivering: true, targets: [function], metrics: metrics) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.subscribe("g", "f")
            func expect(_ name: String, _ value: Double?, _ unit: String = "None") async throws {
                let found = try #require(await metrics.next())
                #expect(found.namespace == "AWS/Logs" && found.name == name && found.unit == unit)
                #expect(found.dimensions == ["LogGroupName": "g", "DestinationType": "Lambda", "FilterName": "f"])
                if let value { #expect(found.statistics.sum == value) } else { #expect(found.statistics.sum > 50) }
            }
            try await logs.put([(logs.now, "a"), (logs.now, "b")], to: "s", in: "g")
            try await logs.untilDelivered()
            try await expect("DeliveryThrottling", 2)
            try await expect("DeliveryErrors", 2)
            try await logs.put([(logs.now, "c")], to: "s", in: "g")
            try await expect("ForwardedLogEvents", 1)
            try await expect("ForwardedBytes", nil, "Bytes")
        }
    }

    @Test("come out of the store as they went in, and what is damaged there is dropped")
    func damaged() async throws {
        for watcher in [BatchDelivery.Watcher.subscription(7), .accountSubscription, .metricFilters] {
            let batch = BatchDelivery(groupID: 1, streamID: 2, sequences: 3...4, watcher: watcher)
            #expect(try BatchDelivery(parsing: batch.text) == batch)
        }
        let texts = [
            "", "{}", #"{"group":1,"stream":2,"first":4,"last":3}"#,
            #"{"group":1,"stream":2,"first":3,"last":4,"subscription":"x"}"#,
        ]
        for text in texts { #expect(throws: (any Error).self) { try BatchDelivery(parsing: text) } }
        try await LogsTestBench.run(metrics: FakeMetrics()) { logs in
            let delivery = logs.delivery(texts[1])
            guard case .finished = await logs.subscriptionHandler.attempt(delivery),
                case .finished = await logs.metricHandler.attempt(delivery)
            else {
                Issue.record("it is tried again")
                return
            }
        }
    }
}

private struct EarlierText: RowDecodable {
    var detail: String
    init(row: inout Row) throws { detail = try row.text() }
}

extension LogsTestBench {
    /// What waits, as versions before the engine kept it.
    fileprivate func moveToEarlierTable() async throws {
        let now = clock.now
        try await server.database.write { tx in
            let waiting = try tx.rows(EarlierText.self, "SELECT detail FROM delivery ORDER BY sequence")
            try tx.execute("DELETE FROM delivery")
            for one in waiting {
                let batch = try BatchDelivery(parsing: one.detail)
                let subscription: Int? = if case .subscription(let id) = batch.watcher { id } else { nil }
                try tx.execute(
                    """
                    INSERT INTO logs_outbox (account, region, group_id, stream_id, first_sequence, last_sequence,
                        subscription_id, accepted_at, due_at)
                    VALUES ('000000000000', 'us-east-1', \(batch.groupID), \(batch.streamID),
                        \(batch.sequences.lowerBound), \(batch.sequences.upperBound), \(subscription), \(now), \(now))
                    """
                )
            }
        }
    }

    /// The only one that waits, as its handler gets it.
    fileprivate func storedDelivery() async throws -> Delivery {
        let detail = try await server.database.read { tx in
            try tx.first(EarlierText.self, "SELECT detail FROM delivery")?.detail
        }
        return delivery(try #require(detail))
    }

    fileprivate func delivery(_ detail: String) -> Delivery {
        Delivery(
            id: "",
            scope: Self.scope,
            target: "",
            payload: .init(),
            detail: detail,
            acceptedAt: clock.now,
            earlierTries: 0
        )
    }

    fileprivate var subscriptionHandler: SubscriptionHandler {
        SubscriptionHandler(
            store: service.store,
            neighbours: service.neighbours,
            clock: clock,
            ids: SystemIDSource(),
            logger: Self.quiet
        )
    }

    fileprivate var metricHandler: MetricFilterHandler {
        MetricFilterHandler(
            store: service.store,
            neighbours: service.neighbours,
            clock: clock,
            ids: SystemIDSource(),
            logger: Self.quiet
        )
    }

    private static var quiet: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }
}
