// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import Logs

@Suite("Log groups") struct LogGroupTests {
    @Test("a new group is described with all that AWS shows of one")
    func description() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("/aws/lambda/f")
            let group = try #require(try await logs.groups().logGroups?.first)
            var expected = LogGroup()
            expected.logGroupName = "/aws/lambda/f"
            expected.creationTime = logs.now
            expected.metricFilterCount = 0
            expected.arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f:*"
            expected.logGroupArn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f"
            expected.storedBytes = 0
            expected.logGroupClass = .standard
            expected.deletionProtectionEnabled = false
            #expect(group.json == expected.json)
        }
    }

    @Test("a name is taken once in an account and region")
    func uniqueness() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            await #expect(
                throws: ClientError("ResourceAlreadyExistsException", "The specified log group already exists")
            ) {
                try await logs.createGroup("g")
            }
            try await logs.inAccount("111111111111").createGroup("g")
            try await logs.inRegion("eu-west-1").createGroup("g")
            #expect(try await logs.groups().names == ["g"])
            #expect(try await logs.inRegion("eu-central-1").groups().names == [])
        }
    }

    @Test(
        "names break the model's rules with InvalidParameterException",
        arguments: ["", "a b", "a:b", "ü", String(repeating: "x", count: 513)]
    )
    func names(_ name: String) async throws {
        try await LogsTestBench.run { logs in
            let error = await #expect(throws: ClientError.self) { try await logs.createGroup(name) }
            #expect(error?.code == "InvalidParameterException")
            #expect(
                error?.message.contains("detected: Value '\(name)' at 'logGroupName' failed to satisfy constraint: ")
                    == true
            )
        }
    }

    @Test("a deleted group is gone, with its events and tags, also for a new one of the name")
    func deletion() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g") { $0.tags = ["a": "1"] }
            try await logs.createStream("s", in: "g")
            try await logs.put([(logs.now, "old")], to: "s", in: "g")
            try await logs.deleteGroup("g")
            await #expect(throws: Expected.noGroup) { try await logs.filter("g") }
            await #expect(throws: Expected.noGroup) { try await logs.deleteGroup("g") }
            try await logs.create("g", streams: ["s"])
            #expect(try await logs.messages(in: "g") == [])
            #expect(try await logs.get("s", in: "g").texts == [])
            try await logs.put([(logs.now, "new")], to: "s", in: "g")
            try await logs.service.sweeper.sweep()
            #expect(try await logs.messages(in: "g") == ["new"])
            #expect(try await logs.rows(in: "logs_event") == 1)
            #expect(try await logs.rows(in: "logs_stream") == 1)
            #expect(try await logs.rows(in: "logs_garbage") == 0)
            #expect(try await logs.groups().logGroups?.first?.storedBytes == 29)
        }
    }

    @Test("a protected group cannot be deleted until protection is taken off")
    func protection() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g") { $0.deletionProtectionEnabled = true }
            try await logs.createStream("s", in: "g")
            #expect(try await logs.groups().logGroups?.first?.deletionProtectionEnabled == true)
            let protected = ClientError(
                "ValidationException",
                "Deletion protection is enabled for the specified log group."
            )
            await #expect(throws: protected) { try await logs.deleteGroup("g") }
            await #expect(throws: protected) { try await logs.deleteStream("s", in: "g") }
            _ = try await logs.client.call(
                LogsOperations.putLogGroupDeletionProtection,
                PutLogGroupDeletionProtectionInput(logGroupIdentifier: "g", deletionProtectionEnabled: false)
            )
            try await logs.deleteGroup("g")
            #expect(try await logs.groups().names == [])
        }
    }

    @Test("a key for encryption is not silently ignored")
    func encryption() async throws {
        try await LogsTestBench.run { logs in
            let error = await #expect(throws: ClientError.self) {
                try await logs.createGroup("g") { $0.kmsKeyId = "arn:aws:kms:us-east-1:000000000000:key/1" }
            }
            #expect(error?.status == 501)
            let left = try await logs.groups()
            #expect(left.names == [])
        }
    }

    @Test("groups are listed in the order of their bytes, page by page to the end")
    func pages() async throws {
        try await LogsTestBench.run { logs in
            let names = ["B", "a", "a/1", "a/2", "a0", "b", "b-1"]
            for name in names.shuffled() { try await logs.createGroup(name) }
            var found: [String] = []
            var token: String?
            repeat {
                let page = try await logs.groups {
                    $0.limit = 3
                    $0.nextToken = token
                }
                #expect(page.names.count <= 3)
                found += page.names
                token = page.nextToken
            } while token != nil
            #expect(found == names)
            #expect(try await logs.groups { $0.limit = 7 }.nextToken == nil)
            #expect(try await logs.groups { $0.logGroupNamePrefix = "a/" }.names == ["a/1", "a/2"])
            #expect(try await logs.groups { $0.logGroupNamePrefix = "c" }.names == [])
            await #expect(throws: Expected.badToken) { try await logs.groups { $0.nextToken = "rubbish" } }
        }
    }

    @Test("a pattern finds any part of a name, in its case, and shows less of the group")
    func pattern() async throws {
        try await LogsTestBench.run { logs in
            for name in ["DataLogs", "aws-DataLogs", "datalogs", "GroupDataLogs", "Groupdata"] {
                try await logs.createGroup(name)
            }
            let page = try await logs.groups { $0.logGroupNamePattern = "DataLogs" }
            #expect(page.names == ["DataLogs", "GroupDataLogs", "aws-DataLogs"])
            #expect(page.logGroups?.first?.storedBytes == nil)
            #expect(page.logGroups?.first?.logGroupArn == nil)
            await #expect(
                throws: Expected.invalid(
                    "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
                )
            ) {
                try await logs.groups {
                    $0.logGroupNamePattern = "a"
                    $0.logGroupNamePrefix = "a"
                }
            }
        }
    }

    @Test("groups are found by name and by ARN, those of other places are not")
    func identifiers() async throws {
        try await LogsTestBench.run { logs in
            for name in ["a", "b", "c"] { try await logs.createGroup(name) }
            let arn = "arn:aws:logs:us-east-1:000000000000:log-group:b"
            let foreign = "arn:aws:logs:us-east-1:111111111111:log-group:c"
            #expect(
                try await logs.groups { $0.logGroupIdentifiers = ["a", arn, foreign, "none"] }.names == ["a", "b"]
            )
        }
    }

    @Test("ListLogGroups takes alternatives of names, classes and tags")
    func list() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("/aws/lambda/one") { $0.tags = ["stage": "Production", "team": "red"] }
            try await logs.createGroup("/aws/lambda/two") { $0.tags = ["stage": "test"] }
            try await logs.createGroup("discovery") { $0.logGroupClass = .infrequentAccess }
            try await logs.createGroup("x/aws/lambda")
            func names(_ configure: (inout ListLogGroupsInput) -> Void) async throws -> [String] {
                var input = ListLogGroupsInput()
                configure(&input)
                return (try await logs.client.call(LogsOperations.listLogGroups, input).logGroups ?? []).compactMap(
                    \.logGroupName
                )
            }
            let lambdas = ["/aws/lambda/one", "/aws/lambda/two"]
            #expect(try await names { $0.logGroupNamePattern = "^/aws/lambda|disco" } == lambdas + ["discovery"])
            #expect(try await names { $0.logGroupNamePattern = "aws" } == lambdas + ["x/aws/lambda"])
            #expect(try await names { $0.logGroupClass = .essentials } == ["discovery"])
            #expect(try await names { $0.logGroupTags = [TagFilter(key: "stage")] } == lambdas)
            #expect(
                try await names { $0.logGroupTags = [TagFilter(key: "stage", values: ["prod*"])] } == [
                    "/aws/lambda/one"
                ]
            )
            #expect(
                try await names { $0.logGroupTags = [TagFilter(key: "stage", values: ["!test"])] } == [
                    "/aws/lambda/one"
                ]
            )
            #expect(try await names { $0.logGroupTags = [TagFilter(key: "stage", values: ["production"])] } == [])
            #expect(try await names { $0.limit = 1 } == ["/aws/lambda/one"])
        }
    }

    @Test("what Martlet does not have answers 501 with its name")
    func unimplemented() async throws {
        try await LogsTestBench.run { logs in
            let operation = OperationDescriptor<DeleteLogGroupInput, DeleteLogGroupOutput>(
                "PutIntegration",
                action: ""
            )
            let response = try await logs.client.send(operation.binding, DeleteLogGroupInput(logGroupName: "g"))
            #expect(response.status == 501)
        }
    }
}

extension Shape {
    /// The shape as the wire shows it, to compare two.
    var json: JSONValue? {
        let operation = OperationDescriptor<Self, Self>("Test", action: "logs:Test")
        guard let message = try? ServiceModel.logs.codec(.json11).writeInput(self, of: operation.binding),
            case .buffer(let buffer) = message.body
        else { return nil }
        return try? JSONValue(parsing: buffer)
    }
}
