// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A destination: a name under which other accounts may subscribe to a stream of this one.
struct StoredDestination: Sendable, RowDecodable {
    static let columns: SQL = "name, target_arn, role_arn, access_policy, created_at"

    let name: String
    let target: String
    let role: String
    let accessPolicy: String?
    let createdAt: Instant

    init(row: inout Row) throws {
        name = try row.text()
        target = try row.text()
        role = try row.text()
        accessPolicy = try row.optionalText()
        createdAt = try row.instant()
    }

    func description(in scope: Scope) -> Destination {
        var destination = Destination()
        destination.destinationName = name
        destination.targetArn = target
        destination.roleArn = role
        destination.accessPolicy = accessPolicy
        destination.arn = scope.arn("logs", "destination:\(name)").description
        destination.creationTime = Int(createdAt.milliseconds)
        return destination
    }
}

extension LogRows {
    private var ofScope: SQL { "account = \(scope.account) AND region = \(scope.region)" }

    func destination(_ name: String) throws -> StoredDestination? {
        try tx.first(
            StoredDestination.self,
            "SELECT \(StoredDestination.columns) FROM logs_destination WHERE \(ofScope) AND name = \(name)"
        )
    }

    /// Goes through them by name until `body` returns false.
    func destinations(behind name: String, prefix: String, _ body: (StoredDestination) throws -> Bool) throws {
        try tx.forEach(
            StoredDestination.self,
            """
            SELECT \(StoredDestination.columns) FROM logs_destination
            WHERE \(ofScope) AND name > \(name) AND name >= \(prefix) ORDER BY name
            """
        ) { destination in
            guard destination.name.utf8.starts(with: prefix.utf8) else { return false }
            return try body(destination)
        }
    }
}

extension LogChanges {
    func setDestination(_ name: String, target: String, role: String, at now: Instant) throws {
        try tx.execute(
            """
            INSERT INTO logs_destination (account, region, name, target_arn, role_arn, created_at)
            VALUES (\(scope.account), \(scope.region), \(name), \(target), \(role), \(now))
            ON CONFLICT (account, region, name) DO UPDATE SET target_arn = excluded.target_arn, role_arn = excluded.role_arn
            """
        )
    }

    func setPolicy(_ policy: String, ofDestination name: String) throws {
        try tx.execute(
            """
            UPDATE logs_destination SET access_policy = \(policy)
            WHERE account = \(scope.account) AND region = \(scope.region) AND name = \(name)
            """
        )
    }

    /// False when there is none.
    func deleteDestination(_ name: String) throws -> Bool {
        try tx.execute(
            "DELETE FROM logs_destination WHERE account = \(scope.account) AND region = \(scope.region) AND name = \(name)"
        ) > 0
    }
}
