// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// Tags of resources that are not groups, by the last part of their ARN: `lookup-table:users`.
extension LogRows {
    private var ofScope: SQL { "account = \(scope.account) AND region = \(scope.region)" }

    func tags(ofResource resource: String) throws -> [String: String] {
        let tags = try tx.rows(
            StoredTag.self,
            "SELECT tag_key, tag_value FROM logs_resource_tag WHERE \(ofScope) AND resource = \(resource)"
        )
        return Dictionary(tags.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
    }
}

extension LogChanges {
    func setTag(_ key: String, _ value: String, ofResource resource: String) throws {
        try tx.execute(
            """
            INSERT INTO logs_resource_tag (account, region, resource, tag_key, tag_value)
            VALUES (\(scope.account), \(scope.region), \(resource), \(key), \(value))
            ON CONFLICT (account, region, resource, tag_key) DO UPDATE SET tag_value = excluded.tag_value
            """
        )
    }

    func removeTag(_ key: String, ofResource resource: String) throws {
        try tx.execute(
            """
            DELETE FROM logs_resource_tag WHERE account = \(scope.account) AND region = \(scope.region)
                AND resource = \(resource) AND tag_key = \(key)
            """
        )
    }

    func removeTags(ofResource resource: String) throws {
        try tx.execute(
            """
            DELETE FROM logs_resource_tag
            WHERE account = \(scope.account) AND region = \(scope.region) AND resource = \(resource)
            """
        )
    }
}
