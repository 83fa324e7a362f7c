// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// The documents that say what happens to the events of a group on their way in.
struct IngestionPolicies: Sendable, Hashable {
    var transformer: String?
    var protections: [String] = []
}

/// The same, compiled.
struct IngestionPlan: Sendable {
    let transformer: LogTransformer?
    let protection: ProtectionPlan?

    init(_ policies: IngestionPolicies) throws {
        transformer = try policies.transformer.map { try LogTransformer(TransformerDocument.read($0)) }
        let compiled = try policies.protections.map { try ProtectionPolicy($0) }
        protection = compiled.isEmpty ? nil : ProtectionPlan(policies: compiled)
    }

    /// Transforms events and looks for what is sensitive in them. May take a while: not in a transaction.
    func prepare(_ events: [NewEvent], from origin: EventOrigin, resource: ARN, at now: Instant) -> PreparedEvents {
        var prepared = PreparedEvents(events: events)
        for index in prepared.events.indices {
            prepared.events[index].transformed = transformer?.transform(events[index].message, from: origin)
            if let protection { protect(&prepared, index, protection, resource, now) }
        }
        return prepared
    }

    private func protect(
        _ prepared: inout PreparedEvents,
        _ index: Int,
        _ protection: ProtectionPlan,
        _ resource: ARN,
        _ now: Instant
    ) {
        let found = protection.findings(in: prepared.events[index].message)
        var masks = EventMasks(message: protection.masks(found))
        if let transformed = prepared.events[index].transformed {
            masks.transformed = protection.masks(protection.findings(in: transformed))
        }
        if !masks.isEmpty { prepared.events[index].masks = masks }
        for (policy, findings) in zip(protection.policies, found) where !findings.isEmpty {
            prepared.eventsWithFindings += 1
            let report = AuditReport(resource: resource, at: now, findings: findings).text
            for group in policy.auditGroups { prepared.reports[group, default: []].append(report) }
        }
    }
}

/// Events as they go into the store, and what is to be told about them.
struct PreparedEvents: Sendable {
    var events: [NewEvent]
    /// What goes into the groups that audits write to, by the group's name.
    var reports: [String: [String]] = [:]
    var eventsWithFindings = 0
}

/// Plans that were compiled not long ago, found by the documents that they were made of, so they are never out of date; and the
/// groups that have been found to need one, so that others pay nothing.
final class IngestionPlans: Sendable {
    static let maximumPlans = 256
    static let maximumGroups = 4_096

    struct GroupName: Hashable, Sendable {
        var scope: Scope
        var name: String
    }

    private struct State {
        var plans: [IngestionPolicies: IngestionPlan] = [:]
        var groups: Set<GroupName> = []
    }

    private let state = NIOLockedValueBox(State())

    /// Throws when what the store has can no longer be used.
    func plan(_ policies: IngestionPolicies) throws -> IngestionPlan {
        if let known = state.withLockedValue({ $0.plans[policies] }) { return known }
        let plan = try IngestionPlan(policies)
        state.withLockedValue { state in
            if state.plans.count >= Self.maximumPlans { state.plans = [:] }
            state.plans[policies] = plan
        }
        return plan
    }

    func mayNeedPlan(_ group: GroupName) -> Bool { state.withLockedValue { $0.groups.contains(group) } }

    func note(_ group: GroupName, needsPlan: Bool) {
        state.withLockedValue { state in
            if needsPlan {
                if state.groups.count >= Self.maximumGroups { state.groups = [] }
                state.groups.insert(group)
            } else {
                state.groups.remove(group)
            }
        }
    }
}
