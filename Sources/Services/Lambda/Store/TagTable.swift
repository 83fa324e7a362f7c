// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

private struct TagRow: RowDecodable {
    var key: String
    var value: String

    init(row: inout Row) throws { (key, value) = (try row.text(), try row.text()) }
}

extension LambdaReading {
    func tags(of name: String, in scope: Scope) throws -> [String: String] {
        let rows = try tx.rows(
            TagRow.self,
            """
            SELECT tag_key, tag_value FROM lambda_tag
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
            """
        )
        return Dictionary(rows.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }
}

extension LambdaWrite {
    /// Adds tags and replaces those of the same key.
    func addTags(_ tags: [String: String], to name: String, in scope: Scope) throws {
        try removeTags(Array(tags.keys), from: name, in: scope)
        for (key, value) in tags {
            try writer.execute(
                """
                INSERT INTO lambda_tag (account, region, function_name, tag_key, tag_value)
                VALUES (\(scope.account), \(scope.region), \(name), \(key), \(value))
                """
            )
        }
    }

    func removeTags(_ keys: [String], from name: String, in scope: Scope) throws {
        try writer.execute(
            """
            DELETE FROM lambda_tag
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name) AND tag_key IN \(list: keys)
            """
        )
    }
}
