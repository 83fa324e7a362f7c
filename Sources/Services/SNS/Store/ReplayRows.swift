// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A subscription gets the archive, or a part of it, once more.
struct StoredReplay: Sendable, RowDecodable {
    let id: String
    let subscriptionID: String
    let topicID: Int
    /// Up to here it is done.
    let nextSequence: Int
    let startAt: Instant
    let endAt: Instant?

    init(row: inout Row) throws {
        id = try row.text()
        subscriptionID = try row.text()
        topicID = try row.integer()
        nextSequence = try row.integer()
        startAt = try row.instant()
        endAt = try row.optionalInstant()
    }
}

extension SNSRows {
    func nextReplay() throws -> StoredReplay? {
        try tx.first(
            StoredReplay.self,
            "SELECT id, subscription_id, topic_id, next_sequence, start_at, end_at FROM sns_replay ORDER BY id LIMIT 1"
        )
    }
}

extension SNSChanges {
    /// In place of the subscription's replay that is under way.
    func begin(_ policy: ReplayPolicy, of subscription: StoredSubscription, id: String) throws {
        try endReplay(of: subscription)
        try tx.execute(
            """
            INSERT INTO sns_replay (id, subscription_id, topic_id, account, next_sequence, start_at, end_at)
            VALUES (\(id), \(subscription.id), \(subscription.topicID), \(subscription.topic.scope.account), 0,
                \(policy.start), \(policy.end))
            """
        )
    }

    func endReplay(of subscription: StoredSubscription) throws {
        try tx.execute("DELETE FROM sns_replay WHERE subscription_id = \(subscription.id)")
    }

    func advance(_ replay: StoredReplay, to sequence: Int) throws {
        try tx.execute("UPDATE sns_replay SET next_sequence = \(sequence) WHERE id = \(replay.id)")
    }

    func delete(_ replay: StoredReplay) throws {
        try tx.execute("DELETE FROM sns_replay WHERE id = \(replay.id)")
    }
}
