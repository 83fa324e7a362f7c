// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Logging
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import Logs

extension LogsTestBench {
    static let role = "arn:aws:iam::000000000000:role/r"

    /// Of the group `g`, each minute.
    @discardableResult
    func schedule(
        _ query: String,
        _ expression: String = "rate(1 minute)",
        named name: String = "q",
        configure: (inout CreateScheduledQueryInput) -> Void = { _ in }
    ) async throws -> String {
        var input = CreateScheduledQueryInput()
        (input.name, input.queryString, input.scheduleExpression) = (name, query, expression)
        input.queryLanguage = .cwli
        input.logGroupIdentifiers = ["g"]
        input.executionRoleArn = Self.role
        configure(&input)
        return try await client.call(LogsOperations.createScheduledQuery, input).scheduledQueryArn ?? ""
    }

    func update(
        _ identifier: String,
        _ expression: String = "rate(1 minute)",
        configure: (inout UpdateScheduledQueryInput) -> Void = { _ in }
    ) async throws -> UpdateScheduledQueryOutput {
        var input = UpdateScheduledQueryInput()
        (input.identifier, input.queryString, input.scheduleExpression) = (identifier, "fields a", expression)
        input.queryLanguage = .cwli
        input.logGroupIdentifiers = ["g"]
        input.executionRoleArn = Self.role
        configure(&input)
        return try await client.call(LogsOperations.updateScheduledQuery, input)
    }

    func scheduled(_ identifier: String = "q") async throws -> GetScheduledQueryOutput {
        var input = GetScheduledQueryInput()
        input.identifier = identifier
        return try await client.call(LogsOperations.getScheduledQuery, input)
    }

    func deleteSchedule(_ identifier: String) async throws {
        var input = DeleteScheduledQueryInput()
        input.identifier = identifier
        _ = try await client.call(LogsOperations.deleteScheduledQuery, input)
    }

    func history(
        _ identifier: String = "q",
        configure: (inout GetScheduledQueryHistoryInput) -> Void = { _ in }
    ) async throws -> GetScheduledQueryHistoryOutput {
        var input = GetScheduledQueryHistoryInput()
        (input.identifier, input.startTime, input.endTime) = (identifier, 0, now + 1_000)
        configure(&input)
        return try await client.call(LogsOperations.getScheduledQueryHistory, input)
    }

    /// Lets everything happen that is due, and waits until the runs have ended.
    func runDue(_ scheduler: QueryScheduler? = nil) async throws {
        let scheduler = scheduler ?? service.scheduler
        scheduler.look()
        try await scheduler.tick()
        while scheduler.heldCount > 0 {
            await Task.yield()
            try await scheduler.tick()
        }
    }

    /// Another node on the same store.
    func node(_ name: String) -> QueryScheduler {
        QueryScheduler(
            .init(
                store: service.store,
                queries: service.queries,
                neighbours: service.neighbours,
                roles: service.roles,
                zones: service.zones,
                clock: clock,
                ids: SystemIDSource(),
                node: name,
                logger: .init(label: "test")
            )
        )
    }
}

extension GetScheduledQueryHistoryOutput {
    var statuses: [String] { (triggerHistory ?? []).map { $0.executionStatus?.rawValue ?? "" } }
    var times: [Int] { (triggerHistory ?? []).compactMap(\.triggeredTimestamp) }
}

extension CreateScheduledQueryInput {
    static func example(_ configure: (inout CreateScheduledQueryInput) -> Void) -> CreateScheduledQueryInput {
        var input = CreateScheduledQueryInput()
        (input.name, input.queryString, input.queryLanguage) = ("q", "fields a", .cwli)
        (input.logGroupIdentifiers, input.executionRoleArn) = (["g"], LogsTestBench.role)
        configure(&input)
        return input
    }
}
