// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore

/// Events on their way into one stream.
struct IngestionRequest: Sendable {
    enum Events: Sendable {
        /// A client's, which are checked.
        case given([InputLogEvent])
        /// A service's, which have AWS's size already.
        case ready([NewEvent])
    }

    let group: String
    let stream: String
    let scope: Scope
    let now: Instant
    let events: Events

    /// Makes what is missing for services' events. Throws `ResourceNotFoundException` for clients'.
    func key(_ logs: LogChanges) throws -> StreamKey {
        if let key = try logs.rows.key(ofStream: stream, inGroup: group) { return key }
        switch events {
        case .ready: return try logs.makeStream(stream, inGroup: group, at: now)
        case .given:
            _ = try logs.rows.requireGroup(group)
            throw ResourceNotFoundException("The specified log stream does not exist.")
        }
    }

    /// Throws `InvalidParameterException` when the whole batch breaks a rule.
    func batch(for key: StreamKey) throws -> EventBatch {
        switch events {
        case .given(let events): try EventBatch(events, at: now, retentionDays: key.retentionDays)
        case .ready(let events): EventBatch(accepted: events)
        }
    }

    var name: IngestionPlans.GroupName { .init(scope: scope, name: group) }

    func origin(_ stream: String) -> EventOrigin {
        EventOrigin(account: scope.account.text, region: scope.region.name, group: group, stream: stream)
    }
}

/// What has become of a batch.
struct IngestionOutcome: Sendable {
    var key: StreamKey
    var now: Instant
    var rejected: RejectedLogEventsInfo?
}

extension LogsService {
    /// Stores a batch in one transaction. Where the group has a transformer or protects data, its events are read and made
    /// ready before, outside of any transaction.
    func ingest(_ request: IngestionRequest) async throws -> IngestionOutcome {
        if plans.mayNeedPlan(request.name), let outcome = try await ingestPrepared(request) { return outcome }
        let outcome = try await store.send(request.scope) { logs, outgoing -> IngestionOutcome? in
            let key = try request.key(logs)
            guard !key.features.needsPreparation else { return nil }
            let batch = try request.batch(for: key)
            outgoing += try logs.append(batch.accepted, to: key, at: request.now)
            return IngestionOutcome(key: key, now: request.now, rejected: batch.rejected)
        }
        if let outcome { return outcome }
        plans.note(request.name, needsPlan: true)
        if let outcome = try await ingestPrepared(request) { return outcome }
        // Its policies have gone in the meantime.
        return try await write(PreparedEvents(events: []), of: request, isPrepared: false)
    }

    /// Nil where the group has no policy, or is not there.
    private func ingestPrepared(_ request: IngestionRequest) async throws -> IngestionOutcome? {
        let found = try await store.read(request.scope) { logs -> (StreamKey, IngestionPolicies)? in
            guard let key = try logs.key(ofStream: request.stream, inGroup: request.group),
                key.features.needsPreparation
            else { return nil }
            return (key, try logs.ingestionPolicies(ofGroup: key.groupID, named: request.group))
        }
        guard let (key, policies) = found else {
            plans.note(request.name, needsPlan: false)
            return nil
        }
        let batch = try request.batch(for: key)
        let prepared = try plans.plan(policies).prepare(
            batch.accepted,
            from: request.origin(request.stream),
            resource: request.scope.arn("logs", "log-group:\(request.group):*"),
            at: request.now
        )
        var outcome = try await write(prepared, of: request, isPrepared: true)
        outcome.rejected = batch.rejected
        report(prepared.eventsWithFindings, request)
        return outcome
    }

    private func write(
        _ prepared: PreparedEvents,
        of request: IngestionRequest,
        isPrepared: Bool
    ) async throws -> IngestionOutcome {
        try await store.send(request.scope) { logs, outgoing in
            let key = try request.key(logs)
            let batch = isPrepared ? EventBatch(accepted: prepared.events) : try request.batch(for: key)
            outgoing += try logs.append(batch.accepted, to: key, at: request.now)
            for (group, reports) in prepared.reports {
                outgoing += try logs.append(reports, toAuditGroup: group, about: request)
            }
            return IngestionOutcome(key: key, now: request.now, rejected: batch.rejected)
        }
    }

    /// `LogEventsWithFindings`, as AWS counts them.
    private func report(_ count: Int, _ request: IngestionRequest) {
        guard count > 0, let metrics = neighbours.metrics else { return }
        metrics.record(
            Measurement(
                namespace: "AWS/Logs",
                name: "LogEventsWithFindings",
                dimensions: ["LogGroupName": request.group, "DataProtectionOperation": "Audit"],
                value: Double(count),
                unit: "Count",
                timestamp: request.now,
                scope: request.scope
            )
        )
    }
}

extension LogChanges {
    /// What an audit has found, in a stream of the audited group's name. Nothing where the group is gone. What is written
    /// there is not looked through itself.
    fileprivate func append(
        _ reports: [String],
        toAuditGroup name: String,
        about request: IngestionRequest
    ) throws -> [NewDelivery] {
        guard try rows.group(name) != nil else { return [] }
        let key =
            try rows.key(ofStream: request.group, inGroup: name)
            ?? makeStream(request.group, inGroup: name, at: request.now)
        let events = reports.map { NewEvent(timestamp: Int(request.now.milliseconds), message: $0) }
        return try append(events, to: key, at: request.now)
    }
}
