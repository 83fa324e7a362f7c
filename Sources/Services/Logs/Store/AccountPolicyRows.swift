// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A policy for all groups of an account and region, or some of them.
struct StoredAccountPolicy: Sendable, RowDecodable {
    static let columns: SQL = "kind, name, document, criteria, updated_at"

    let type: PolicyType
    let name: String
    let document: String
    let criteria: String?
    let updatedAt: Instant
    private let selection: GroupSelection

    init(row: inout Row) throws {
        type = PolicyType(try row.text())
        name = try row.text()
        document = try row.text()
        criteria = try row.optionalText()
        updatedAt = try row.instant()
        // It was read when it was stored: what can no longer be read covers nothing.
        selection = GroupSelection(criteria ?? "") ?? .none
    }

    func covers(_ group: String) -> Bool { selection.covers(group) }

    func description(in scope: Scope) -> AccountPolicy {
        var policy = AccountPolicy()
        policy.policyName = name
        policy.policyDocument = document
        policy.lastUpdatedTime = Int(updatedAt.milliseconds)
        policy.policyType = type
        policy.scope = .all
        policy.selectionCriteria = criteria
        policy.accountId = scope.account.text
        return policy
    }
}

extension LogRows {
    /// By type and name.
    func accountPolicies() throws -> [StoredAccountPolicy] {
        try tx.rows(
            StoredAccountPolicy.self,
            """
            SELECT \(StoredAccountPolicy.columns) FROM logs_account_policy
            WHERE account = \(scope.account) AND region = \(scope.region) ORDER BY kind, name
            """
        )
    }
}

extension LogChanges {
    func setAccountPolicy(
        _ type: PolicyType,
        _ name: String,
        _ document: String,
        _ criteria: String?,
        at now: Instant
    ) throws {
        try tx.execute(
            """
            INSERT INTO logs_account_policy (account, region, kind, name, document, criteria, updated_at)
            VALUES (\(scope.account), \(scope.region), \(type.rawValue), \(name), \(document), \(criteria), \(now))
            ON CONFLICT (account, region, kind, name) DO UPDATE SET document = excluded.document,
                criteria = excluded.criteria, updated_at = excluded.updated_at
            """
        )
        try refreshFeatures()
    }

    /// False when there is none.
    func deleteAccountPolicy(_ type: PolicyType, _ name: String) throws -> Bool {
        let removed = try tx.execute(
            """
            DELETE FROM logs_account_policy WHERE account = \(scope.account) AND region = \(scope.region)
            AND kind = \(type.rawValue) AND name = \(name)
            """
        )
        try refreshFeatures()
        return removed > 0
    }
}
