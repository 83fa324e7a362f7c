// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// A policy that lets other services write into groups of the account.
struct StoredResourcePolicy: Sendable, RowDecodable {
    static let columns: SQL = "name, document, updated_at"

    let name: String
    let document: String
    let updatedAt: Instant

    init(row: inout Row) throws {
        name = try row.text()
        document = try row.text()
        updatedAt = try row.instant()
    }

    var description: ResourcePolicy {
        var policy = ResourcePolicy()
        policy.policyName = name
        policy.policyDocument = document
        policy.lastUpdatedTime = Int(updatedAt.milliseconds)
        policy.policyScope = .account
        return policy
    }
}

extension LogRows {
    /// By name.
    func resourcePolicies() throws -> [StoredResourcePolicy] {
        try tx.rows(
            StoredResourcePolicy.self,
            """
            SELECT \(StoredResourcePolicy.columns) FROM logs_resource_policy
            WHERE account = \(scope.account) AND region = \(scope.region) ORDER BY name
            """
        )
    }
}

extension LogChanges {
    func setResourcePolicy(_ name: String, _ document: String, at now: Instant) throws {
        try tx.execute(
            """
            INSERT INTO logs_resource_policy (account, region, name, document, updated_at)
            VALUES (\(scope.account), \(scope.region), \(name), \(document), \(now))
            ON CONFLICT (account, region, name) DO UPDATE SET document = excluded.document, updated_at = excluded.updated_at
            """
        )
    }

    /// False when there is none.
    func deleteResourcePolicy(_ name: String) throws -> Bool {
        try tx.execute(
            """
            DELETE FROM logs_resource_policy
            WHERE account = \(scope.account) AND region = \(scope.region) AND name = \(name)
            """
        ) > 0
    }
}
