// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import MartletCore
import Storage

/// The table of deliveries that SNS had by itself before there was an engine for all services. What still waited there is
/// handed to the engine at the next start, in its order.
enum EarlierDeliveries {
    private static let batch = 500

    static func handOver(to engine: DeliveryEngine, at now: Instant) async throws {
        try await engine.takeOver { tx in
            let rows = try tx.rows(
                EarlierDelivery.self,
                """
                SELECT \(EarlierDelivery.columns) FROM sns_delivery d LEFT JOIN sns_message m ON m.id = d.message_id
                ORDER BY d.id LIMIT \(batch)
                """
            )
            guard !rows.isEmpty else { return nil }
            try tx.execute("DELETE FROM sns_delivery WHERE id IN \(list: rows.map(\.id))")
            return try rows.compactMap { try $0.new(at: now) }
        }
    }
}

private struct EarlierDelivery: RowDecodable {
    static let columns: SQL = """
        d.id, d.message_id, d.lane, d.stage, d.subscription_id, d.target, d.order_key, d.replay, d.failures, d.due_at,
        d.lease_owner, m.account, m.region
        """

    let id: Int
    private let messageID: String
    private let isWeb: Bool
    private let isDeadLetter: Bool
    private let subscriptionID: String?
    private let target: String?
    private let orderKey: String?
    private let replay: String?
    private let failures: Int
    /// When the lease runs out, for what was under way.
    private let dueAt: Instant
    private let isHeld: Bool
    /// Nil when the message is gone.
    private let scope: Scope?

    init(row: inout Row) throws {
        id = try row.integer()
        messageID = try row.text()
        isWeb = try row.text() == "web"
        isDeadLetter = try row.text() == "deadLetter"
        subscriptionID = try row.optionalText()
        target = try row.optionalText()
        orderKey = try row.optionalText()
        replay = try row.optionalText()
        failures = try row.integer()
        dueAt = try row.instant()
        isHeld = try row.optionalText() != nil
        let (account, region) = (try row.optionalText(), try row.optionalText())
        if let account = account.flatMap({ AccountID($0) }), let region = region.flatMap({ Region($0) }) {
            scope = Scope(account: account, region: region)
        } else {
            scope = nil
        }
    }

    /// Nil for what can be delivered to nobody.
    func new(at now: Instant) throws -> NewDelivery? {
        let recipient: NotificationDelivery.Recipient
        if let subscriptionID {
            recipient = .subscription(subscriptionID)
        } else if let target {
            recipient = .target(try DeliveryTarget(parsing: target))
        } else {
            return nil
        }
        guard let scope else { return nil }
        var delivery = NotificationDelivery(messageID: messageID, recipient: recipient, replay: replay)
        if isDeadLetter { delivery.stage = .deadLetter }
        delivery.failures = failures
        // What waited for the one before it had no time of its own.
        let waitsForItsTime = !isHeld && dueAt.milliseconds < .max
        return delivery.new(
            isWeb ? .web : .direct,
            in: scope,
            at: now,
            dueAt: waitsForItsTime ? max(dueAt, now) : now,
            orderKey: orderKey.map { String($0.drop { $0 != "/" }.dropFirst()) }
        )
    }
}
