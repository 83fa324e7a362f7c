// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Logs

extension LogsTestBench {
    func startQuery(
        _ query: String,
        of groups: [String] = ["g"],
        configure: (inout StartQueryInput) -> Void = { _ in }
    ) async throws -> String {
        var input = StartQueryInput()
        input.logGroupNames = groups
        input.startTime = 0
        input.endTime = now / 1_000 + 3_600
        input.queryString = query
        configure(&input)
        return try await client.call(LogsOperations.startQuery, input).queryId ?? ""
    }

    func results(of id: String, from token: String? = nil) async throws -> GetQueryResultsOutput {
        var input = GetQueryResultsInput()
        (input.queryId, input.nextToken) = (id, token)
        return try await client.call(LogsOperations.getQueryResults, input)
    }

    /// Waits until the query has ended.
    func finished(_ id: String) async throws -> GetQueryResultsOutput {
        while true {
            let output = try await results(of: id)
            if output.status != .scheduled, output.status != .running { return output }
            await Task.yield()
        }
    }

    /// All rows, page by page.
    func query(_ query: String, of groups: [String] = ["g"]) async throws -> [[String: String]] {
        let id = try await startQuery(query, of: groups)
        var page = try await finished(id)
        var rows = page.rows
        while let token = page.nextToken {
            page = try await results(of: id, from: token)
            #expect(page.rows.count <= 10_000)
            rows += page.rows
        }
        return rows
    }
}

extension GetQueryResultsOutput {
    var rows: [[String: String]] {
        (results ?? []).map { row in
            Dictionary(row.map { ($0.field ?? "", $0.value ?? "") }) { first, _ in first }
        }
    }
}

@Suite("Queries of Logs Insights") struct QueryTests {
    @Test("a query looks through several groups, newest events first, and says what it has read")
    func groups() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.create("h", streams: ["t"])
            try await logs.put([(logs.now - 4_000, "a"), (logs.now - 2_000, "c")], to: "s", in: "g")
            try await logs.put([(logs.now - 3_000, "b"), (logs.now - 1_000, "d")], to: "t", in: "h")
            let output = try await logs.finished(
                logs.startQuery("fields @message, @logStream, @log | filter @message != 'c'", of: ["g", "h"])
            )
            #expect(output.status == .complete)
            #expect(output.rows.map { $0["@message"] } == ["d", "b", "a"])
            #expect(output.rows.map { $0["@logStream"] } == ["t", "t", "s"])
            #expect(output.rows.first?["@log"] == "000000000000:h")
            #expect(output.statistics?.recordsMatched == 3)
            #expect(output.statistics?.recordsScanned == 4)
            #expect(output.statistics?.bytesScanned == Double(4 * 27))
            #expect(
                try await logs.query("fields @message | limit 2", of: ["g", "h"]).map { $0["@message"] } == ["d", "c"]
            )
            #expect(try await logs.query("stats count(*) as n by @log", of: ["g", "h"]).map { $0["n"] } == ["2", "2"])
        }
    }

    @Test("pages of the store are joined without loss, in both directions")
    func pages() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("g", streams: ["s"])
            let start = logs.now - 10_000
            for batch in 0..<3 {
                let events = (0..<4_000).map { (start + (batch * 4_000 + $0) / 10, "{\"n\":\(batch * 4_000 + $0)}") }
                try await logs.put(events, to: "s", in: "g")
            }
            #expect(try await logs.query("stats count(*), sum(n), count_distinct(n) as d").first?["d"] == "12000")
            let rows = try await logs.query("fields n | limit 10000")
            #expect(rows.count == 10_000)
            #expect(rows.first?["n"] == "11999")
            #expect(rows.last?["n"] == "2000")
            #expect(try await logs.query("fields n").count == 10_000)
            // More than a page, and never more quietly than was asked for.
            #expect(try await logs.query("fields n | limit 11500").count == 11_500)
            #expect(try await logs.query("fields n | limit 100000").count == 12_000)
            await #expect(throws: ClientError.self) { try await logs.query("fields n | limit 100001") }
        }
    }

    @Test("the time of a query is in seconds, both ends included, and what has expired is not seen")
    func times() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("g", streams: ["s"])
            let second = logs.now / 1_000 * 1_000
            try await logs.put(
                [(second - 86_400_000 * 2, "old"), (second - 86_400_000 * 2 + 10, "old")],
                to: "s",
                in: "g"
            )
            try await logs.put([(second, "a"), (second + 1_000, "b"), (second + 2_000, "c")], to: "s", in: "g")
            let id = try await logs.startQuery("fields @message") {
                $0.startTime = second / 1_000
                $0.endTime = second / 1_000 + 1
            }
            #expect(try await logs.finished(id).rows.map { $0["@message"] } == ["b", "a"])
            try await logs.setRetention(1, of: "g")
            #expect(try await logs.query("fields @message").count == 3)
        }
    }

    @Test("a query that cannot be compiled is refused with the place, and never runs wider")
    func malformed() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            do {
                _ = try await logs.startQuery("fields @message | filtre a = 1")
                Issue.record("it was taken")
            } catch let error as ClientError {
                #expect(error.code == "MalformedQueryException")
                #expect(error.message == "unexpected symbol found filtre at line 1 and position 19")
            }
            #expect(throws: (any Error).self) { try QueryParser.plan("filter x ~ 1") }
        }
    }

    @Test("a hundred queries wait or run, the next one is refused; a stopped one makes room")
    func concurrency() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            var ids: [String] = []
            for _ in 0..<QueryTable.maximumActive { ids.append(try await logs.startQuery("fields @message")) }
            let error = ClientError(
                "LimitExceededException",
                "Account maximum query concurrency limit of [100] reached."
            )
            await #expect(throws: error) { _ = try await logs.startQuery("fields @message") }
            #expect(try await logs.results(of: ids[0]).status == .scheduled)
            var stop = StopQueryInput()
            stop.queryId = ids[0]
            #expect(try await logs.client.call(LogsOperations.stopQuery, stop).success == true)
            await #expect(throws: Expected.invalid("Query is already ended with Cancelled status")) {
                _ = try await logs.client.call(LogsOperations.stopQuery, stop)
            }
            _ = try await logs.startQuery("fields @message")
            var list = DescribeQueriesInput()
            list.status = .cancelled
            let cancelled = try await logs.client.call(LogsOperations.describeQueries, list)
            #expect(cancelled.queries?.map(\.queryId) == [ids[0]])
        }
    }

    @Test("an id that nobody knows, or another account's, is not found")
    func unknown() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.createGroup("g")
            let missing = ClientError("ResourceNotFoundException", "The specified query does not exist.")
            await #expect(throws: missing) { _ = try await logs.results(of: "x") }
            let id = try await logs.startQuery("fields @message")
            _ = try await logs.finished(id)
            await #expect(throws: missing) { _ = try await logs.inAccount("111122223333").results(of: id) }
            await #expect(throws: Expected.noGroup) { _ = try await logs.startQuery("fields @message", of: ["h"]) }
        }
    }

    @Test("old results are forgotten when there are too many")
    func forgotten() throws {
        let table = QueryTable()
        let plan = try QueryParser.plan("fields @message")
        func request(_ id: Int) -> QueryRequest {
            QueryRequest(
                id: "\(id)",
                scope: LogsTestBench.scope,
                text: "",
                plan: plan,
                groups: [],
                range: 0...1,
                limit: 1,
                createdAt: Instant(milliseconds: Int64(id)),
                identity: ""
            )
        }
        for id in 0...QueryTable.maximumKept {
            try table.add(request(id))
            #expect(table.takeWaiting()?.id == "\(id)")
            table.end("\(id)", .complete, QueryProgress(), [], milliseconds: 1)
        }
        #expect(table.entry("0", in: LogsTestBench.scope) == nil)
        #expect(table.entry("1", in: LogsTestBench.scope) != nil)
    }

    @Test("a result's pointer leads to all fields of its event")
    func record() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put([(logs.now, "{\"a\":{\"b\":[1,\"x\"]}}")], to: "s", in: "g")
            let row = try #require(await logs.query("fields a.b.0").first)
            #expect(row["a.b.0"] == "1")
            var input = GetLogRecordInput()
            input.logRecordPointer = row["@ptr"] ?? ""
            let record = try await logs.client.call(LogsOperations.getLogRecord, input).logRecord ?? [:]
            #expect(record["a.b.1"] == "x")
            #expect(record["@message"] == "{\"a\":{\"b\":[1,\"x\"]}}")
            #expect(record["@timestamp"] == String(logs.now))
            await #expect(throws: ClientError.self) {
                _ = try await logs.inAccount("111122223333").client.call(LogsOperations.getLogRecord, input)
            }
            input.logRecordPointer = "rubbish"
            await #expect(throws: ClientError.self) {
                _ = try await logs.client.call(LogsOperations.getLogRecord, input)
            }
        }
    }

    @Test("the fields of a group are listed with how often they are there")
    func fields() async throws {
        try await LogsTestBench.run { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put(
                [(logs.now - 1_000, "{\"a\":1}"), (logs.now - 1_000, "{\"a\":1,\"b\":2}")],
                to: "s",
                in: "g"
            )
            var input = GetLogGroupFieldsInput()
            input.logGroupName = "g"
            let fields = try await logs.client.call(LogsOperations.getLogGroupFields, input).logGroupFields ?? []
            let shown = fields.map { "\($0.name ?? "") \($0.percent ?? 0)" }
            #expect(shown.contains("a 100") && shown.contains("b 50") && shown.contains("@message 100"))
        }
    }

    @Test("query definitions are kept, changed, listed and removed")
    func definitions() async throws {
        try await LogsTestBench.run { logs in
            var input = PutQueryDefinitionInput()
            input.name = "errors"
            input.queryString = "fields @message"
            input.logGroupNames = ["g"]
            let id = try await logs.client.call(LogsOperations.putQueryDefinition, input).queryDefinitionId
            input.queryDefinitionId = id
            input.queryString = "fields @timestamp"
            _ = try await logs.client.call(LogsOperations.putQueryDefinition, input)
            let listed = try await logs.client.call(
                LogsOperations.describeQueryDefinitions,
                DescribeQueryDefinitionsInput()
            )
            #expect(listed.queryDefinitions?.map(\.queryString) == ["fields @timestamp"])
            #expect(listed.queryDefinitions?.first?.logGroupNames == ["g"])
            var removal = DeleteQueryDefinitionInput()
            removal.queryDefinitionId = id ?? ""
            #expect(try await logs.client.call(LogsOperations.deleteQueryDefinition, removal).success == true)
            await #expect(throws: ClientError.self) {
                _ = try await logs.client.call(LogsOperations.putQueryDefinition, input)
            }
        }
    }

    @Test("resource policies are kept by name, ten of them")
    func policies() async throws {
        try await LogsTestBench.run { logs in
            var input = PutResourcePolicyInput()
            input.policyDocument = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
            for number in 0..<10 {
                input.policyName = "p\(number)"
                _ = try await logs.client.call(LogsOperations.putResourcePolicy, input)
            }
            _ = try await logs.client.call(LogsOperations.putResourcePolicy, input)
            input.policyName = "eleventh"
            await #expect(throws: ClientError("LimitExceededException", "Resource limit exceeded.")) {
                _ = try await logs.client.call(LogsOperations.putResourcePolicy, input)
            }
            var removal = DeleteResourcePolicyInput()
            removal.policyName = "p0"
            _ = try await logs.client.call(LogsOperations.deleteResourcePolicy, removal)
            let listed = try await logs.client.call(
                LogsOperations.describeResourcePolicies,
                DescribeResourcePoliciesInput()
            )
            #expect(listed.resourcePolicies?.count == 9)
        }
    }
}
