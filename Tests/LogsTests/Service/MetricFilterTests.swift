// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Logs

extension LogsTestBench {
    func putMetricFilter(
        _ name: String = "m",
        in group: String = "g",
        pattern: String,
        value: String = "1",
        configure: (inout MetricTransformation) -> Void = { _ in }
    ) async throws {
        var input = PutMetricFilterInput()
        input.logGroupName = group
        input.filterName = name
        input.filterPattern = pattern
        var transformation = MetricTransformation()
        transformation.metricName = "Metric"
        transformation.metricNamespace = "Own"
        transformation.metricValue = value
        configure(&transformation)
        input.metricTransformations = [transformation]
        _ = try await client.call(LogsOperations.putMetricFilter, input)
    }

    func testPattern(_ pattern: String, _ messages: [String]) async throws -> [MetricFilterMatchRecord] {
        var input = TestMetricFilterInput()
        input.filterPattern = pattern
        input.logEventMessages = messages
        return try await client.call(LogsOperations.testMetricFilter, input).matches ?? []
    }
}

@Suite("Metric filters") struct MetricFilterTests {
    @Test("a matching event is measured: by a number, by a field, with dimensions and a unit")
    func measured() async throws {
        let metrics = FakeMetrics()
        try await LogsTestBench.run(delivering: true, metrics: metrics) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.putMetricFilter(pattern: "{ $.latency = * }", value: "$.latency") {
                $0.unit = .milliseconds
                $0.dimensions = ["Path": "$.path"]
            }
            try await logs.put(
                [
                    (logs.now, "{\"latency\": 12.5, \"path\": \"/a\"}"), (logs.now, "{\"latency\": 1}"),
                    (logs.now, "{\"latency\": \"slow\", \"path\": \"/a\"}"),
                    (logs.now + 1, "{\"latency\": 7, \"path\": \"/b\"}"),
                ],
                to: "s",
                in: "g"
            )
            let first = try #require(await metrics.next())
            #expect(first.namespace == "Own" && first.name == "Metric" && first.unit == "Milliseconds")
            #expect(first.statistics.sum == 12.5)
            #expect(first.dimensions == ["Path": "/a"])
            #expect(first.scope == LogsTestBench.scope)
            let second = try #require(await metrics.next())
            #expect(second.statistics.sum == 7)
            #expect(second.timestamp.milliseconds == Int64(logs.now + 1))
        }
    }

    @Test("a batch without a match counts as the default value")
    func defaultValue() async throws {
        let metrics = FakeMetrics()
        try await LogsTestBench.run(delivering: true, metrics: metrics) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.putMetricFilter(pattern: "[ip, status = 4*, bytes]", value: "$bytes") { $0.defaultValue = 0 }
            try await logs.put([(logs.now, "1.2.3.4 200 17")], to: "s", in: "g")
            #expect(await metrics.next()?.statistics.sum == 0)
            try await logs.put([(logs.now, "1.2.3.4 404 17")], to: "s", in: "g")
            #expect(await metrics.next()?.statistics.sum == 17)
        }
    }

    @Test("a pattern is tried on messages, and shows what it takes out of them")
    func tried() async throws {
        try await LogsTestBench.run { logs in
            let line = "127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] \"GET /a.gif HTTP/1.0\" 200 1534"
            let all = try await logs.testPattern("[]", [line])
            #expect(all.first?.eventNumber == 1)
            #expect(all.first?.extractedValues?["$4"] == "10/Oct/2000:13:25:15 -0700")
            #expect(all.first?.extractedValues?["$7"] == "1534")
            let some = try await logs.testPattern("[ip, ..., size > 1000]", ["x 1", line])
            #expect(some.map(\.eventNumber) == [2])
            #expect(some.first?.extractedValues?["$ip"] == "127.0.0.1")
            #expect(some.first?.extractedValues?["$size"] == "1534")
            #expect(some.first?.extractedValues?["$6"] == "200")
            let json = try await logs.testPattern("{ $.a.b = 1 || $.c = x }", ["{\"a\":{\"b\":1}}", "{}"])
            #expect(json.map(\.extractedValues) == [["$.a.b": "1"]])
            #expect(try await logs.testPattern("ERROR", ["an ERROR"]).first?.extractedValues?.isEmpty ?? true)
        }
    }

    @Test("filters are listed by group, prefix and metric, a page at a time, and counted by their group")
    func listed() async throws {
        try await LogsTestBench.run { logs in
            for group in ["g", "h"] {
                try await logs.createGroup(group)
                for name in ["a1", "a2", "b"] { try await logs.putMetricFilter(name, in: group, pattern: "") }
            }
            var input = DescribeMetricFiltersInput()
            input.filterNamePrefix = "a"
            input.limit = 3
            let page = try await logs.client.call(LogsOperations.describeMetricFilters, input)
            #expect(
                page.metricFilters?.map { "\($0.logGroupName ?? "") \($0.filterName ?? "")" } == [
                    "g a1", "g a2", "h a1",
                ]
            )
            input.nextToken = page.nextToken
            let rest = try await logs.client.call(LogsOperations.describeMetricFilters, input)
            #expect(rest.metricFilters?.map(\.filterName) == ["a2"])
            #expect(rest.nextToken == nil)
            #expect(try await logs.groups().logGroups?.map(\.metricFilterCount) == [3, 3])
            var removal = DeleteMetricFilterInput()
            removal.logGroupName = "g"
            removal.filterName = "b"
            _ = try await logs.client.call(LogsOperations.deleteMetricFilter, removal)
            #expect(try await logs.groups().logGroups?.map(\.metricFilterCount) == [2, 3])
            let missing = ClientError("ResourceNotFoundException", "The specified metric filter does not exist.")
            await #expect(throws: missing) {
                _ = try await logs.client.call(LogsOperations.deleteMetricFilter, removal)
            }
        }
    }

    @Test("a value that is neither number nor field, four dimensions, or AWS's namespace are refused")
    func refused() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            await #expect(throws: ClientError.self) { try await logs.putMetricFilter(pattern: "", value: "one") }
            await #expect(throws: ClientError.self) {
                try await logs.putMetricFilter(pattern: "") {
                    $0.dimensions = ["a": "$.a", "b": "$.b", "c": "$.c", "d": "$.d"]
                }
            }
            await #expect(throws: ClientError.self) {
                try await logs.putMetricFilter(pattern: "") { $0.metricNamespace = "AWS/Lambda" }
            }
            #expect(try await logs.groups().logGroups?.map(\.metricFilterCount) == [0])
        }
    }
}
