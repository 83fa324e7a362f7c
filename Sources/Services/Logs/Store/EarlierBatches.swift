// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import MartletCore
import Storage

/// The table of deliveries that CloudWatch Logs had by itself before there was an engine for all services. What still waited
/// there is handed to the engine at the next start, in its order.
enum EarlierBatches {
    private static let batch = 500

    static func handOver(to engine: DeliveryEngine, at now: Instant) async throws {
        try await engine.takeOver { tx in
            let rows = try tx.rows(
                EarlierBatch.self,
                "SELECT \(EarlierBatch.columns) FROM logs_outbox ORDER BY id LIMIT \(batch)"
            )
            guard !rows.isEmpty else { return nil }
            try tx.execute("DELETE FROM logs_outbox WHERE id IN \(list: rows.map(\.id))")
            return rows.compactMap { $0.new(at: now) }
        }
    }
}

private struct EarlierBatch: RowDecodable {
    static let columns: SQL = """
        id, account, region, group_id, stream_id, first_sequence, last_sequence, subscription_id, accepted_at, due_at,
        lease_owner
        """

    let id: Int
    /// Nil for what nobody can own.
    private let scope: Scope?
    private let delivery: BatchDelivery
    private let acceptedAt: Instant
    /// When the lease runs out, for what was under way.
    private let dueAt: Instant
    private let isHeld: Bool

    init(row: inout Row) throws {
        id = try row.integer()
        let (account, region) = (AccountID(try row.text()), Region(try row.text()))
        scope = account.flatMap { account in region.map { Scope(account: account, region: $0) } }
        let (groupID, streamID) = (try row.integer(), try row.integer())
        let (first, last) = (try row.integer(), try row.integer())
        let watcher: BatchDelivery.Watcher =
            switch try row.optionalInteger() {
            case nil: .metricFilters
            case 0: .accountSubscription
            case let id?: .subscription(id)
            }
        delivery = BatchDelivery(
            groupID: groupID,
            streamID: streamID,
            sequences: first...max(first, last),
            watcher: watcher
        )
        (acceptedAt, dueAt) = (try row.instant(), try row.instant())
        isHeld = try row.optionalText() != nil
    }

    func new(at now: Instant) -> NewDelivery? {
        scope.map { delivery.new(in: $0, acceptedAt: acceptedAt, dueAt: isHeld ? now : max(dueAt, now)) }
    }
}
