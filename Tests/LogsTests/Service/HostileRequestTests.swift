// SPDX-License-Identifier: Apache-2.0
import MartletTesting
import Testing

@testable import Logs

@Suite("Requests that nobody means well with") struct HostileRequestTests {
    private static func samples(_ bodies: [(String, String)]) -> [HostileRequests.Sample] {
        bodies.map { .init(target: "Logs_20140328.\($0.0)", $0.1) }
    }

    private static let filters = samples([
        (
            "PutSubscriptionFilter",
            #"{"logGroupName":"g","filterName":"s","filterPattern":"{ ($.a = 1) && ($.b.c[0] != \"x*\" || $.d IS NULL) }","destinationArn":"arn:aws:lambda:us-east-1:000000000000:function:f","distribution":"ByLogStream"}"#
        ),
        (
            "PutSubscriptionFilter",
            #"{"logGroupName":"g","filterName":"s","filterPattern":"[ip, user, ..., status=4*, bytes>10]","destinationArn":"arn:aws:lambda:us-east-1:000000000000:function:f"}"#
        ),
        (
            "PutMetricFilter",
            #"{"logGroupName":"g","filterName":"m","filterPattern":"ERROR -\"not this\" ?a ?%b[0-9]+%","metricTransformations":[{"metricName":"n","metricNamespace":"N","metricValue":"$.size","defaultValue":0,"dimensions":{"a":"$.a"},"unit":"Count"}]}"#
        ),
        ("DescribeSubscriptionFilters", #"{"logGroupName":"g","filterNamePrefix":"s","limit":50}"#),
        ("DescribeMetricFilters", #"{"logGroupName":"g","metricName":"n","metricNamespace":"N"}"#),
        ("DeleteMetricFilter", #"{"logGroupName":"g","filterName":"m"}"#),
    ])

    private static let queries = samples(
        [
            "fields @timestamp, @message | filter @message like /ERR(OR)?/ and status >= 400 | sort @timestamp desc | limit 20",
            "stats count(*) as n, avg(duration), pct(duration, 95) by bin(5m), level | sort n desc",
            "parse @message \\\"user=* took *\\\" as user, took | filter ispresent(user) | dedup user | display user, took",
            "fields strlen(@message) * 2 / 3 as x, concat(a, 'b', substr(c, 0, 3)) | filter not (x in [1, 2.5, \\\"y\\\"])",
        ].map { query in
            let rest = #""logGroupNames":["g"],"startTime":0,"endTime":2000000000,"limit":100"#
            return ("StartQuery", #"{"queryString":"\#(query)",\#(rest)}"#)
        }
    )

    @Test("of filters get AWS's errors, and events still pass the filters", arguments: 0..<2)
    func filters(seed: Int) async throws {
        try await LogsTestBench.run(delivering: true, targets: [FakeFunction()]) { logs in
            try await logs.create("g", streams: ["s"])
            var hostile = HostileRequests(seed: UInt64(seed) &+ 31, like: Self.filters, to: "logs")
            let tally = try await hostile.send(1_000, to: logs.server)
            #expect(tally.total == 1_000)
            #expect(tally.faults == [])
            #expect(tally.statuses[200, default: 0] > 50, "\(tally.statuses)")
            #expect(tally.statuses[400, default: 0] > 200, "\(tally.statuses)")
            try await logs.put([(logs.now, #"ERROR {"a":1}"#)], to: "s", in: "g")
            #expect(try await logs.messages(in: "g") == [#"ERROR {"a":1}"#])
        }
    }

    @Test("of StartQuery get AWS's errors or run to an end, and honest queries are answered", arguments: 0..<2)
    func queries(seed: Int) async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put([(logs.now, #"{"a":1,"status":404}"#), (logs.now, "user=u took 3")], to: "s", in: "g")
            var hostile = HostileRequests(seed: UInt64(seed) &+ 63, like: Self.queries, to: "logs")
            let tally = try await hostile.send(1_000, to: logs.server)
            #expect(tally.total == 1_000)
            #expect(tally.faults == [])
            #expect(tally.statuses[200, default: 0] > 50, "\(tally.statuses)")
            #expect(tally.statuses[400, default: 0] > 200, "\(tally.statuses)")
            #expect(try await logs.query("filter status = 404 | stats count(*) as n") == [["n": "1"]])
        }
    }
}
