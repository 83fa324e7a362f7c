// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Logging
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import Logs

@Suite("Runs of scheduled queries") struct ScheduledRunTests {
    private static func invalid(_ message: String) -> ClientError { ClientError("ValidationException", message) }

    @Test("a query runs at each of its times, over the time that its offsets say, and its history has the results' id")
    func runs() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("g", streams: ["s"])
            let start = logs.now
            try await logs.put(
                [(start - 90_000, "old"), (start - 30_000, "a"), (start + 10_000, "b"), (start + 50_000, "late")],
                to: "s",
                in: "g"
            )
            try await logs.schedule("fields @message") { ($0.startTimeOffset, $0.endTimeOffset) = (90, 20) }
            try await logs.runDue()
            #expect(try await logs.history().statuses == [])
            await logs.clock.advance(by: .seconds(60))
            try await logs.runDue()
            let history = try await logs.history()
            #expect(history.name == "q")
            #expect(history.statuses == ["Complete"])
            #expect(history.times == [start + 60_000])
            let id = try #require(history.triggerHistory?.first?.queryId)
            #expect(try await logs.results(of: id).rows.map { $0["@message"] } == ["b", "a"])
            let shown = try await logs.scheduled()
            #expect(shown.lastTriggeredTime == start + 60_000)
            #expect(shown.lastExecutionStatus == .complete)
            try await logs.runDue()
            await logs.clock.advance(by: .seconds(60))
            try await logs.runDue()
            #expect(try await logs.history().times == [start + 120_000, start + 60_000])
        }
    }

    @Test("without offsets a run looks at what came since the time before")
    func usualRange() async throws {
        try await LogsTestBench.run { logs in
            // 12:00 on January 31st 2026.
            let definition = try ScheduledQueryDefinition(
                CreateScheduledQueryInput.example { $0.scheduleExpression = "cron(0 9,21 * * ? *)" }
            )
            let schedule = try definition.schedule(from: logs.clock.now, ZoneCatalog())
            let time = try #require(schedule.next(after: logs.clock.now))
            let end = Int(time.milliseconds)
            #expect(definition.range(ofRunAt: time, schedule) == (end - 12 * 3_600_000)...end)
        }
    }

    @Test("two nodes on one store make one run of each time, and one of them does it")
    func twoNodes() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.createGroup("g")
            for number in 0..<5 { try await logs.schedule("fields a", named: "q\(number)") }
            let nodes = [logs.node("one"), logs.node("two"), logs.service.scheduler]
            for _ in 0..<3 {
                await logs.clock.advance(by: .seconds(60))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for node in nodes { group.addTask { try await logs.runDue(node) } }
                    try await group.waitForAll()
                }
            }
            for number in 0..<5 {
                #expect(try await logs.history("q\(number)").statuses == ["Complete", "Complete", "Complete"])
            }
            #expect(try await logs.rows(in: "logs_scheduled_run") == 15)
        }
    }

    @Test("a run whose node has died is begun anew by another node when the lease has run out, and by its own at once")
    func deadNode() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            try await logs.schedule("fields a", "cron(1 12 * * ? *)")
            await logs.clock.advance(by: .seconds(60))
            // Nothing runs queries here, so the run stays what it is.
            let dead = logs.node("dead")
            try await dead.tick()
            #expect(dead.heldCount == 1)
            #expect(try await logs.history().statuses == ["Running"])
            let other = logs.node("other")
            try await other.tick()
            #expect(other.heldCount == 0)
            await logs.clock.advance(by: .seconds(121))
            try await other.tick()
            #expect(other.heldCount == 1)
            // The first one sees that it has lost the run, and does not end it.
            try await dead.tick()
            #expect(dead.heldCount == 0)
            let reborn = logs.node("other")
            try await logs.service.store.releaseRuns(of: "other", at: logs.clock.now)
            try await reborn.tick()
            #expect(reborn.heldCount == 1)
            #expect(try await logs.rows(in: "logs_scheduled_run") == 1)
        }
    }

    @Test("of times that passed while no node was there only the last one runs")
    func missedTimes() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.createGroup("g")
            try await logs.schedule("fields a", "cron(0/10 * * * ? *)")
            let start = logs.now
            await logs.clock.advance(by: .seconds(3_600 * 5 + 30))
            try await logs.runDue()
            #expect(try await logs.history().times == [start + 5 * 3_600_000])
            await logs.clock.advance(by: .seconds(600))
            try await logs.runDue()
            #expect(try await logs.history().times == [start + 5 * 3_600_000 + 600_000, start + 5 * 3_600_000])
            // Not one behind the end.
            try await logs.schedule("fields a", named: "ended") { $0.scheduleEndTime = logs.now + 150_000 }
            let created = logs.now
            await logs.clock.advance(by: .seconds(3_600))
            try await logs.runDue()
            #expect(try await logs.history("ended").times == [created + 120_000])
        }
    }

    @Test("a disabled query does not run, nor one behind its end; an enabled one goes on")
    func states() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.createGroup("g")
            try await logs.schedule("fields a") { $0.state = .disabled }
            try await logs.schedule("fields a", named: "ending") { $0.scheduleEndTime = logs.now + 60_000 }
            for _ in 0..<2 {
                await logs.clock.advance(by: .seconds(60))
                try await logs.runDue()
            }
            #expect(try await logs.history().statuses == [])
            #expect(try await logs.history("ending").statuses == ["Complete"])
            _ = try await logs.update("q") { $0.state = .enabled }
            await logs.clock.advance(by: .seconds(60))
            try await logs.runDue()
            #expect(try await logs.history().statuses == ["Complete"])
        }
    }

    @Test("a run that cannot be made ends with the reason: a group or a table that is gone, a query that was stopped")
    func failures() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            try await logs.schedule("fields a")
            try await logs.schedule("lookup none a OUTPUT b", named: "table")
            await logs.clock.advance(by: .seconds(60))
            try await logs.service.scheduler.tick()
            let table = try #require(try await logs.history("table").triggerHistory?.first)
            #expect(table.executionStatus == .failed)
            #expect(table.errorMessage == "The lookup table none does not exist.")
            var stop = StopQueryInput()
            stop.queryId = try await logs.history().triggerHistory?.first?.queryId ?? ""
            _ = try await logs.client.call(LogsOperations.stopQuery, stop)
            try await logs.runDue()
            #expect(try await logs.history().triggerHistory?.first?.errorMessage == "The query was stopped.")
            try await logs.deleteGroup("g")
            await logs.clock.advance(by: .seconds(60))
            try await logs.runDue()
            let gone = try #require(try await logs.history().triggerHistory?.first)
            #expect(gone.executionStatus == .failed)
            #expect(gone.errorMessage == "The specified log group does not exist.")
            #expect(try await logs.scheduled().lastExecutionStatus == .failed)
            #expect(try await logs.history { $0.executionStatuses = [.complete] }.statuses == [])
            #expect(try await logs.history { $0.executionStatuses = [.failed] }.statuses == ["Failed", "Failed"])
        }
    }

    @Test("a run waits while the account has a hundred queries, for an hour at most")
    func busy() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            try await logs.schedule("fields a", "cron(1 12 * * ? *)")
            for _ in 0..<QueryTable.maximumActive { _ = try await logs.startQuery("fields a") }
            await logs.clock.advance(by: .seconds(60))
            let scheduler = logs.service.scheduler
            try await scheduler.tick()
            #expect(scheduler.heldCount == 0)
            #expect(try await logs.history().statuses == ["Running"])
            await logs.clock.advance(by: .seconds(3_600))
            scheduler.look()
            try await scheduler.tick()
            let run = try #require(try await logs.history().triggerHistory?.first)
            #expect(run.executionStatus == .failed)
            #expect(run.errorMessage == "Account maximum query concurrency limit of [100] reached.")
        }
    }

    @Test("results replace the lookup table that a query names, which the first run makes")
    func lookupTable() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.create("g", streams: ["s"])
            try await logs.put(
                [(logs.now, #"{"user":"ann"}"#), (logs.now + 61_000, #"{"user":"bob"}"#)],
                to: "s",
                in: "g"
            )
            try await logs.schedule("fields user | sort user") {
                var table = LookupTableConfiguration()
                (table.tableName, table.roleArn) = ("users", LogsTestBench.role)
                (table.description, table.tags) = ("who was here", ["k": "v"])
                $0.destinationConfiguration = DestinationConfiguration(lookupTableConfiguration: table)
                $0.startTimeOffset = 60
            }
            let arn = "arn:aws:logs:us-east-1:000000000000:lookup-table:users"
            await logs.clock.advance(by: .seconds(60))
            try await logs.runDue()
            #expect(try await logs.table(arn).tableBody == "user\nann\n")
            #expect(try await logs.table(arn).description == "who was here")
            let target = try #require(try await logs.history().triggerHistory?.first?.destinations?.first)
            #expect(target.destinationType == .lookupTable)
            #expect(target.destinationIdentifier == "users")
            #expect(target.status == .complete)
            #expect(target.processedIdentifier == arn)
            await logs.clock.advance(by: .seconds(60))
            try await logs.runDue()
            #expect(try await logs.table(arn).tableBody == "user\nbob\n")
            #expect(
                try await logs.scheduled().destinationConfiguration?.lookupTableConfiguration?.tags == ["k": "v"]
            )
        }
    }

    @Test("a table that cannot be made is told in the history, and the run is complete")
    func noRoomForTable() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.createGroup("g")
            for number in 0..<LogLimits.lookupTables { try await logs.createTable("t\(number)", "x") }
            try await logs.schedule("fields user") {
                var table = LookupTableConfiguration()
                (table.tableName, table.roleArn) = ("users", LogsTestBench.role)
                $0.destinationConfiguration = DestinationConfiguration(lookupTableConfiguration: table)
            }
            await logs.clock.advance(by: .seconds(60))
            try await logs.runDue()
            let run = try #require(try await logs.history().triggerHistory?.first)
            #expect(run.executionStatus == .complete)
            #expect(run.destinations?.first?.status == .failed)
            #expect(run.destinations?.first?.errorMessage == "Resource limit exceeded.")
        }
    }

    @Test("a query runs as its role: what that may not, it may not")
    func role() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.createGroup("g")
            try await logs.schedule("fields a")
            logs.service.neighbours.register(RefusingRole())
            await logs.clock.advance(by: .seconds(60))
            try await logs.runDue()
            let run = try #require(try await logs.history().triggerHistory?.first)
            #expect(run.executionStatus == .failed)
            #expect(run.errorMessage == "no logs:StartQuery for r")
            logs.service.roles.register(Roles(standing: .exists), takesUnknownRoles: false)
            let untrusting = Self.invalid("The role \(LogsTestBench.role) cannot be assumed by CloudWatch Logs.")
            await #expect(throws: untrusting) { try await logs.schedule("fields a", named: "x") }
            await logs.clock.advance(by: .seconds(60))
            try await logs.runDue()
            #expect(try await logs.history().triggerHistory?.first?.errorMessage == untrusting.message)
        }
    }

    @Test("the history has pages, and the newest 2,000 runs")
    func history() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.createGroup("g")
            let arn = try await logs.schedule("fields a")
            let id = String(arn.split(separator: ":").last ?? "")
            let start = logs.clock.now
            try await logs.server.database.write { tx in
                for number in 0..<(LogLimits.keptRuns + 50) {
                    try tx.execute(
                        """
                        INSERT INTO logs_scheduled_run
                            (account, region, schedule_id, query_id, triggered_at, status, due_at)
                        VALUES ('000000000000', 'us-east-1', \(id), 'x', \(start - .seconds(Int64(number + 1))), 'Complete', 0)
                        """
                    )
                }
            }
            await logs.clock.advance(by: .seconds(60))
            try await logs.runDue()
            #expect(try await logs.rows(in: "logs_scheduled_run") == LogLimits.keptRuns)
            var (times, token): ([Int], String?) = ([], nil)
            repeat {
                let page = try await logs.history { ($0.maxResults, $0.nextToken) = (999, token) }
                times += page.times
                token = page.nextToken
            } while token != nil
            #expect(times.count == LogLimits.keptRuns)
            #expect(times == times.sorted(by: >))
            let second = Int(start.milliseconds) - 2_000
            #expect(try await logs.history { ($0.startTime, $0.endTime) = (second, second) }.times == [second])
        }
    }

    @Test("a reset removes queries and runs of the account")
    func reset() async throws {
        try await LogsTestBench.run { logs in
            try await logs.createGroup("g")
            try await logs.schedule("fields a")
            await logs.clock.advance(by: .seconds(60))
            try await logs.service.scheduler.tick()
            try await logs.service.reset(account: .local)
            #expect(try await logs.rows(in: "logs_scheduled_query") == 0)
            #expect(try await logs.rows(in: "logs_scheduled_run") == 0)
            try await logs.runDue()
            #expect(logs.service.scheduler.heldCount == 0)
        }
    }

    @Test("the scheduler's own loop runs a query in the second of its time")
    func loop() async throws {
        try await LogsTestBench.run(querying: true) { logs in
            try await logs.createGroup("g")
            try await logs.schedule("fields a")
            let running = Task { try await logs.service.scheduler.run() }
            await logs.clock.untilSleepers(1)
            await logs.clock.advance(by: .seconds(60))
            while try await logs.history().statuses != ["Complete"] {
                await logs.clock.advance(by: .seconds(1))
            }
            running.cancel()
            _ = await running.result
        }
    }
}

/// IAM, for a role that may do nothing.
private struct RefusingRole: Authorizer {
    func authorize(_ request: AuthorizationRequest) async throws {
        if case .assumedRole(let name, _) = request.principal.kind {
            throw CommonError("AccessDenied", "no \(request.action) for \(name)", status: 403)
        }
    }
}

private struct Roles: RoleDirectory {
    var standing: RoleStanding
    func standing(of role: ARN, for service: String) async throws -> RoleStanding { standing }
}
