// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import Storage

/// The tables of deliveries in the engine's words.
struct DeliveryStore: Sendable {
    let database: any Database

    func migrate() async throws { try await database.migrate(DeliverySchema.migrations, of: DeliverySchema.service) }

    // MARK: Sessions

    /// Begins a session and frees what earlier ones of this node, and all that have run out, held.
    func begin(_ session: String, node: String, at now: Instant, until: Instant) async throws {
        try await database.write { tx in
            try Self.free("node = \(node) OR alive_until <= \(now)", tx)
            try tx.execute(
                "INSERT INTO delivery_session (id, node, alive_until) VALUES (\(session), \(node), \(until))"
            )
        }
    }

    /// False when the session has run out and another node has freed what it held.
    func renew(_ session: String, at now: Instant, until: Instant) async throws -> Bool {
        try await database.write { tx in
            let renewed = try tx.execute(
                "UPDATE delivery_session SET alive_until = \(until) WHERE id = \(session)"
            )
            try Self.free("alive_until <= \(now) AND id <> \(session)", tx)
            return renewed > 0
        }
    }

    func end(_ session: String) async throws {
        try await database.write { tx in try Self.free("id = \(session)", tx) }
    }

    private static func free(_ sessions: SQL, _ tx: any WriteTransaction) throws {
        try tx.execute(
            """
            UPDATE delivery SET session = NULL
            WHERE session IN (SELECT id FROM delivery_session WHERE \(sessions))
            """
        )
        try tx.execute("DELETE FROM delivery_session WHERE \(sessions)")
    }

    // MARK: Taking

    /// The instant at which the next waiting delivery is due; nil when none waits.
    func nextDue() async throws -> Instant? {
        try await database.read { tx in
            try tx.first(OptionalInstant.self, "SELECT MIN(due_at) FROM delivery WHERE \(Self.isFirst)")?.value
        }
    }

    /// Of each queue the lanes with something due, in the order of their names, from behind the one that was looked at last
    /// and then from the beginning.
    func dueLanes(
        at now: Instant,
        of queues: [(queue: String, lastLane: String)],
        limit: Int
    ) async throws -> [DueLanes] {
        guard !queues.isEmpty else { return [] }
        return try await database.read { tx in
            try queues.map { queue, lastLane in
                var lanes = try Self.dueLanes(tx, of: queue, at: now, after: lastLane, limit: limit)
                if lanes.count < limit, !lastLane.isEmpty {
                    lanes += try Self.dueLanes(tx, of: queue, at: now, after: "", limit: limit - lanes.count)
                        .filter { $0 <= lastLane }
                }
                return DueLanes(queue: queue, lanes: lanes)
            }
        }
    }

    /// Steps from lane to lane in the index, however many deliveries each has.
    private static func dueLanes(
        _ tx: any ReadTransaction,
        of queue: String,
        at now: Instant,
        after lane: String,
        limit: Int
    ) throws -> [String] {
        try tx.rows(
            String.self,
            """
            WITH RECURSIVE found(lane) AS (
                SELECT MIN(lane) FROM delivery WHERE \(isFirst) AND queue = \(queue) AND lane > \(lane)
                UNION ALL
                SELECT (SELECT MIN(lane) FROM delivery WHERE \(isFirst) AND queue = \(queue) AND lane > found.lane)
                FROM found WHERE found.lane IS NOT NULL)
            SELECT lane FROM found WHERE lane IS NOT NULL AND EXISTS (
                SELECT 1 FROM delivery WHERE \(isFirst) AND queue = \(queue) AND lane = found.lane AND due_at <= \(now))
            LIMIT \(limit)
            """
        )
    }

    /// Takes the oldest due deliveries of each lane, at most `count` of it, for the session.
    func claim(_ lanes: [WantedLane], for session: String, at now: Instant) async throws -> [HeldDelivery] {
        guard !lanes.isEmpty else { return [] }
        return try await database.write { tx in
            try lanes.flatMap { wanted in
                try tx.rows(
                    DeliveryRow.self,
                    """
                    UPDATE delivery SET session = \(session)
                    WHERE sequence IN (
                        SELECT sequence FROM delivery
                        WHERE \(Self.isFirst) AND queue = \(wanted.queue) AND lane = \(wanted.lane) AND due_at <= \(now)
                        ORDER BY due_at, sequence LIMIT \(wanted.count) \(tx.dialect.skipLockedRows))
                    RETURNING \(DeliveryRow.columns)
                    """
                ).sorted { ($0.dueAt, $0.sequence) < ($1.dueAt, $1.sequence) }.map { $0.held(by: session) }
            }
        }
    }

    /// As the indexes of what waits have it, word by word.
    private static let isFirst: SQL = "session IS NULL AND is_behind = 0"

    // MARK: Changing

    /// Returns the delivery's place in the order of arrival.
    static func insert(
        _ new: NewDelivery,
        _ place: Acceptance.Stored.Place,
        _ tx: any WriteTransaction
    ) throws -> Int {
        var (session, isBehind): (String?, Bool) = (nil, false)
        switch place {
        case .held(let holder): session = holder
        case .inStore: break
        case .behind: isBehind = true
        }
        let sequence = try tx.first(
            Int.self,
            """
            INSERT INTO delivery (queue, target, lane, id, account, region, payload, detail, accepted_at, due_at, tries,
                session, order_key, is_behind)
            VALUES (\(new.queue), \(new.target), \(new.lane), \(new.id), \(new.scope.account), \(new.scope.region),
                \(Array(new.payload.readableBytesView)), \(new.detail), \(new.acceptedAt), \(new.dueAt), 0,
                \(session), \(new.orderKey), \(isBehind))
            RETURNING sequence
            """
        )
        guard let sequence else { throw MartletError("delivery.store", "a stored delivery has no sequence") }
        return sequence
    }

    // MARK: Orders

    /// Another one of its order is stored already.
    static func isBehind(_ new: NewDelivery, _ tx: any WriteTransaction) throws -> Bool {
        guard let order = new.order else { return false }
        return try tx.first(
            Int.self,
            "SELECT 1 FROM delivery WHERE lane = \(order.lane) AND order_key = \(order.key) LIMIT 1"
        ) != nil
    }

    static func lockOrders(of new: [NewDelivery], _ tx: any WriteTransaction) throws {
        try lockOrders(new.compactMap(\.order), tx)
    }

    /// Who adds to an order and who takes from it wait for each other, where several write at once; always in one direction.
    static func lockOrders(_ orders: [DeliveryOrder], _ tx: any WriteTransaction) throws {
        guard tx.dialect.hasSeveralWriters else { return }
        for name in Set(orders.map { "\($0.lane) \($0.key)" }).sorted() { try tx.execute(tx.dialect.lock(name)) }
    }

    /// Orders whose first one is gone without an end go on.
    private static func repairOrders(_ tx: any WriteTransaction) throws {
        try tx.execute(
            """
            UPDATE delivery SET is_behind = 0 WHERE is_behind = 1 AND NOT EXISTS (
                SELECT 1 FROM delivery earlier WHERE earlier.lane = delivery.lane
                    AND earlier.order_key = delivery.order_key AND earlier.sequence < delivery.sequence)
            """
        )
    }

    func reset(account: AccountID?) async throws {
        let ofAccount: SQL = account.map { "WHERE account = \($0)" } ?? ""
        try await database.write { tx in
            try tx.execute("DELETE FROM delivery \(ofAccount)")
            try Self.repairOrders(tx)
        }
    }

    func count(queue: String?) async throws -> Int {
        let ofQueue: SQL = queue.map { "WHERE queue = \($0)" } ?? ""
        return try await database.read { tx in try tx.count("SELECT COUNT(*) FROM delivery \(ofQueue)") }
    }

    func backlog() async throws -> [Backlog] {
        try await database.read { tx in
            try tx.rows(
                Backlog.self,
                """
                SELECT waiting.queue, waiting.number, delivery.accepted_at
                FROM (
                    SELECT queue, COUNT(*) AS number, MIN(sequence) AS first FROM delivery
                    WHERE session IS NULL AND is_behind = 0 GROUP BY queue) AS waiting
                JOIN delivery ON delivery.sequence = waiting.first
                """
            )
        }
    }
}

private struct OptionalInstant: RowDecodable {
    var value: Instant?
    init(row: inout Row) throws { value = try row.optionalInstant() }
}
