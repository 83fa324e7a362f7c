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
            try tx.first(OptionalInstant.self, "SELECT MIN(due_at) FROM delivery WHERE session IS NULL")?.value
        }
    }

    /// Lanes with something due, in the order of their names, from behind `lane` on and then from the beginning.
    func dueLanes(at now: Instant, after lane: String, limit: Int) async throws -> [String] {
        try await database.read { tx in
            let behind = try Self.dueLanes(tx, at: now, after: lane, limit: limit)
            guard behind.count < limit, !lane.isEmpty else { return behind }
            let first = try Self.dueLanes(tx, at: now, after: "", limit: limit - behind.count)
            return behind + first.filter { $0 <= lane }
        }
    }

    /// Steps from lane to lane in the index, however many deliveries each has.
    private static func dueLanes(
        _ tx: any ReadTransaction,
        at now: Instant,
        after lane: String,
        limit: Int
    ) throws -> [String] {
        try tx.rows(
            String.self,
            """
            WITH RECURSIVE found(lane) AS (
                SELECT MIN(lane) FROM delivery WHERE session IS NULL AND lane > \(lane)
                UNION ALL
                SELECT (SELECT MIN(d.lane) FROM delivery d WHERE d.session IS NULL AND d.lane > found.lane)
                FROM found WHERE found.lane IS NOT NULL)
            SELECT lane FROM found WHERE lane IS NOT NULL AND EXISTS (
                SELECT 1 FROM delivery d WHERE d.session IS NULL AND d.lane = found.lane AND d.due_at <= \(now))
            LIMIT \(limit)
            """
        )
    }

    /// Takes the oldest due deliveries of each lane, at most `counts` of it, for the session.
    func claim(
        _ counts: [(lane: String, count: Int)],
        for session: String,
        at now: Instant
    ) async throws
        -> [HeldDelivery]
    {
        try await database.write { tx in
            try counts.flatMap { lane, count in
                try tx.rows(
                    DeliveryRow.self,
                    """
                    UPDATE delivery SET session = \(session)
                    WHERE sequence IN (
                        SELECT sequence FROM delivery WHERE lane = \(lane) AND session IS NULL AND due_at <= \(now)
                        ORDER BY due_at, sequence LIMIT \(count) \(tx.dialect.skipLockedRows))
                    RETURNING \(DeliveryRow.columns)
                    """
                ).sorted { ($0.dueAt, $0.sequence) < ($1.dueAt, $1.sequence) }.map { $0.held(by: session) }
            }
        }
    }

    // MARK: Changing

    /// Returns the delivery's place in the order.
    static func insert(_ new: NewDelivery, for session: String?, _ tx: any WriteTransaction) throws -> Int {
        let sequence = try tx.first(
            Int.self,
            """
            INSERT INTO delivery (queue, target, lane, id, account, region, payload, detail, accepted_at, due_at, tries, session)
            VALUES (\(new.queue), \(new.target), \(new.lane), \(new.id), \(new.scope.account), \(new.scope.region),
                \(Array(new.payload.readableBytesView)), \(new.detail), \(new.acceptedAt), \(new.dueAt), 0, \(session))
            RETURNING sequence
            """
        )
        guard let sequence else { throw MartletError("delivery.store", "a stored delivery has no sequence") }
        return sequence
    }

    /// True when the session held it until now.
    static func remove(_ held: HeldDelivery, _ tx: any WriteTransaction) throws -> Bool {
        try tx.execute("DELETE FROM delivery WHERE sequence = \(held.sequence) AND session = \(held.session)") > 0
    }

    static func remove(_ held: [HeldDelivery], of session: String, _ tx: any WriteTransaction) throws {
        try tx.execute(
            "DELETE FROM delivery WHERE sequence IN \(list: held.map(\.sequence)) AND session = \(session)"
        )
    }

    static func putBack(_ held: HeldDelivery, detail: String, dueAt: Instant, _ tx: any WriteTransaction) throws {
        try tx.execute(
            """
            UPDATE delivery SET session = NULL, due_at = \(dueAt), detail = \(detail), tries = tries + 1
            WHERE sequence = \(held.sequence) AND session = \(held.session)
            """
        )
    }

    func reset(account: AccountID?) async throws {
        let ofAccount: SQL = account.map { "WHERE account = \($0)" } ?? ""
        _ = try await database.write { tx in try tx.execute("DELETE FROM delivery \(ofAccount)") }
    }

    func count(queue: String?) async throws -> Int {
        let ofQueue: SQL = queue.map { "WHERE queue = \($0)" } ?? ""
        return try await database.read { tx in try tx.count("SELECT COUNT(*) FROM delivery \(ofQueue)") }
    }
}

private struct OptionalInstant: RowDecodable {
    var value: Instant?
    init(row: inout Row) throws { value = try row.optionalInstant() }
}

private struct DeliveryRow: RowDecodable {
    static let columns: SQL =
        "sequence, queue, lane, due_at, id, account, region, target, payload, detail, accepted_at, tries"

    var sequence: Int
    var queue: String
    var lane: String
    var dueAt: Instant
    var delivery: Delivery

    init(row: inout Row) throws {
        (sequence, queue, lane, dueAt) = (try row.integer(), try row.text(), try row.text(), try row.instant())
        let id = try row.text()
        guard let account = AccountID(try row.text()), let region = Region(try row.text()) else {
            throw MartletError("delivery.row", "the delivery \(sequence) names no account or region")
        }
        delivery = Delivery(
            id: id,
            scope: Scope(account: account, region: region),
            target: try row.text(),
            payload: ByteBuffer(bytes: try row.bytes()),
            detail: try row.text(),
            acceptedAt: try row.instant(),
            earlierTries: try row.integer()
        )
    }

    func held(by session: String) -> HeldDelivery {
        HeldDelivery(sequence: sequence, queue: queue, lane: lane, session: session, delivery: delivery)
    }
}
