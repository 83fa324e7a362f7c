// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Logging
import MartletCore
import NIOConcurrencyHelpers
import ServiceLifecycle
import Storage

/// Runs scheduled queries when their time has come.
///
/// A time that comes makes a row, in the transaction that says when the next time is: once, whatever number of nodes look. The
/// row is a run; a node holds it by a lease while its `QueryRunner` is at work, and another node takes it when the lease has
/// run out. So each time has one run, which is begun anew after a crash.
package final class QueryScheduler: Service {
    static let maximumRunning = 16
    private static let lease = Duration.seconds(120)
    /// How long a run is tried again while the account has too many queries.
    private static let patience = Duration.seconds(3_600)
    /// Other nodes make schedules, too, and tell nobody.
    private static let longestRest = Duration.seconds(30)

    private struct Held: Sendable {
        var run: ClaimedRun
        var until: Instant
    }

    private struct State {
        var held: [Int: Held] = [:]
        var lookAt = Instant(milliseconds: 0)
    }

    struct Parts: Sendable {
        var store: LogsStore
        var queries: QueryRunner
        var neighbours: LogsNeighbours
        var roles: ServiceRoles
        var zones: ZoneCatalog
        var clock: any WallClock
        var ids: any IDSource
        var node: String
        var logger: Logger
    }

    private let parts: Parts
    private let state = NIOLockedValueBox(State())

    init(_ parts: Parts) { self.parts = parts }

    private var clock: any WallClock { parts.clock }

    /// Something has changed: look at the store next time.
    func look() { state.withLockedValue { $0.lookAt = Instant(milliseconds: 0) } }

    /// How many runs this node holds.
    var heldCount: Int { state.withLockedValue { $0.held.count } }

    package func run() async throws {
        try await parts.store.releaseRuns(of: parts.node, at: clock.now)
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await self.tick()
                } catch is CancellationError {
                    return
                } catch {
                    self.parts.logger.error("scheduled queries are late", metadata: ["error": "\(error)"])
                }
                // Ends early by cancellation only, which ends the loop.
                try? await self.clock.sleep(for: .seconds(1))
            }
        }
    }

    /// Does everything that can be done now.
    package func tick() async throws {
        try await settle()
        guard state.withLockedValue({ $0.lookAt <= clock.now }) else { return }
        let now = clock.now
        let next = try await parts.store.triggerScheduledQueries(
            upTo: Self.maximumRunning,
            at: now,
            ids: parts.ids,
            parts.zones
        )
        try await begin(at: now)
        let rest = now + Self.longestRest
        // What is due already, and could not be begun, is looked at in the next round.
        state.withLockedValue { $0.lookAt = min(max(next ?? rest, now + .milliseconds(1)), rest) }
    }

    // MARK: Beginning

    private func begin(at now: Instant) async throws {
        let room = Self.maximumRunning - heldCount
        guard room > 0 else { return }
        let until = now + Self.lease
        for run in try await parts.store.claimRuns(upTo: room, for: parts.node, at: now, until: until) {
            do {
                guard let request = try await request(for: run, at: now) else { continue }
                try parts.queries.start(request)
                state.withLockedValue { $0.held[run.id] = Held(run: run, until: until) }
            } catch let busy as LimitExceededException {
                guard now - run.triggeredAt < Self.patience else {
                    try await parts.store.end(run, RunEnd(status: .failed, error: busy.message), at: now)
                    continue
                }
                try await parts.store.release(run, dueAt: now + .seconds(5))
            } catch let fault as QueryFault {
                try await parts.store.end(run, RunEnd(status: .invalidQuery, error: fault.message), at: now)
            } catch let error as any ServiceError {
                try await parts.store.end(run, RunEnd(status: .failed, error: error.message), at: now)
            }
        }
    }

    /// Nil where the scheduled query is gone.
    private func request(for run: ClaimedRun, at now: Instant) async throws -> QueryRequest? {
        guard let query = try await parts.store.read(run.scope, { try $0.scheduledQuery(run.scheduleID) }) else {
            return nil
        }
        let definition = query.definition
        let plan = try QueryParser.plan(definition.query)
        let names = try Set(definition.groups.map { try LogsService.groupName(nil, or: $0, in: run.scope) }).sorted()
        try await authorize(definition, plan, names, in: run.scope, at: now)
        let groups = try await parts.store.read(run.scope) { logs in
            try logs.checkLookups(of: plan)
            return try logs.queriedGroups(names, by: plan, at: now)
        }
        let schedule = try? definition.schedule(from: query.updatedAt, parts.zones)
        let range = schedule.map { definition.range(ofRunAt: run.triggeredAt, $0) }
        return QueryRequest(
            id: run.queryID,
            scope: run.scope,
            text: definition.query,
            plan: plan,
            groups: groups,
            // Its schedule has no meaning any more: the last hour then.
            range: range ?? max(
                Int(run.triggeredAt.milliseconds) - 3_600_000,
                0
            )...max(Int(run.triggeredAt.milliseconds), 0),
            limit: plan.resultLimit,
            createdAt: run.triggeredAt,
            identity: definition.role
        )
    }

    /// The query runs as its role. Throws what the role may not.
    private func authorize(
        _ definition: ScheduledQueryDefinition,
        _ plan: QueryPlan,
        _ names: [String],
        in scope: Scope,
        at now: Instant
    ) async throws {
        guard let role = ARN(definition.role) else { return }
        if let fault = try await parts.roles.fault(of: role, in: scope) { throw AccessDeniedException(fault) }
        let groups = names.map { LogsResources.group($0, scope) }
        for action in ["logs:StartQuery"] + (plan.unmasks ? ["logs:Unmask"] : []) {
            let request = ServiceRoles.request(action, on: groups, as: role, in: scope, at: now)
            try await parts.neighbours.authorizer.authorize(request)
        }
    }

    // MARK: Ending

    private func settle() async throws {
        let now = clock.now
        for held in state.withLockedValue({ Array($0.held.values) }) {
            let entry = parts.queries.table.entry(held.run.queryID, in: held.run.scope)
            if let entry, entry.isActive {
                try await keep(held, at: now)
            } else {
                let end = try await end(of: entry, held.run, at: now)
                try await parts.store.end(held.run, end, at: now)
                state.withLockedValue { _ = $0.held.removeValue(forKey: held.run.id) }
            }
        }
    }

    private func keep(_ held: Held, at now: Instant) async throws {
        guard held.until - now < Self.lease - .seconds(60) else { return }
        let until = now + Self.lease
        if try await parts.store.renew(held.run, until: until) {
            state.withLockedValue { $0.held[held.run.id]?.until = until }
        } else {
            // It is another node's, or its scheduled query is deleted.
            _ = parts.queries.table.stop(held.run.queryID)
            state.withLockedValue { _ = $0.held.removeValue(forKey: held.run.id) }
        }
    }

    private func end(of entry: QueryTable.Entry?, _ run: ClaimedRun, at now: Instant) async throws -> RunEnd {
        guard let entry else { return RunEnd(status: .failed, error: "The query is not known any more.") }
        switch entry.status {
        case .complete: return try await delivery(of: entry, run, at: now)
        case .timeout: return RunEnd(status: .timeout, error: "The query took longer than an hour.")
        case .cancelled: return RunEnd(status: .failed, error: "The query was stopped.")
        default: return RunEnd(status: .failed, error: entry.failure ?? "The query could not be run.")
        }
    }

    /// What the lookup table of the scheduled query gets, if it has one.
    private func delivery(of entry: QueryTable.Entry, _ run: ClaimedRun, at now: Instant) async throws -> RunEnd {
        var end = RunEnd(status: .complete)
        let query = try await parts.store.read(run.scope) { try $0.scheduledQuery(run.scheduleID) }
        guard let destination = query?.definition.destination, let role = ARN(destination.role) else { return end }
        do {
            if let fault = try await parts.roles.fault(of: role, in: run.scope) { throw AccessDeniedException(fault) }
            let exists = try await parts.store.read(run.scope) { try $0.lookupTable(destination.table) != nil }
            let request = ServiceRoles.request(
                exists ? "logs:UpdateLookupTable" : "logs:CreateLookupTable",
                on: [LogsResources.lookupTable(destination.table, run.scope)],
                as: role,
                in: run.scope,
                at: now
            )
            try await parts.neighbours.authorizer.authorize(request)
            end.content = try entry.tableContent
        } catch let denial as any ServiceError {
            end.destinationError = denial.message
        } catch let fault as CSVFault {
            end.destinationError = "The results are no table: \(fault.message)."
        }
        return end
    }
}
