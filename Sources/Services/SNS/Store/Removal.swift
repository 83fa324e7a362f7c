// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension SNSChanges {
    /// Returns how many rows are gone; `limit` of a kind at most.
    func removeExpired(at now: Instant, limit: Int) throws -> Int {
        var removed = try tx.execute(
            """
            DELETE FROM sns_subscription WHERE id IN (SELECT id FROM sns_subscription
                WHERE is_pending = 1 AND token_expires_at <= \(now) ORDER BY token_expires_at LIMIT \(limit))
            """
        )
        removed += try tx.execute(
            """
            DELETE FROM sns_ended_subscription WHERE token_hash IN (
                SELECT token_hash FROM sns_ended_subscription WHERE expires_at <= \(now) LIMIT \(limit))
            """
        )
        removed += try tx.execute(
            """
            DELETE FROM sns_deduplication WHERE (topic_id, scope, deduplication_id) IN (
                SELECT topic_id, scope, deduplication_id FROM sns_deduplication WHERE expires_at <= \(now) LIMIT \(limit))
            """
        )
        // Deliveries that still wait keep theirs.
        removed += try tx.execute(
            """
            DELETE FROM sns_message WHERE id IN (SELECT id FROM sns_message
                WHERE archived_until <= \(now) AND deliveries <= 0 LIMIT \(limit))
            """
        )
        return removed
    }
}

extension SNSStore {
    private static let tables: [SQL] = [
        "sns_topic", "sns_subscription", "sns_ended_subscription", "sns_message", "sns_replay", "sns_application",
        "sns_endpoint", "sns_sms_account", "sns_opted_out", "sns_sandbox_number",
    ]

    /// Removes everything of one account, or of all. The signing key stays.
    func removeAll(of account: AccountID?) async throws {
        try await database.write { tx in
            let ofAccount: SQL = account.map { "WHERE account = \($0)" } ?? ""
            let ofTopics: SQL =
                account.map { "WHERE topic_id IN (SELECT id FROM sns_topic WHERE account = \($0))" } ?? ""
            try tx.execute("DELETE FROM sns_deduplication \(ofTopics)")
            for table in Self.tables { try tx.execute("DELETE FROM \(table) \(ofAccount)") }
            if let account { try tx.execute("DELETE FROM sns_subscription WHERE owner = \(account)") }
        }
    }
}
