// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore
import MartletTesting
import NIOCore
import Storage
import Testing

@testable import Logs

extension JSONValue {
    /// Of an object's members, in order.
    fileprivate var names: [String] {
        guard case .object(let members) = self else { return [] }
        return members.map(\.name)
    }
}

extension LogsTestBench {
    static let function = "arn:aws:lambda:us-east-1:000000000000:function:f"

    func subscribe(
        _ group: String,
        _ name: String = "s",
        pattern: String = "",
        to destination: String = function,
        configure: (inout PutSubscriptionFilterInput) -> Void = { _ in }
    ) async throws {
        var input = PutSubscriptionFilterInput()
        input.logGroupName = group
        input.filterName = name
        input.filterPattern = pattern
        input.destinationArn = destination
        configure(&input)
        _ = try await client.call(LogsOperations.putSubscriptionFilter, input)
    }

    func subscriptions(of group: String) async throws -> [SubscriptionFilter] {
        var input = DescribeSubscriptionFiltersInput()
        input.logGroupName = group
        return try await client.call(LogsOperations.describeSubscriptionFilters, input).subscriptionFilters ?? []
    }
}

@Suite("Subscription filters") struct SubscriptionFilterTests {
    static let denied = Expected.invalid(
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function."
    )

    @Test("a function gets the matching events as one compressed document")
    func document() async throws {
        let function = FakeFunction()
        try await LogsTestBench.run(delivering: true, targets: [function]) { logs in
            try await logs.create("g", streams: ["s1"])
            try await logs.subscribe("g", "errors", pattern: "ERROR")
            try await logs.put(
                [(logs.now, "INFO a"), (logs.now + 1, "ERROR b"), (logs.now + 2, "ERROR c")],
                to: "s1",
                in: "g"
            )
            let taken = try #require(await function.next())
            #expect(taken.arn.description == LogsTestBench.function)
            #expect(taken.event.source.servicePrincipal == "logs.amazonaws.com")
            #expect(taken.event.source.arn?.description == "arn:aws:logs:us-east-1:000000000000:log-group:g:*")
            let document = try taken.document()
            #expect(
                document.names
                    == ["messageType", "owner", "logGroup", "logStream", "subscriptionFilters", "logEvents"]
            )
            #expect(document["messageType"] == .string("DATA_MESSAGE"))
            #expect(document["owner"] == .string("000000000000"))
            #expect(document["logGroup"] == .string("g"))
            #expect(document["logStream"] == .string("s1"))
            #expect(document["subscriptionFilters"] == .array([.string("errors")]))
            let events = document["logEvents"]?.arrayValue ?? []
            #expect(events.map { $0["message"]?.stringValue } == ["ERROR b", "ERROR c"])
            #expect(events.first?["timestamp"] == .integer(logs.now + 1))
            let shown = try await logs.filter("g", "ERROR").events ?? []
            #expect(events.map { $0["id"]?.stringValue } == shown.map(\.eventId))
        }
    }

    @Test("what functions write comes to subscriptions too, and events from before do not")
    func sink() async throws {
        let function = FakeFunction()
        try await LogsTestBench.run(delivering: true, targets: [function]) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put([(logs.now, "before")], to: "s", in: "g")
            try await logs.subscribe("g")
            let record = LogRecord(timestamp: logs.clock.now, message: "after")
            try await logs.service.append([record], toGroup: "g", stream: "s", in: LogsTestBench.scope)
            let events = try #require(await function.next()).document()["logEvents"]?.arrayValue ?? []
            #expect(events.map { $0["message"]?.stringValue } == ["after"])
        }
    }

    @Test("a delivery that fails is tried again later, one that is refused is not")
    func retries() async throws {
        let busy = CommonError("TooManyRequestsException", "busy", status: 429)
        let gone = CommonError("ResourceNotFoundException", "gone", status: 404)
        let function = FakeFunction(failingWith: [busy, busy, gone])
        let feed = EventFeed()
        let passages = try #require(feed.watch(EventFeed.Filter()))
        try await LogsTestBench.run(delivering: true, targets: [function], feed: feed) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.subscribe("g")
            try await logs.put([(logs.now, "refused in the end")], to: "s", in: "g")
            try await logs.untilDelivered()
            #expect(function.attempts == 3)
            try await logs.put([(logs.now, "taken")], to: "s", in: "g")
            let events = try #require(await function.next()).document()["logEvents"]?.arrayValue ?? []
            #expect(events.map { $0["message"]?.stringValue } == ["taken"])
            try await logs.untilDelivered()
        }
        feed.close()
        var shown: [String] = []
        for await case .passage(let passage) in passages {
            #expect(passage.source == "arn:aws:logs:us-east-1:000000000000:log-group:g")
            #expect(passage.target == LogsTestBench.function && passage.count == 1)
            shown.append(passage.result.rawValue)
        }
        #expect(shown == ["retried", "retried", "failed", "delivered"])
    }

    @Test("a batch that compresses badly comes in pieces below the limit")
    func pieces() throws {
        var state: UInt64 = 7
        let events = (0..<64).map { index -> SubscriptionDocument.Event in
            var text = ""
            for _ in 0..<1_000 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += String(state, radix: 36)
            }
            return .init(id: "\(index)", timestamp: index, message: text)
        }
        let document = SubscriptionDocument(owner: "o", group: "g", stream: "s", filters: ["f"], events: events)
        let pieces = try document.compressed(limit: 100_000)
        #expect(pieces.count > 1)
        #expect(pieces.allSatisfy { $0.count <= 100_000 })
        let messages = try pieces.flatMap { try JSONValue(parsing: Gunzip.unpack($0))["logEvents"]?.arrayValue ?? [] }
        #expect(messages.compactMap { $0["message"]?.stringValue } == events.map(\.message))
    }

    @Test("a group has two subscriptions, and one of the same name is changed")
    func limit() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            try await logs.subscribe("g", "a")
            try await logs.subscribe("g", "b")
            try await logs.subscribe("g", "a", pattern: "x")
            let error = ClientError("LimitExceededException", "Resource limit exceeded.")
            await #expect(throws: error) { try await logs.subscribe("g", "c") }
            let filters = try await logs.subscriptions(of: "g")
            #expect(filters.map(\.filterName) == ["a", "b"])
            #expect(filters.map(\.filterPattern) == ["x", ""])
            #expect(filters[0].distribution == .byLogStream)
            var input = DeleteSubscriptionFilterInput()
            input.logGroupName = "g"
            input.filterName = "a"
            _ = try await logs.client.call(LogsOperations.deleteSubscriptionFilter, input)
            try await logs.subscribe("g", "c")
            #expect(try await logs.subscriptions(of: "g").map(\.filterName) == ["b", "c"])
            let missing = ClientError(
                "ResourceNotFoundException",
                "The specified subscription filter does not exist."
            )
            await #expect(throws: missing) {
                _ = try await logs.client.call(LogsOperations.deleteSubscriptionFilter, input)
            }
        }
    }

    @Test("what AWS refuses is refused in its words")
    func refusals() async throws {
        let missing = FakeFunction(isMissing: true)
        try await LogsTestBench.run { logs in
            await #expect(throws: Expected.noGroup) { try await logs.subscribe("g") }
            try await logs.createGroup("g")
            try await logs.createGroup("/aws/lambda/f")
            let own = "The log group provided is reserved for the function log of the destination function."
            await #expect(throws: Expected.invalid(own)) { try await logs.subscribe("/aws/lambda/f") }
            let role = "destinationArn for vendor lambda cannot be used with roleArn"
            await #expect(throws: Expected.invalid(role)) {
                try await logs.subscribe("g") { $0.roleArn = "arn:aws:iam::000000000000:role/r" }
            }
            let vendor = "PutSubscriptionFilter operation cannot work with destinationArn for vendor sqs"
            await #expect(throws: Expected.invalid(vendor)) {
                try await logs.subscribe("g", to: "arn:aws:sqs:us-east-1:000000000000:q")
            }
            let pattern = "If a filter pattern starts with '{' it must end with '}'"
            await #expect(throws: Expected.invalid(pattern)) { try await logs.subscribe("g", pattern: "{ $.a = 1") }
            await #expect(throws: (any Error).self) {
                try await logs.subscribe("g", to: "arn:aws:kinesis:us-east-1:000000000000:stream/s") {
                    $0.roleArn = "arn:aws:iam::000000000000:role/r"
                }
            }
            logs.targets.register(missing)
            await #expect(throws: Self.denied) { try await logs.subscribe("g") }
            logs.targets.register(FakeFunction())
            logs.service.neighbours.register(DenyingAuthorizer())
            await #expect(throws: Self.denied) { try await logs.subscribe("g") }
            #expect(try await logs.subscriptions(of: "g").isEmpty)
        }
    }

    @Test("a stream gets a control message before it is subscribed, and documents without an envelope after")
    func kinesis() async throws {
        let kinesis = FakeFunction(service: "kinesis")
        try await LogsTestBench.run(delivering: true, targets: [kinesis]) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.subscribe("g", to: "arn:aws:kinesis:us-east-1:000000000000:stream/s") {
                $0.roleArn = "arn:aws:iam::000000000000:role/r"
            }
            let control = try #require(await kinesis.next()).event
            let document = try JSONValue(parsing: Gunzip.unpack(Array(control.payload.readableBytesView)))
            #expect(document["messageType"] == .string("CONTROL_MESSAGE"))
            #expect(document["owner"] == .string("CloudwatchLogs"))
            try await logs.put([(logs.now, "m")], to: "s", in: "g")
            let data = try #require(await kinesis.next()).event
            let sent = try JSONValue(parsing: Gunzip.unpack(Array(data.payload.readableBytesView)))
            #expect(sent["messageType"] == .string("DATA_MESSAGE"))
            #expect(data.messageGroupID == "s")
        }
    }

    @Test("destinations are kept and listed, and subscribing to one is not implemented")
    func destinations() async throws {
        try await LogsTestBench.run { logs in
            var input = PutDestinationInput()
            input.destinationName = "d"
            input.targetArn = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
            input.roleArn = "arn:aws:iam::000000000000:role/r"
            let made = try await logs.client.call(LogsOperations.putDestination, input).destination
            #expect(made?.arn == "arn:aws:logs:us-east-1:000000000000:destination:d")
            var policy = PutDestinationPolicyInput()
            policy.destinationName = "d"
            policy.accessPolicy = "{\"Statement\":[]}"
            _ = try await logs.client.call(LogsOperations.putDestinationPolicy, policy)
            let listed = try await logs.client.call(LogsOperations.describeDestinations, DescribeDestinationsInput())
            #expect(listed.destinations?.map(\.accessPolicy) == ["{\"Statement\":[]}"])
            try await logs.createGroup("g")
            await #expect(throws: (any Error).self) { try await logs.subscribe("g", to: made?.arn ?? "") }
        }
    }
}
