// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension LambdaReading {
    func alias(_ alias: String, of name: String, in scope: Scope) throws -> AliasRecord? {
        try tx.first(
            AliasRecord.self,
            """
            SELECT \(AliasRecord.columns) FROM lambda_alias
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name) AND name = \(alias)
            """
        )
    }

    /// By name; only those that point to `version`, when given.
    func aliases(
        of name: String,
        in scope: Scope,
        to version: VersionNumber?,
        after alias: String,
        limit: Int
    ) throws -> [AliasRecord] {
        let pointing: SQL = version.map { "AND (version = \($0.number) OR other_version = \($0.number))" } ?? ""
        return try tx.rows(
            AliasRecord.self,
            """
            SELECT \(AliasRecord.columns) FROM lambda_alias
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name) AND name > \(alias)
                \(pointing)
            ORDER BY name LIMIT \(limit)
            """
        )
    }
}

extension LambdaWrite {
    /// Adds or replaces.
    func save(_ alias: AliasRecord) throws {
        try delete(alias: alias.name, of: alias.functionName, in: alias.scope)
        try writer.execute(
            """
            INSERT INTO lambda_alias (\(AliasRecord.columns)) VALUES (
                \(alias.scope.account), \(alias.scope.region), \(alias.functionName), \(alias.name), \(alias.version.number),
                \(alias.description), \(alias.routing?.version.number), \(alias.routing?.weight ?? 0), \(alias.revisionID))
            """
        )
    }

    func delete(alias: String, of name: String, in scope: Scope) throws {
        try writer.execute(
            """
            DELETE FROM lambda_alias
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name) AND name = \(alias)
            """
        )
    }
}
