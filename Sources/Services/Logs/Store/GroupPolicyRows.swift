// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A policy of one group: its transformer, its data protection, its field indexes.
struct StoredGroupPolicy: Sendable, RowDecodable {
    static let columns: SQL = "document, created_at, updated_at"

    let document: String
    let createdAt: Instant
    let updatedAt: Instant

    init(row: inout Row) throws {
        document = try row.text()
        createdAt = try row.instant()
        updatedAt = try row.instant()
    }
}

extension LogRows {
    func policy(_ kind: GroupPolicyKind, ofGroup id: Int) throws -> StoredGroupPolicy? {
        try tx.first(
            StoredGroupPolicy.self,
            """
            SELECT \(StoredGroupPolicy.columns) FROM logs_group_policy
            WHERE group_id = \(id) AND kind = \(kind.rawValue)
            """
        )
    }

    private func policyKinds(ofGroup id: Int) throws -> [GroupPolicyKind] {
        try tx.rows(String.self, "SELECT kind FROM logs_group_policy WHERE group_id = \(id)")
            .compactMap(GroupPolicyKind.init)
    }

    /// The documents that events of a group go through: its own transformer before the account's, all protections together.
    func ingestionPolicies(ofGroup id: Int, named name: String) throws -> IngestionPolicies {
        let account = try accountPolicies().filter { $0.covers(name) }
        var policies = IngestionPolicies()
        policies.transformer =
            try policy(.transformer, ofGroup: id)?.document ?? account.first { $0.type == .transformerPolicy }?.document
        policies.protections = account.filter { $0.type == .dataProtectionPolicy }.map(\.document)
        if let own = try policy(.protection, ofGroup: id)?.document { policies.protections.append(own) }
        return policies
    }

    /// What has to be done with the events of a group, by its own policies and those of the account.
    func features(ofGroup id: Int, named name: String, _ account: [StoredAccountPolicy]) throws -> GroupFeatures {
        var features: GroupFeatures = []
        let own = try policyKinds(ofGroup: id)
        let types = Set(account.filter { $0.covers(name) }.map(\.type))
        if own.contains(.transformer) || types.contains(.transformerPolicy) { features.insert(.transformer) }
        if own.contains(.protection) { features.insert(.ownProtection) }
        if types.contains(.dataProtectionPolicy) { features.insert(.accountProtection) }
        if own.contains(.protection) || types.contains(.dataProtectionPolicy) { features.insert(.protection) }
        if types.contains(.subscriptionFilterPolicy) { features.insert(.accountSubscription) }
        return features
    }
}

extension LogChanges {
    func setPolicy(_ kind: GroupPolicyKind, _ document: String, of group: StoredGroup, at now: Instant) throws {
        try tx.execute(
            """
            INSERT INTO logs_group_policy (group_id, kind, document, created_at, updated_at)
            VALUES (\(group.id), \(kind.rawValue), \(document), \(now), \(now))
            ON CONFLICT (group_id, kind) DO UPDATE SET document = excluded.document, updated_at = excluded.updated_at
            """
        )
        try refreshFeatures(ofGroup: group.id, named: group.name)
    }

    /// False when there is none.
    func deletePolicy(_ kind: GroupPolicyKind, of group: StoredGroup) throws -> Bool {
        let removed = try tx.execute(
            "DELETE FROM logs_group_policy WHERE group_id = \(group.id) AND kind = \(kind.rawValue)"
        )
        try refreshFeatures(ofGroup: group.id, named: group.name)
        return removed > 0
    }

    func refreshFeatures(ofGroup id: Int, named name: String) throws {
        let features = try rows.features(ofGroup: id, named: name, rows.accountPolicies())
        try tx.execute("UPDATE logs_group SET features = \(features.rawValue) WHERE id = \(id)")
    }

    /// After a policy of the account has changed. A transaction that takes as long as there are groups.
    func refreshFeatures() throws {
        let account = try rows.accountPolicies()
        var changed: [(id: Int, features: GroupFeatures)] = []
        try rows.groups(behind: "", prefix: "") { group in
            let features = try rows.features(ofGroup: group.id, named: group.name, account)
            if features != group.features { changed.append((group.id, features)) }
            return true
        }
        for (id, features) in changed {
            try tx.execute("UPDATE logs_group SET features = \(features.rawValue) WHERE id = \(id)")
        }
    }
}
