// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

extension LogRows {
    func group(_ name: String) throws -> StoredGroup? {
        try tx.first(
            StoredGroup.self,
            """
            SELECT \(StoredGroup.columns) FROM logs_group
            WHERE account = \(scope.account) AND region = \(scope.region) AND name = \(name)
            """
        )
    }

    /// Throws `ResourceNotFoundException`.
    func requireGroup(_ name: String) throws -> StoredGroup {
        guard let group = try group(name) else {
            throw ResourceNotFoundException("The specified log group does not exist.")
        }
        return group
    }

    /// A group of this scope by its number.
    func group(numbered id: Int) throws -> StoredGroup? {
        try tx.first(
            StoredGroup.self,
            """
            SELECT \(StoredGroup.columns) FROM logs_group
            WHERE id = \(id) AND account = \(scope.account) AND region = \(scope.region)
            """
        )
    }

    /// Goes through the groups behind `name` in their order, until `body` returns false.
    func groups(behind name: String, prefix: String, _ body: (StoredGroup) throws -> Bool) throws {
        // A prefix is where to begin; where it ends is seen by the first name that has it no more.
        try tx.forEach(
            StoredGroup.self,
            """
            SELECT \(StoredGroup.columns) FROM logs_group
            WHERE account = \(scope.account) AND region = \(scope.region) AND name > \(name) AND name >= \(prefix) ORDER BY name
            """
        ) { group in
            guard group.name.utf8.starts(with: prefix.utf8) else { return false }
            return try body(group)
        }
    }
}

extension LogChanges {
    /// Throws `ResourceAlreadyExistsException`.
    func createGroup(
        _ name: String,
        groupClass: LogGroupClass = .standard,
        retentionDays: Int? = nil,
        isProtected: Bool = false,
        tags: [String: String] = [:],
        at now: Instant
    ) throws {
        guard try rows.group(name) == nil else {
            throw ResourceAlreadyExistsException("The specified log group already exists")
        }
        let id = try insertGroup(name, groupClass, retentionDays, isProtected, now)
        for (key, value) in tags { try setTag(key, value, ofGroup: id) }
        let account = try rows.accountPolicies()
        if !account.isEmpty { try refreshFeatures(ofGroup: id, named: name) }
    }

    private func insertGroup(
        _ name: String,
        _ groupClass: LogGroupClass,
        _ retentionDays: Int?,
        _ isProtected: Bool,
        _ now: Instant
    ) throws -> Int {
        let id = try tx.first(
            Int.self,
            """
            INSERT INTO logs_group (account, region, name, class, created_at, retention_days, is_protected)
            VALUES (\(scope.account), \(scope.region), \(name), \(groupClass.rawValue), \(now), \(retentionDays), \(isProtected))
            RETURNING id
            """
        )
        guard let id else { throw MartletError("logs.store", "a new log group has got no number") }
        return id
    }

    /// The group is gone at once, its streams and events are removed by and by.
    func deleteGroup(_ group: StoredGroup) throws {
        for table: SQL in ["logs_tag", "logs_subscription", "logs_metric_filter", "logs_group_policy"] {
            try tx.execute("DELETE FROM \(table) WHERE group_id = \(group.id)")
        }
        try tx.execute("DELETE FROM logs_group WHERE id = \(group.id)")
        try tx.execute("INSERT INTO logs_garbage (account, group_id) VALUES (\(scope.account), \(group.id))")
    }

    func setRetention(days: Int?, of group: StoredGroup) throws {
        try tx.execute("UPDATE logs_group SET retention_days = \(days) WHERE id = \(group.id)")
    }

    func setProtection(_ isProtected: Bool, of group: StoredGroup) throws {
        try tx.execute("UPDATE logs_group SET is_protected = \(isProtected) WHERE id = \(group.id)")
    }

    func addStoredBytes(_ bytes: Int, toGroup id: Int) throws {
        try tx.execute("UPDATE logs_group SET stored_bytes = stored_bytes + \(bytes) WHERE id = \(id)")
    }
}
