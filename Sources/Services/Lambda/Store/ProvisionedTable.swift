// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension ProvisionedConcurrency: RowDecodable {
    static let columns: SQL = "account, region, function_name, qualifier, requested, last_modified"

    init(row: inout Row) throws {
        self.init(
            scope: try row.scope(),
            functionName: try row.text(),
            qualifier: try row.text(),
            requested: try row.integer(),
            lastModified: try row.instant()
        )
    }
}

extension LambdaReading {
    func provisioned(of name: String, qualifier: String, in scope: Scope) throws -> ProvisionedConcurrency? {
        try tx.first(
            ProvisionedConcurrency.self,
            """
            SELECT \(ProvisionedConcurrency.columns) FROM lambda_provisioned
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
                AND qualifier = \(qualifier)
            """
        )
    }

    func provisioned(
        of name: String,
        in scope: Scope,
        after qualifier: String,
        limit: Int
    ) throws -> [ProvisionedConcurrency] {
        try tx.rows(
            ProvisionedConcurrency.self,
            """
            SELECT \(ProvisionedConcurrency.columns) FROM lambda_provisioned
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
                AND qualifier > \(qualifier)
            ORDER BY qualifier LIMIT \(limit)
            """
        )
    }

    /// All of the store, with the versions that they come down to.
    func provisionedTargets() throws -> [ProvisionedTarget] {
        try tx.rows(
            ProvisionedConcurrency.self,
            "SELECT \(ProvisionedConcurrency.columns) FROM lambda_provisioned ORDER BY last_modified, function_name"
        ).map { configuration in
            let (name, scope) = (configuration.functionName, configuration.scope)
            return ProvisionedTarget(configuration, alias: try alias(configuration.qualifier, of: name, in: scope))
        }
    }

    /// What the function's configurations request together.
    func provisionedTotal(of name: String, in scope: Scope) throws -> Int {
        try tx.rows(
            ProvisionedConcurrency.self,
            """
            SELECT \(ProvisionedConcurrency.columns) FROM lambda_provisioned
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
            """
        ).reduce(0) { $0 + $1.requested }
    }

    func claimedConcurrency(in scope: Scope) throws -> ClaimedConcurrency {
        let provisioned = try tx.count(
            """
            SELECT CAST(COALESCE(SUM(configuration.requested), 0) AS BIGINT)
            FROM lambda_provisioned AS configuration JOIN lambda_function AS owner
                ON owner.account = configuration.account AND owner.region = configuration.region
                    AND owner.name = configuration.function_name
            WHERE configuration.account = \(scope.account) AND configuration.region = \(scope.region)
                AND owner.reserved_concurrency IS NULL
            """
        )
        return ClaimedConcurrency(reserved: try reservedConcurrency(in: scope), provisioned: provisioned)
    }
}

extension LambdaWrite {
    /// Adds or replaces.
    func save(_ configuration: ProvisionedConcurrency) throws {
        try deleteProvisioned(configuration.key)
        try writer.execute(
            """
            INSERT INTO lambda_provisioned (\(ProvisionedConcurrency.columns)) VALUES (
                \(configuration.scope.account), \(configuration.scope.region), \(configuration.functionName),
                \(configuration.qualifier), \(configuration.requested), \(configuration.lastModified))
            """
        )
    }

    func deleteProvisioned(_ key: ProvisionedConcurrency.Key) throws {
        try writer.execute(
            """
            DELETE FROM lambda_provisioned
            WHERE account = \(key.scope.account) AND region = \(key.scope.region)
                AND function_name = \(key.functionName) AND qualifier = \(key.qualifier)
            """
        )
    }
}
