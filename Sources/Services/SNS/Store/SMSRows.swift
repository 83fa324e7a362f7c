// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

struct SandboxNumber: Sendable, RowDecodable {
    static let columns: SQL = "number, is_verified, code_hash, code_expires_at, tries"

    let number: String
    var isVerified: Bool
    var codeHash: String?
    var codeExpiresAt: Instant?
    var tries: Int

    init(row: inout Row) throws {
        number = try row.text()
        isVerified = try row.bool()
        codeHash = try row.optionalText()
        codeExpiresAt = try row.optionalInstant()
        tries = try row.integer()
    }
}

extension Scope {
    fileprivate var condition: SQL { "account = \(account) AND region = \(region)" }
}

extension SNSRows {
    func smsAttributes(of scope: Scope) throws -> [String: String] {
        let text = try tx.first(String.self, "SELECT attributes FROM sns_sms_account WHERE \(scope.condition)")
        return try text.map(StringMap.parse) ?? [:]
    }

    func isOptedOut(_ number: String, in scope: Scope) throws -> Bool {
        try tx.count("SELECT COUNT(*) FROM sns_opted_out WHERE \(scope.condition) AND number = \(number)") > 0
    }

    func optedOut(in scope: Scope, beyond last: String, limit: Int) throws -> [String] {
        try tx.rows(
            String.self,
            """
            SELECT number FROM sns_opted_out WHERE \(scope.condition) AND number > \(last) ORDER BY number LIMIT \(limit)
            """
        )
    }

    func sandboxNumber(_ number: String, in scope: Scope) throws -> SandboxNumber? {
        try tx.first(
            SandboxNumber.self,
            """
            SELECT \(SandboxNumber.columns) FROM sns_sandbox_number WHERE \(scope.condition) AND number = \(number)
            """
        )
    }

    func sandboxNumbers(in scope: Scope, beyond last: String, limit: Int) throws -> [SandboxNumber] {
        try tx.rows(
            SandboxNumber.self,
            """
            SELECT \(SandboxNumber.columns) FROM sns_sandbox_number WHERE \(scope.condition) AND number > \(last)
            ORDER BY number LIMIT \(limit)
            """
        )
    }
}

extension SNSChanges {
    func setSMSAttributes(_ attributes: [String: String], of scope: Scope) throws {
        try tx.execute(
            """
            INSERT INTO sns_sms_account (account, region, attributes)
            VALUES (\(scope.account), \(scope.region), \(StringMap.text(attributes)))
            ON CONFLICT (account, region) DO UPDATE SET attributes = excluded.attributes
            """
        )
    }

    func optOut(_ number: String, in scope: Scope) throws {
        try tx.execute(
            """
            INSERT INTO sns_opted_out (account, region, number) VALUES (\(scope.account), \(scope.region), \(number))
            ON CONFLICT (account, region, number) DO NOTHING
            """
        )
    }

    func optIn(_ number: String, in scope: Scope) throws {
        try tx.execute("DELETE FROM sns_opted_out WHERE \(scope.condition) AND number = \(number)")
    }

    /// A number that is verified stays so.
    func putSandboxNumber(_ number: String, code: String, until expiry: Instant, in scope: Scope) throws {
        try tx.execute(
            """
            INSERT INTO sns_sandbox_number (account, region, number, is_verified, code_hash, code_expires_at, tries)
            VALUES (\(scope.account), \(scope.region), \(number), 0, \(SecretHash.of(code)), \(expiry), 0)
            ON CONFLICT (account, region, number) DO UPDATE SET code_hash = excluded.code_hash,
                code_expires_at = excluded.code_expires_at, tries = 0
            """
        )
    }

    func update(_ number: SandboxNumber, in scope: Scope) throws {
        try tx.execute(
            """
            UPDATE sns_sandbox_number SET is_verified = \(number.isVerified), code_hash = \(number.codeHash),
                code_expires_at = \(number.codeExpiresAt), tries = \(number.tries)
            WHERE \(scope.condition) AND number = \(number.number)
            """
        )
    }

    /// Returns whether it was there.
    func deleteSandboxNumber(_ number: String, in scope: Scope) throws -> Bool {
        try tx.execute("DELETE FROM sns_sandbox_number WHERE \(scope.condition) AND number = \(number)") > 0
    }
}
