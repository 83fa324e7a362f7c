// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Storage

extension Tag: RowDecodable {
    init(row: inout Row) throws {
        self.init()
        key = try row.text()
        value = try row.text()
    }

    init(_ key: String, _ value: String) {
        self.init()
        self.key = key
        self.value = value
    }
}

extension IAMReading {
    func tags(of ownerID: String) throws -> [Tag] {
        try transaction.rows(
            Tag.self,
            "SELECT tag_key, tag_value FROM iam_tag WHERE owner_id = \(ownerID) ORDER BY key_key"
        )
    }
}

extension IAMWriter {
    /// Adds and replaces. Keys are not distinguished by case. Throws `InvalidInputException`, `LimitExceededException`.
    func put(_ tags: [Tag], on ownerID: String) throws {
        let keys = tags.map { $0.key.lowercased() }
        guard Set(keys).count == keys.count else {
            throw InvalidInputException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
        }
        if keys.contains(where: { $0.hasPrefix("aws:") }) {
            throw InvalidInputException("Caller is not allowed to make any change in system tags.")
        }
        for (key, tag) in zip(keys, tags) {
            try execute(
                """
                INSERT INTO iam_tag (owner_id, key_key, tag_key, tag_value)
                VALUES (\(ownerID), \(key), \(tag.key), \(tag.value))
                ON CONFLICT (owner_id, key_key) DO UPDATE SET tag_key = excluded.tag_key, tag_value = excluded.tag_value
                """
            )
        }
        guard try self.tags(of: ownerID).count <= Quota.tags else {
            throw LimitExceededException("The number of tags has reached the maximum limit.")
        }
    }

    func removeTags(_ keys: [String], from ownerID: String) throws {
        try execute(
            "DELETE FROM iam_tag WHERE owner_id = \(ownerID) AND key_key IN \(list: keys.map { $0.lowercased() })"
        )
    }
}
