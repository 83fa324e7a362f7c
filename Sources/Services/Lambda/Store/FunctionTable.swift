// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension LambdaReading {
    func function(_ name: String, in scope: Scope) throws -> FunctionRecord? {
        try tx.first(
            FunctionRecord.self,
            """
            SELECT \(FunctionRecord.columns) FROM lambda_function
            WHERE account = \(scope.account) AND region = \(scope.region) AND name = \(name)
            """
        )
    }

    /// Of all accounts, the latest changed first.
    func latestFunctions(limit: Int) throws -> [(name: String, scope: Scope)] {
        try tx.rows(
            NamedFunction.self,
            """
            SELECT account, region, function_name FROM lambda_version WHERE version = 0
            ORDER BY last_modified DESC, function_name LIMIT \(limit)
            """
        ).map { ($0.name, $0.scope) }
    }

    /// Counts every change of a function that an invocation could see; 0 when there is no such function.
    func changeCount(of name: String, in scope: Scope) throws -> Int {
        try tx.count(
            """
            SELECT revision FROM lambda_function
            WHERE account = \(scope.account) AND region = \(scope.region) AND name = \(name)
            """
        )
    }

    func usage(in scope: Scope) throws -> AccountUse {
        let code = try tx.count(
            """
            SELECT CAST(COALESCE(SUM(code_size), 0) AS BIGINT) FROM (
                SELECT code_size FROM lambda_version WHERE account = \(scope.account) AND region = \(scope.region)
                UNION ALL
                SELECT code_size FROM lambda_layer_version WHERE account = \(scope.account) AND region = \(scope.region)) AS sizes
            """
        )
        let functions = try tx.count(
            "SELECT COUNT(*) FROM lambda_function WHERE account = \(scope.account) AND region = \(scope.region)"
        )
        return AccountUse(
            codeBytes: code,
            functions: functions,
            reservedConcurrency: try reservedConcurrency(in: scope)
        )
    }

    func reservedConcurrency(in scope: Scope) throws -> Int {
        try tx.count(
            """
            SELECT CAST(COALESCE(SUM(reserved_concurrency), 0) AS BIGINT) FROM lambda_function
            WHERE account = \(scope.account) AND region = \(scope.region)
            """
        )
    }
}

private struct NamedFunction: RowDecodable {
    var scope: Scope
    var name: String

    init(row: inout Row) throws { (scope, name) = (try row.scope(), try row.text()) }
}

/// What one account uses in one region.
struct AccountUse: Sendable, Equatable {
    var codeBytes: Int
    var functions: Int
    var reservedConcurrency: Int
}

extension LambdaWrite {
    /// Throws `StorageError.unique` when the name is taken.
    func insert(_ function: FunctionRecord) throws {
        try writer.execute(
            """
            INSERT INTO lambda_function (\(FunctionRecord.columns), revision)
            VALUES (\(function.scope.account), \(function.scope.region), \(function.name), \(function.lastVersion),
                    \(function.reservedConcurrency), \(function.recursiveLoop), 1)
            """
        )
    }

    func update(_ function: FunctionRecord) throws {
        try writer.execute(
            """
            UPDATE lambda_function SET last_version = \(function.lastVersion),
                reserved_concurrency = \(function.reservedConcurrency), recursive_loop = \(function.recursiveLoop)
            WHERE account = \(function.scope.account) AND region = \(function.scope.region) AND name = \(function.name)
            """
        )
    }

    /// Tells the caches of all nodes that what they know of the function may be old.
    func countChange(of name: String, in scope: Scope) throws {
        try writer.execute(
            """
            UPDATE lambda_function SET revision = revision + 1
            WHERE account = \(scope.account) AND region = \(scope.region) AND name = \(name)
            """
        )
    }

    /// With its versions, aliases, tags, policies and settings.
    func delete(_ function: FunctionRecord) throws {
        let (scope, name) = (function.scope, function.name)
        let ofFunction: SQL = "account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)"
        try writer.execute("DELETE FROM lambda_version WHERE \(ofFunction)")
        try writer.execute("DELETE FROM lambda_transition WHERE \(ofFunction)")
        try writer.execute("DELETE FROM lambda_alias WHERE \(ofFunction)")
        try writer.execute("DELETE FROM lambda_tag WHERE \(ofFunction)")
        try writer.execute("DELETE FROM lambda_event_config WHERE \(ofFunction)")
        try writer.execute("DELETE FROM lambda_url WHERE \(ofFunction)")
        try writer.execute("DELETE FROM lambda_provisioned WHERE \(ofFunction)")
        try deletePolicies(of: .function(name), in: scope)
        try writer.execute(
            "DELETE FROM lambda_function WHERE account = \(scope.account) AND region = \(scope.region) AND name = \(name)"
        )
    }
}
