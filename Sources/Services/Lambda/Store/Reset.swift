// SPDX-License-Identifier: Apache-2.0
package import MartletCore
import Storage

extension LambdaControlPlane {
    /// Everything of the account, or of all accounts: for tests, in `open` mode. Files that nobody uses any more follow.
    package func reset(account: AccountID?) async throws {
        let functions = try await store.write { try $0.deleteEverything(of: account) }
        mappingChanges.stopAll()
        for function in functions { changes.forget(function.name, in: function.scope) }
    }
}

extension LambdaWrite {
    private static let tables: [SQL] = [
        "lambda_version", "lambda_transition", "lambda_alias", "lambda_tag", "lambda_statement", "lambda_event_config",
        "lambda_url", "lambda_provisioned", "lambda_layer", "lambda_layer_version", "lambda_function", "lambda_mapping",
        "lambda_mapping_tag",
    ]

    /// Returns the functions that were there.
    fileprivate func deleteEverything(of account: AccountID?) throws -> [FunctionRecord] {
        let ofAccount: SQL = account.map { "WHERE account = \($0)" } ?? ""
        let functions = try tx.rows(
            FunctionRecord.self,
            "SELECT \(FunctionRecord.columns) FROM lambda_function \(ofAccount)"
        )
        for table in Self.tables { try writer.execute("DELETE FROM \(table) \(ofAccount)") }
        return functions
    }
}
