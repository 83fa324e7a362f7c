// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Logging
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import Logs

@Suite("Scheduled queries") struct ScheduledQueryTests {
    private static let missing = ClientError(
        "ResourceNotFoundException",
        "The specified scheduled query does not exist."
    )

    private static func invalid(_ message: String) -> ClientError { ClientError("ValidationException", message) }

    @Test("a scheduled query is shown by name and ARN as it was created, and changed as a whole")
    func life() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            let arn = try await logs.schedule("fields a", "cron(0 9 * * ? *)") {
                $0.description = "d"
                $0.timezone = "Europe/Berlin"
                ($0.startTimeOffset, $0.endTimeOffset) = (600, 60)
                ($0.scheduleStartTime, $0.scheduleEndTime) = (1_800_000_000, 1_900_000_000_000)
                $0.tags = ["k": "v"]
            }
            #expect(arn.hasPrefix("arn:aws:logs:us-east-1:000000000000:scheduled-query:"))
            let shown = try await logs.scheduled(arn)
            #expect(try await logs.scheduled("q").scheduledQueryArn == arn)
            #expect(shown.name == "q")
            #expect(shown.description == "d")
            #expect(shown.queryString == "fields a")
            #expect(shown.queryLanguage == .cwli)
            #expect(shown.logGroupIdentifiers == ["g"])
            #expect(shown.scheduleExpression == "cron(0 9 * * ? *)")
            #expect(shown.timezone == "Europe/Berlin")
            #expect(shown.startTimeOffset == 600)
            #expect(shown.endTimeOffset == 60)
            #expect(shown.scheduleStartTime == 1_800_000_000)
            #expect(shown.scheduleEndTime == 1_900_000_000_000)
            #expect(shown.executionRoleArn == LogsTestBench.role)
            #expect(shown.state == .enabled)
            #expect(shown.scheduleType == .customerManaged)
            #expect(shown.creationTime == logs.now)
            #expect(shown.lastTriggeredTime == nil)
            #expect(shown.lastExecutionStatus == nil)
            var tags = ListTagsForResourceInput()
            tags.resourceArn = arn
            #expect(try await logs.client.call(LogsOperations.listTagsForResource, tags).tags == ["k": "v"])
            await logs.clock.advance(by: .seconds(5))
            let updated = try await logs.update("q") { $0.state = .disabled }
            #expect(updated.description == nil)
            #expect(updated.timezone == nil)
            #expect(updated.scheduleExpression == "rate(1 minute)")
            #expect(updated.state == .disabled)
            #expect(updated.lastUpdatedTime == logs.now)
            #expect(try await logs.update(arn).state == .disabled)
            try await logs.deleteSchedule(arn)
            await #expect(throws: Self.missing) { _ = try await logs.scheduled("q") }
            await #expect(throws: Self.missing) { try await logs.deleteSchedule("q") }
            await #expect(throws: Self.missing) { _ = try await logs.update("q") }
            await #expect(throws: Self.missing) { _ = try await logs.history("q") }
            #expect(try await logs.rows(in: "logs_resource_tag") == 0)
        }
    }

    @Test("queries are listed by name, in pages, by state, each account and region its own")
    func listing() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            for name in ["c", "a", "b"] {
                try await logs.schedule("fields a", named: name) { $0.state = name == "b" ? .disabled : nil }
            }
            func list(
                _ bench: LogsTestBench,
                configure: (inout ListScheduledQueriesInput) -> Void = { _ in }
            ) async throws -> ListScheduledQueriesOutput {
                var input = ListScheduledQueriesInput()
                configure(&input)
                return try await bench.client.call(LogsOperations.listScheduledQueries, input)
            }
            let page = try await list(logs) { $0.maxResults = 2 }
            #expect(page.scheduledQueries?.map(\.name) == ["a", "b"])
            #expect(try await list(logs) { $0.nextToken = page.nextToken }.scheduledQueries?.map(\.name) == ["c"])
            #expect(try await list(logs) { $0.state = .enabled }.scheduledQueries?.map(\.name) == ["a", "c"])
            #expect(try await list(logs) { $0.scheduleType = .awsManaged }.scheduledQueries?.isEmpty == true)
            #expect(try await list(logs.inAccount("111111111111")).scheduledQueries?.isEmpty == true)
            #expect(try await list(logs.inRegion("eu-west-1")).scheduledQueries?.isEmpty == true)
            await #expect(throws: Self.invalid("The specified nextToken is invalid.")) {
                _ = try await list(logs) { $0.nextToken = "?" }
            }
        }
    }

    @Test("what cannot run is refused when it is created")
    func refusals() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            try await logs.schedule("fields a")
            let twice = ClientError("ConflictException", "A scheduled query with the name q already exists.")
            await #expect(throws: twice) { try await logs.schedule("fields a") }
            await #expect(throws: Self.invalid("The schedule is not valid: a cron expression has six fields.")) {
                try await logs.schedule("fields a", "cron(* * * * *)", named: "x")
            }
            await #expect(
                throws: Self.invalid("The schedule is not valid: the time zone Mars/Base is not known on this host.")
            ) {
                try await logs.schedule("fields a", named: "x") { $0.timezone = "Mars/Base" }
            }
            await #expect(
                throws: Self.invalid(
                    "The query string is not valid: unexpected symbol found bad at line 1 and position 1"
                )
            ) {
                try await logs.schedule("bad", named: "x")
            }
            await #expect(throws: Expected.noGroup) {
                try await logs.schedule("fields a", named: "x") { $0.logGroupIdentifiers = ["none"] }
            }
            await #expect(throws: Self.invalid("logGroupIdentifiers must name at least one log group.")) {
                try await logs.schedule("fields a", named: "x") { $0.logGroupIdentifiers = nil }
            }
            await #expect(throws: Self.invalid("endTimeOffset must be less than startTimeOffset.")) {
                try await logs.schedule("fields a", named: "x") { ($0.startTimeOffset, $0.endTimeOffset) = (60, 60) }
            }
            for offset in [-1, Int.max, Int.min] {
                await #expect(throws: ClientError.self) {
                    try await logs.schedule("fields a", named: "x") { $0.startTimeOffset = offset }
                }
            }
            await #expect(throws: Self.invalid("scheduleEndTime must be after scheduleStartTime.")) {
                try await logs.schedule("fields a", named: "x") { ($0.scheduleStartTime, $0.scheduleEndTime) = (9, 9) }
            }
            for role in ["x", "arn:aws:iam::000000000000:user/u", "arn:aws:iam::111111111111:role/r"] {
                await #expect(throws: ClientError.self) {
                    try await logs.schedule("fields a", named: "x") { $0.executionRoleArn = role }
                }
            }
            #expect(try await logs.rows(in: "logs_scheduled_query") == 1)
        }
    }

    @Test("an S3 destination is refused by name, other query languages answer 501")
    func notThere() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            let noS3 = Self.invalid("Martlet has no S3 yet: results cannot be delivered to s3Configuration.")
            await #expect(throws: noS3) {
                try await logs.schedule("fields a") {
                    $0.destinationConfiguration = DestinationConfiguration(
                        s3Configuration: S3Configuration(
                            destinationIdentifier: "s3://bucket/x",
                            roleArn: LogsTestBench.role
                        )
                    )
                }
            }
            let error = ClientError(
                "NotImplemented",
                "Martlet does not implement the query language PPL yet.",
                status: 501
            )
            await #expect(throws: error) { try await logs.schedule("fields a") { $0.queryLanguage = .ppl } }
        }
    }
}
