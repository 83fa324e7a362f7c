// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Logs

extension LogsTestBench {
    func putTransformer(_ config: String, of group: String = "g") async throws {
        var input = PutTransformerInput()
        input.logGroupIdentifier = group
        input.transformerConfig = try TransformerDocument.read(config)
        _ = try await client.call(LogsOperations.putTransformer, input)
    }

    func transformer(of group: String) async throws -> GetTransformerOutput {
        try await client.call(LogsOperations.getTransformer, GetTransformerInput(logGroupIdentifier: group))
    }
}

@Suite("Transformers of log groups") struct TransformerTests {
    private static let upper = #"[{"parseJSON": {}}, {"upperCaseString": {"withKeys": ["level"]}}]"#

    @Test("queries see what a transformer has made; GetLogEvents shows what came")
    func queries() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put([(logs.now - 2, #"{"level": "before"}"#)], to: "s", in: "g")
            try await logs.putTransformer(Self.upper)
            try await logs.put([(logs.now - 1, #"{"level": "warn"}"#), (logs.now, "no JSON")], to: "s", in: "g")
            #expect(
                try await logs.query("fields level | filter ispresent(level) | sort level").map { $0["level"] } == [
                    "WARN", "before",
                ]
            )
            #expect(
                try await logs.get("s", in: "g").texts == [#"{"level": "before"}"#, #"{"level": "warn"}"#, "no JSON"]
            )
            #expect(try await logs.messages(in: "g", "warn") == [#"{"level": "warn"}"#])
        }
    }

    @Test("filters that ask for it look at transformed events, and send them")
    func filters() async throws {
        let (function, metrics) = (FakeFunction(), FakeMetrics())
        try await LogsTestBench.run(delivering: true, targets: [function], metrics: metrics) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.putTransformer(
                #"[{"parseKeyValue": {}}, {"typeConverter": {"entries": [{"key": "ms", "type": "integer"}]}}]"#
            )
            try await logs.subscribe("g", pattern: "{ $.ms > 10 }") { $0.applyOnTransformedLogs = true }
            #expect(try await logs.subscriptions(of: "g").first?.applyOnTransformedLogs == true)
            var metric = PutMetricFilterInput()
            metric.logGroupName = "g"
            metric.filterName = "m"
            metric.filterPattern = "{ $.ms = * }"
            metric.applyOnTransformedLogs = true
            var transformation = MetricTransformation()
            (transformation.metricName, transformation.metricNamespace, transformation.metricValue) = ("M", "N", "$.ms")
            metric.metricTransformations = [transformation]
            _ = try await logs.client.call(LogsOperations.putMetricFilter, metric)
            try await logs.put([(logs.now, "ms=12&a=b")], to: "s", in: "g")
            let document = try await function.next()?.document()
            #expect(document?["logEvents"]?.arrayValue?.first?["message"]?.stringValue == #"{"ms":12,"a":"b"}"#)
            // The filter's, and two of the document that was forwarded.
            var sums: [Double?] = []
            for _ in 0..<3 {
                let metric = await metrics.next()
                if metric?.name == "M" { sums.append(metric?.statistics.sum) }
            }
            #expect(sums == [12])
        }
    }

    @Test("a transformer is shown as it was given, changed and taken away again")
    func life() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            await #expect(throws: ClientError("ResourceNotFoundException", "The specified transformer does not exist."))
            {
                try await logs.transformer(of: "g")
            }
            try await logs.putTransformer(Self.upper)
            let made = try await logs.transformer(of: "g")
            #expect(made.transformerConfig?.count == 2)
            #expect(made.transformerConfig?.last?.upperCaseString?.withKeys == ["level"])
            #expect(made.logGroupIdentifier == "arn:aws:logs:us-east-1:000000000000:log-group:g")
            await logs.clock.advance(by: .seconds(1))
            try await logs.putTransformer(#"[{"csv": {}}]"#)
            let changed = try await logs.transformer(of: "g")
            #expect(changed.creationTime == made.creationTime && changed.lastModifiedTime == logs.now)
            _ = try await logs.client.call(
                LogsOperations.deleteTransformer,
                DeleteTransformerInput(logGroupIdentifier: "g")
            )
            await #expect(throws: ClientError.self) { try await logs.transformer(of: "g") }
            await #expect(throws: Expected.noGroup) { try await logs.putTransformer(Self.upper, of: "nobody") }
        }
    }

    @Test("a transformer can be tried without a group")
    func test() async throws {
        try await LogsTestBench.run { logs in
            var input = TestTransformerInput()
            input.transformerConfig = try TransformerDocument.read(Self.upper)
            input.logEventMessages = [#"{"level":"a"}"#, "rubbish"]
            let tried = try await logs.client.call(LogsOperations.testTransformer, input).transformedLogs
            #expect(tried?.map(\.eventNumber) == [1, 2])
            #expect(tried?.map(\.transformedEventMessage) == [#"{"level":"A"}"#, nil])
        }
    }

    @Test("groups of other classes have no transformer")
    func classes() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g") { $0.logGroupClass = .infrequentAccess }
            await #expect(throws: ClientError.self) { try await logs.putTransformer(Self.upper) }
        }
    }
}
