// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

private struct StatementRow: RowDecodable {
    static let columns: SQL = """
        statement_id, action, principal, source_arn, source_account, organization_id, event_source_token, url_auth_type, via_url
        """

    var statement: PolicyStatement

    init(row: inout Row) throws {
        let (id, action, principal) = (try row.text(), try row.text(), try row.text())
        guard let principal = PolicyPrincipal(principal, partition: "aws") else { throw Row.damaged("a principal") }
        statement = PolicyStatement(
            id: id,
            action: action,
            principal: principal,
            conditions: .init(
                sourceARN: try row.optionalText(),
                sourceAccount: try row.optionalText(),
                organizationID: try row.optionalText(),
                eventSourceToken: try row.optionalText(),
                urlAuthType: try row.optionalText(),
                isViaURL: try row.optionalInteger().map { $0 != 0 }
            )
        )
    }
}

extension LambdaReading {
    /// In the order in which they were added.
    func statements(of holder: PolicyHolder, qualifier: String, in scope: Scope) throws -> [PolicyStatement] {
        try tx.rows(
            StatementRow.self,
            """
            SELECT \(StatementRow.columns) FROM lambda_statement
            WHERE account = \(scope.account) AND region = \(scope.region) AND resource = \(holder.key)
                AND qualifier = \(qualifier)
            ORDER BY position
            """
        ).map(\.statement)
    }
}

extension LambdaWrite {
    func insert(
        _ statement: PolicyStatement,
        position: Int,
        into holder: PolicyHolder,
        qualifier: String,
        in scope: Scope
    ) throws {
        let conditions = statement.conditions
        try writer.execute(
            """
            INSERT INTO lambda_statement (account, region, resource, qualifier, position, \(StatementRow.columns)) VALUES (
                \(scope.account), \(scope.region), \(holder.key), \(qualifier), \(position),
                \(statement.id), \(statement.action), \(statement.principal.text), \(conditions.sourceARN),
                \(conditions.sourceAccount), \(conditions.organizationID), \(conditions.eventSourceToken),
                \(conditions.urlAuthType), \(conditions.isViaURL))
            """
        )
    }

    /// The place behind the last statement.
    func nextPosition(in holder: PolicyHolder, qualifier: String, in scope: Scope) throws -> Int {
        try tx.count(
            """
            SELECT COALESCE(MAX(position), 0) + 1 FROM lambda_statement
            WHERE account = \(scope.account) AND region = \(scope.region) AND resource = \(holder.key)
                AND qualifier = \(qualifier)
            """
        )
    }

    func deleteStatement(_ id: String, of holder: PolicyHolder, qualifier: String, in scope: Scope) throws {
        try writer.execute(
            """
            DELETE FROM lambda_statement
            WHERE account = \(scope.account) AND region = \(scope.region) AND resource = \(holder.key)
                AND qualifier = \(qualifier) AND statement_id = \(id)
            """
        )
    }

    func deletePolicies(of holder: PolicyHolder, qualifier: String? = nil, in scope: Scope) throws {
        let ofQualifier: SQL = qualifier.map { "AND qualifier = \($0)" } ?? ""
        try writer.execute(
            """
            DELETE FROM lambda_statement
            WHERE account = \(scope.account) AND region = \(scope.region) AND resource = \(holder.key) \(ofQualifier)
            """
        )
    }
}
