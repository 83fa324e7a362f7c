// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import Logs

@Suite("Tags of log groups") struct TagTests {
    private static let arn = "arn:aws:logs:us-east-1:000000000000:log-group:g"

    private func tags(_ logs: LogsTestBench, _ arn: String = arn) async throws -> [String: String]? {
        try await logs.client.call(LogsOperations.listTagsForResource, ListTagsForResourceInput(resourceArn: arn)).tags
    }

    private func tag(_ logs: LogsTestBench, _ tags: [String: String], _ arn: String = arn) async throws {
        _ = try await logs.client.call(LogsOperations.tagResource, TagResourceInput(resourceArn: arn, tags: tags))
    }

    @Test("both APIs see the same tags")
    func both() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g") { $0.tags = ["a": "1"] }
            try await tag(logs, ["b": "2", "a": "changed"])
            _ = try await logs.client.call(
                LogsOperations.tagLogGroup,
                TagLogGroupInput(logGroupName: "g", tags: ["c": ""])
            )
            #expect(try await tags(logs) == ["a": "changed", "b": "2", "c": ""])
            _ = try await logs.client.call(
                LogsOperations.untagResource,
                UntagResourceInput(resourceArn: Self.arn, tagKeys: ["a", "none"])
            )
            _ = try await logs.client.call(
                LogsOperations.untagLogGroup,
                UntagLogGroupInput(logGroupName: "g", tags: ["b"])
            )
            let old = try await logs.client.call(
                LogsOperations.listTagsLogGroup,
                ListTagsLogGroupInput(logGroupName: "g")
            ).tags
            #expect(old == ["c": ""])
        }
    }

    @Test("a group has at most fifty tags, and none that belongs to AWS")
    func limits() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            try await tag(logs, Dictionary(uniqueKeysWithValues: (0..<50).map { ("k\($0)", "v") }))
            try await tag(logs, ["k0": "again"])
            let error = await #expect(throws: ClientError.self) { try await tag(logs, ["one": "more"]) }
            #expect(error?.code == "TooManyTagsException")
            #expect((error?.modelled as? TooManyTagsException)?.resourceName == Self.arn)
            let reserved = await #expect(throws: ClientError.self) { try await tag(logs, ["aws:x": "y"]) }
            #expect(reserved?.code == "InvalidParameterException")
            #expect(try await tags(logs)?.count == 50)
        }
    }

    @Test("resources that are not there have no tags")
    func missing() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            let none = ClientError("ResourceNotFoundException", "The specified resource does not exist.")
            for arn in [
                Self.arn + "2", "arn:aws:logs:us-east-1:111111111111:log-group:g",
                "arn:aws:logs:us-east-1:000000000000:destination:d",
            ] {
                await #expect(throws: none) { try await tags(logs, arn) }
            }
            let rubbish = await #expect(throws: ClientError.self) { try await tags(logs, "rubbish") }
            #expect(rubbish?.code == "InvalidParameterException")
            await #expect(throws: Expected.noGroup) {
                try await logs.client.call(LogsOperations.listTagsLogGroup, ListTagsLogGroupInput(logGroupName: "none"))
            }
        }
    }
}

@Suite("What IAM is asked about") struct LogsResourcesTests {
    private func resources(_ input: any Shape) -> [String] {
        LogsResources.named(by: input, in: LogsTestBench.scope).map(\.description)
    }

    private static let group = "arn:aws:logs:us-east-1:000000000000:log-group:g"

    @Test("actions name the stream, the group with an empty stream, or the bare group")
    func arns() {
        #expect(resources(PutLogEventsInput(logGroupName: "g", logStreamName: "s")) == [Self.group + ":log-stream:s"])
        #expect(resources(CreateLogGroupInput(logGroupName: "g")) == [Self.group + ":log-stream:"])
        #expect(resources(FilterLogEventsInput(logGroupName: "g")) == [Self.group + ":log-stream:"])
        #expect(resources(DescribeLogGroupsInput()) == ["arn:aws:logs:us-east-1:000000000000:log-group::log-stream:"])
        #expect(resources(TagResourceInput(resourceArn: Self.group + ":*")) == [Self.group])
        #expect(resources(TagLogGroupInput(logGroupName: "g")) == [Self.group])
        let table = "arn:aws:logs:us-east-1:000000000000:lookup-table:t"
        #expect(resources(GetLookupTableInput(lookupTableArn: table)) == [table])
        #expect(resources(CreateLookupTableInput(lookupTableName: "t")) == [table])
        let query = "arn:aws:logs:us-east-1:000000000000:scheduled-query:"
        #expect(resources(GetScheduledQueryInput(identifier: query + "x")) == [query + "x"])
        #expect(resources(DeleteScheduledQueryInput(identifier: "q")) == [query + "q"])
    }

    @Test("every operation names a resource")
    func complete() async throws {
        try await LogsTestBench.run { logs in
            let tagging: Set = [
                "TagResource", "UntagResource", "ListTagsForResource", "GetLookupTable", "UpdateLookupTable",
                "DeleteLookupTable",
            ]
            // AWS knows no resource of these, or, of the first four, only those that the input lists.
            let free: Set = [
                "StartQuery", "StartLiveTail", "DescribeIndexPolicies", "DescribeFieldIndexes", "ListLogGroupsForQuery",
                "GetLogObject", "TestTransformer", "PutAccountPolicy", "DescribeAccountPolicies", "DeleteAccountPolicy",
                "StopQuery", "GetQueryResults", "GetLogRecord", "DescribeQueries",
                "PutQueryDefinition", "DescribeQueryDefinitions", "DeleteQueryDefinition", "TestMetricFilter",
                "DescribeDestinations", "PutResourcePolicy", "DescribeResourcePolicies", "DeleteResourcePolicy",
            ]
            for operation in logs.service.operations where !tagging.union(free).contains(operation.name) {
                let arns = LogsResources.named(by: operation.inputType.init(), in: LogsTestBench.scope)
                #expect(arns.count == 1, "\(operation.name)")
            }
        }
    }

    @Test("an ARN of another account is what is asked for, not the group of that name here")
    func foreign() {
        let foreign = "arn:aws:logs:eu-west-1:111111111111:log-group:g"
        #expect(resources(FilterLogEventsInput(logGroupIdentifier: foreign)) == [foreign + ":log-stream:"])
    }
}

@Suite("Resetting CloudWatch Logs") struct LogsResetTests {
    @Test("one account's groups go, or all")
    func reset() async throws {
        try await LogsTestBench.run { logs in
            let other = logs.inAccount("111111111111")
            for bench in [logs, other] {
                try await bench.create("g", streams: ["s"])
                try await bench.put([(logs.now, "x")], to: "s", in: "g")
                try await bench.create("deleted", streams: [])
                try await bench.deleteGroup("deleted")
            }
            try await logs.service.reset(account: .local)
            #expect(try await logs.groups().names == [])
            #expect(try await other.messages(in: "g") == ["x"])
            #expect(try await logs.rows(in: "logs_garbage") == 1)
            try await logs.service.reset(account: nil)
            for table in ["logs_group", "logs_stream", "logs_event", "logs_tag", "logs_garbage"] as [SQL] {
                #expect(try await logs.rows(in: table) == 0)
            }
        }
    }
}
