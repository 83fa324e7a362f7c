// SPDX-License-Identifier: Apache-2.0
package import MartletCore
import NIOConcurrencyHelpers
package import Storage

/// IAM's truth. Every operation is one transaction over one account, in IAM's words; the engine behind is `Database`'s affair.
package struct IAMStore: Sendable {
    let database: any Database
    /// Counts this node's changes, so that what was derived from the store is thrown away as soon as it is stale.
    private let changes = NIOLockedValueBox<UInt64>(0)
    var changeCount: UInt64 { changes.withLockedValue { $0 } }

    package init(_ database: any Database) { self.database = database }

    /// Makes or updates the tables. Before anything else.
    package func migrate() async throws { try await database.migrate(IAMSchema.migrations, of: "iam") }

    func read<T: Sendable>(_ account: AccountID, _ body: @escaping @Sendable (IAMReader) throws -> T) async throws -> T
    {
        try await database.read { try body(IAMReader(transaction: $0, account: account)) }
    }

    func write<T: Sendable>(_ account: AccountID, _ body: @escaping @Sendable (IAMWriter) throws -> T) async throws -> T
    {
        let result = try await database.write { try body(IAMWriter(writeTransaction: $0, account: account)) }
        changes.withLockedValue { $0 &+= 1 }
        return result
    }

    /// Forgets everything, or one account.
    package func reset(_ account: AccountID?) async throws {
        try await database.write { tx in
            let owned: SQL =
                account.map { "SELECT id FROM iam_identity WHERE account = \($0)" } ?? "SELECT id FROM iam_identity"
            let policies: SQL =
                account.map { "SELECT id FROM iam_policy WHERE account = \($0)" } ?? "SELECT id FROM iam_policy"
            try tx.execute("DELETE FROM iam_inline_policy WHERE identity_id IN (\(owned))")
            try tx.execute("DELETE FROM iam_membership WHERE container_id IN (\(owned))")
            try tx.execute("DELETE FROM iam_tag WHERE owner_id IN (\(owned)) OR owner_id IN (\(policies))")
            try tx.execute("DELETE FROM iam_policy_version WHERE policy_id IN (\(policies))")
            for table: SQL in ["iam_attachment", "iam_identity", "iam_policy", "iam_account_alias"] {
                try tx.execute(account.map { "DELETE FROM \(table) WHERE account = \($0)" } ?? "DELETE FROM \(table)")
            }
            // The root's keys stay: without them nobody could come in again.
            let keys: SQL = "DELETE FROM iam_access_key WHERE user_id IS NOT NULL"
            try tx.execute(account.map { "\(keys) AND account = \($0)" } ?? keys)
        }
        changes.withLockedValue { $0 &+= 1 }
    }
}

/// Reading one account within a transaction.
protocol IAMReading {
    var transaction: any ReadTransaction { get }
    var account: AccountID { get }
}

struct IAMReader: IAMReading {
    let transaction: any ReadTransaction
    let account: AccountID
}

/// Reading and changing one account within a transaction.
struct IAMWriter: IAMReading {
    let writeTransaction: any WriteTransaction
    let account: AccountID
    var transaction: any ReadTransaction { writeTransaction }

    @discardableResult
    func execute(_ sql: SQL) throws -> Int { try writeTransaction.execute(sql) }
}
