// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Logs

@Suite("Data sources of log groups") struct DataSourceTests {
    private static func tags(_ name: String, _ type: String) -> [String: String] {
        ["cw:datasource:name": name, "cw:datasource:type": type]
    }

    private static func summaries(
        _ logs: LogsTestBench,
        configure: (inout ListAggregateLogGroupSummariesInput) -> Void = { _ in }
    ) async throws -> ListAggregateLogGroupSummariesOutput {
        var input = ListAggregateLogGroupSummariesInput()
        input.groupBy = .dataSourceNameAndType
        configure(&input)
        return try await logs.client.call(LogsOperations.listAggregateLogGroupSummaries, input)
    }

    private static func texts(_ output: ListAggregateLogGroupSummariesOutput) -> [String] {
        (output.aggregateLogGroupSummaries ?? []).map { summary in
            let parts = (summary.groupingIdentifiers ?? []).map { "\($0.key ?? "")=\($0.value ?? "")" }
            return "\(summary.logGroupCount ?? 0) \(parts.joined(separator: " "))"
        }
    }

    private static func fields(
        _ logs: LogsTestBench,
        _ name: String,
        _ type: String
    ) async throws -> [LogFieldsListItem] {
        var input = GetLogFieldsInput()
        (input.dataSourceName, input.dataSourceType) = (name, type)
        return try await logs.client.call(LogsOperations.getLogFields, input).logFields ?? []
    }

    @Test("groups are counted by the data source that their tags name")
    func summaries() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("shop-a") { $0.tags = Self.tags("shop", "orders") }
            try await logs.createGroup("shop-b") { $0.tags = Self.tags("shop", "orders") }
            try await logs.createGroup("shop-c") { $0.tags = Self.tags("shop", "audit") }
            try await logs.createGroup("other") { $0.tags = Self.tags("crm", "app") }
            try await logs.createGroup("untagged")
            try await logs.createGroup("half") { $0.tags = ["cw:datasource:name": "x"] }
            try await logs.createGroup("reserved") { $0.tags = Self.tags("amazon_vpc", "flow") }
            let audit = "1 dataSource.Name=shop dataSource.Type=audit"
            let orders = "2 dataSource.Name=shop dataSource.Type=orders"
            let crm = "1 dataSource.Name=crm dataSource.Type=app"
            #expect(try await Self.texts(Self.summaries(logs)) == [crm, audit, orders])
            let page = try await Self.summaries(logs) { $0.limit = 2 }
            #expect(Self.texts(page) == [crm, audit])
            #expect(try await Self.texts(Self.summaries(logs) { $0.nextToken = page.nextToken }) == [orders])
            #expect(
                try await Self.texts(Self.summaries(logs) { $0.logGroupNamePattern = "^shop-b|other" })
                    == [crm, "1 dataSource.Name=shop dataSource.Type=orders"]
            )
            let shop = DataSourceFilter(name: "shop", type: "audit")
            #expect(try await Self.texts(Self.summaries(logs) { $0.dataSources = [shop] }) == [audit])
            #expect(try await Self.texts(Self.summaries(logs) { $0.logGroupClass = .delivery }) == [])
            #expect(try await Self.texts(Self.summaries(logs.inAccount("111111111111"))) == [])
            var list = ListLogGroupsInput()
            list.dataSources = [DataSourceFilter(name: "shop"), DataSourceFilter(name: "crm", type: "none")]
            let groups = try await logs.client.call(LogsOperations.listLogGroups, list).logGroups ?? []
            #expect(groups.map(\.logGroupName) == ["shop-a", "shop-b", "shop-c"])
        }
    }

    @Test("the fields of a data source are those of its groups' events, with types that hold for all")
    func fields() async throws {
        try await LogsTestBench.run { logs in
            for name in ["a", "b"] {
                try await logs.createGroup(name) { $0.tags = Self.tags("shop", "orders") }
                try await logs.createStream("s", in: name)
            }
            try await logs.put([(logs.now, #"{"n":1,"x":{"y":true},"l":[1,2.5],"t":null}"#)], to: "s", in: "a")
            try await logs.put(
                [(logs.now, "no JSON"), (logs.now, #"{"n":1.5,"x":{"z":"q"},"m":1}"#)],
                to: "s",
                in: "b"
            )
            try await logs.put([(logs.now, #"{"m":"two"}"#)], to: "s", in: "b")
            let fields = try await Self.fields(logs, "shop", "orders")
            #expect(fields.map(\.logFieldName) == ["l", "m", "n", "t", "x"])
            #expect(fields.map { $0.logFieldType?.type } == ["array", "string", "double", "string", "struct"])
            #expect(fields[0].logFieldType?.element?.value.type == "double")
            let inner = fields[4].logFieldType?.fields ?? []
            #expect(inner.map(\.logFieldName) == ["y", "z"])
            #expect(inner.map { $0.logFieldType?.type } == ["boolean", "string"])
            let missing = ClientError("ResourceNotFoundException", "The specified data source does not exist.")
            await #expect(throws: missing) { _ = try await Self.fields(logs, "shop", "audit") }
        }
    }

    @Test("types of hostile events are bounded in depth and number")
    func bounds() throws {
        let deep = try JSONValue(
            parsing: String(repeating: #"{"a":"#, count: 60) + "1" + String(repeating: "}", count: 60)
        )
        var type = FieldType(deep)
        var depth = 0
        while case .object(let fields) = type, let inner = fields["a"] { (type, depth) = (inner, depth + 1) }
        #expect(depth == FieldType.maximumDepth)
        let wide = JSONValue.object((0..<1_000).map { .init("f\($0)", .bool(true)) })
        guard case .object(let fields) = FieldType(wide).merged(with: .object(["more": .text])) else {
            Issue.record("no object")
            return
        }
        #expect(fields.count == FieldType.maximumFields)
    }
}
