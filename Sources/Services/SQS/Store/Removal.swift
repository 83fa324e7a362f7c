// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension SQSStore {
    /// What one transaction removes at most, so that another writer never waits for long.
    static let rowsPerStep = 1_000

    /// Removes some rows of piles that no queue has. Returns whether there may be more.
    func removeGarbage() async throws -> Bool {
        try await write { queues in
            let tx = queues.tx
            guard let pile = try tx.first(Int.self, "SELECT id FROM sqs_pile WHERE is_garbage = 1 ORDER BY id LIMIT 1")
            else { return false }
            let messages = try tx.execute(
                """
                DELETE FROM sqs_message WHERE sequence IN
                    (SELECT sequence FROM sqs_message WHERE pile_id = \(pile) LIMIT \(Self.rowsPerStep))
                """
            )
            if messages > 0 { return true }
            let groups = try tx.execute(
                """
                DELETE FROM sqs_group WHERE pile_id = \(pile) AND lane IN
                    (SELECT lane FROM sqs_group WHERE pile_id = \(pile) LIMIT \(Self.rowsPerStep))
                """
            )
            if groups == 0 { try tx.execute("DELETE FROM sqs_pile WHERE id = \(pile)") }
            return true
        }
    }

    /// Looks at a page of queues behind `id`. Returns those that hold expired messages, and the last queue looked at; nil at
    /// the end.
    func expiringQueues(behind id: Int, at now: Instant) async throws -> (queues: [QueueAddress], last: Int)? {
        try await read { queues in
            let page = try queues.tx.rows(
                QueuePageRow.self,
                "SELECT id, account, region, name FROM sqs_queue WHERE id > \(id) ORDER BY id LIMIT 500"
            )
            guard let last = page.last?.id else { return nil }
            return (try page.compactMap(\.address).filter { try queues.hasExpired($0, at: now) }, last)
        }
    }

    /// Removes some of the queue's messages that have expired. Returns whether there may be more.
    func removeExpired(_ address: QueueAddress, at now: Instant) async throws -> Bool {
        try await write { queues in
            guard let queue = try queues.rows.queue(address) else { return false }
            let horizon = now - queue.settings.retention
            let lanes = try queues.tx.rows(
                RemovedRow.self,
                """
                DELETE FROM sqs_message WHERE sequence IN
                    (SELECT sequence FROM sqs_message WHERE pile_id = \(queue.pileID) AND sent_at <= \(horizon)
                     ORDER BY sent_at LIMIT \(Self.rowsPerStep))
                RETURNING lane
                """
            )
            for lane in Set(lanes.compactMap(\.lane)) { try queues.refreshGroup(lane, of: queue.pileID) }
            return lanes.count == Self.rowsPerStep
        }
    }

    /// Removes some of what is remembered for a time only. Returns whether there may be more.
    func removeForgotten(at now: Instant, nameRest: Duration) async throws -> Bool {
        try await write { queues in
            let limit = Self.rowsPerStep
            let removed = [
                try queues.tx.execute(
                    """
                    DELETE FROM sqs_deduplication WHERE (queue_id, scope, deduplication_id) IN
                        (SELECT queue_id, scope, deduplication_id FROM sqs_deduplication
                         WHERE expires_at <= \(now) ORDER BY expires_at LIMIT \(limit))
                    """
                ),
                try queues.tx.execute(
                    """
                    DELETE FROM sqs_attempt WHERE (queue_id, attempt_id) IN
                        (SELECT queue_id, attempt_id FROM sqs_attempt
                         WHERE expires_at <= \(now) ORDER BY expires_at LIMIT \(limit))
                    """
                ),
                try queues.tx.execute(
                    """
                    DELETE FROM sqs_deleted_queue WHERE (account, region, name) IN
                        (SELECT account, region, name FROM sqs_deleted_queue
                         WHERE deleted_at <= \(now - nameRest) ORDER BY deleted_at LIMIT \(limit))
                    """
                ),
            ]
            return removed.contains(limit)
        }
    }

    /// Everything of the account, or of all accounts when it is nil: queues at once, their messages by the sweeper.
    func removeAll(of account: AccountID?) async throws {
        try await write { queues in
            let tx = queues.tx
            let mine: SQL = account.map { "account = \($0)" } ?? "1 = 1"
            let queueIDs: SQL = "(SELECT id FROM sqs_queue WHERE \(mine))"
            for table in ["sqs_tag", "sqs_deduplication", "sqs_attempt"] as [SQL] {
                try tx.execute("DELETE FROM \(table) WHERE queue_id IN \(queueIDs)")
            }
            try tx.execute("UPDATE sqs_pile SET is_garbage = 1 WHERE \(mine)")
            for table in ["sqs_queue", "sqs_deleted_queue", "sqs_move_task"] as [SQL] {
                try tx.execute("DELETE FROM \(table) WHERE \(mine)")
            }
        }
    }
}

extension QueueRows {
    fileprivate func hasExpired(_ address: QueueAddress, at now: Instant) throws -> Bool {
        guard let queue = try queue(address) else { return false }
        let horizon = now - queue.settings.retention
        return try tx.first(
            Int.self,
            "SELECT 1 FROM sqs_message WHERE pile_id = \(queue.pileID) AND sent_at <= \(horizon) LIMIT 1"
        ) != nil
    }
}

private struct RemovedRow: RowDecodable {
    let lane: String?
    init(row: inout Row) throws { lane = try row.optionalText() }
}

private struct QueuePageRow: RowDecodable {
    let id: Int
    let address: QueueAddress?

    init(row: inout Row) throws {
        id = try row.integer()
        guard let account = AccountID(try row.text()), let region = Region(try row.text()) else {
            address = nil
            return
        }
        address = QueueAddress(scope: Scope(account: account, region: region), name: try row.text())
    }
}
