// SPDX-License-Identifier: Apache-2.0
import Storage

struct StoredTag: Sendable, RowDecodable {
    let key: String
    let value: String

    init(row: inout Row) throws {
        key = try row.text()
        value = try row.text()
    }
}

extension LogRows {
    func tags(ofGroup id: Int) throws -> [String: String] {
        let tags = try tx.rows(StoredTag.self, "SELECT tag_key, tag_value FROM logs_tag WHERE group_id = \(id)")
        return Dictionary(tags.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
    }
}

extension LogChanges {
    func setTag(_ key: String, _ value: String, ofGroup id: Int) throws {
        try tx.execute(
            """
            INSERT INTO logs_tag (group_id, tag_key, tag_value) VALUES (\(id), \(key), \(value))
            ON CONFLICT (group_id, tag_key) DO UPDATE SET tag_value = excluded.tag_value
            """
        )
    }

    func removeTag(_ key: String, ofGroup id: Int) throws {
        try tx.execute("DELETE FROM logs_tag WHERE group_id = \(id) AND tag_key = \(key)")
    }
}
