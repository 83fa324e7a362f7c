// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// Deliveries that may take long wait for each other, not the quick ones for them.
enum DeliveryLane: String, Sendable, CaseIterable {
    /// Queues, functions, sinks: inside this server.
    case direct
    /// Other people's web servers.
    case web

    init(_ wire: SubscriptionProtocol) { self = wire.isWeb ? .web : .direct }
}

enum DeliveryStage: String, Sendable {
    /// → `deadLetter`, when the tries are used up or the endpoint refuses, and the subscription has a queue for that
    case first
    /// The last one.
    case deadLetter
}

/// Where a delivery goes that has no subscription, or whose subscription has ended.
struct DeliveryTarget: Sendable, Equatable {
    var wire: SubscriptionProtocol
    var endpoint: String
    /// Of the subscription that has ended.
    var subscriptionARN: String?
    /// This server, for links.
    var server: String

    var text: String {
        var map = ["protocol": wire.rawValue, "endpoint": endpoint, "server": server]
        map["subscription"] = subscriptionARN
        return StringMap.text(map)
    }

    init(wire: SubscriptionProtocol, endpoint: String, subscriptionARN: String? = nil, server: String) {
        self.wire = wire
        self.endpoint = endpoint
        self.subscriptionARN = subscriptionARN
        self.server = server
    }

    init(parsing text: String) throws {
        let map = try StringMap.parse(text)
        guard let wire = map["protocol"].flatMap(SubscriptionProtocol.init), let endpoint = map["endpoint"] else {
            throw MartletError("sns.row", "a delivery names no endpoint")
        }
        self.init(wire: wire, endpoint: endpoint, subscriptionARN: map["subscription"], server: map["server"] ?? "")
    }
}

/// A delivery that is about to be stored.
struct NewDelivery: Sendable {
    enum Recipient: Sendable {
        case subscription(String)
        case target(DeliveryTarget)
    }

    var recipient: Recipient
    var lane: DeliveryLane
    /// What has to keep its order; nil where nothing has to.
    var orderKey: String?
    /// The replay that it belongs to.
    var replay: String?

    init(to subscription: StoredSubscription, groupID: String?, isFIFO: Bool) {
        recipient = .subscription(subscription.id)
        lane = DeliveryLane(subscription.wire)
        orderKey = isFIFO ? "\(subscription.id)/\(groupID ?? "")" : nil
    }

    init(to target: DeliveryTarget) {
        recipient = .target(target)
        lane = DeliveryLane(target.wire)
    }
}

/// A delivery that this node holds.
struct HeldDelivery: Sendable, RowDecodable {
    static let columns: SQL = """
        id, message_id, lane, stage, subscription_id, target, order_key, replay, failures, lease_owner, lease_count
        """

    let id: Int
    let messageID: String
    let lane: DeliveryLane
    let stage: DeliveryStage
    let subscriptionID: String?
    let target: DeliveryTarget?
    let orderKey: String?
    let replay: String?
    /// Tries that failed.
    let failures: Int
    let hold: Lease.Hold

    init(row: inout Row) throws {
        id = try row.integer()
        messageID = try row.text()
        guard let lane = DeliveryLane(rawValue: try row.text()), let stage = DeliveryStage(rawValue: try row.text())
        else { throw MartletError("sns.row", "the delivery \(id) has no known lane or stage") }
        self.lane = lane
        self.stage = stage
        subscriptionID = try row.optionalText()
        target = try row.optionalText().map(DeliveryTarget.init(parsing:))
        orderKey = try row.optionalText()
        replay = try row.optionalText()
        failures = try row.integer()
        hold = Lease.Hold(owner: try row.optionalText() ?? "", count: try row.integer())
    }
}

extension SNSChanges {
    private static let lease = Lease(table: "sns_delivery", key: "id")
    /// When a delivery is due that waits for the one before it.
    private static let notYet = Instant(milliseconds: .max)

    func insert(_ delivery: NewDelivery, ofMessage message: String, account: AccountID, dueAt: Instant) throws {
        var (subscription, target): (String?, String?) = (nil, nil)
        switch delivery.recipient {
        case .subscription(let id): subscription = id
        case .target(let value): target = value.text
        }
        let waits = try delivery.orderKey.map { key in
            try tx.count("SELECT COUNT(*) FROM (SELECT 1 FROM sns_delivery WHERE order_key = \(key) LIMIT 1) one") > 0
        }
        let dueAt = waits == true ? Self.notYet : dueAt
        try tx.execute(
            """
            INSERT INTO sns_delivery (message_id, account, lane, stage, subscription_id, target, order_key, replay,
                due_at)
            VALUES (\(message), \(account), \(delivery.lane.rawValue), \(DeliveryStage.first.rawValue), \(subscription),
                \(target), \(delivery.orderKey), \(delivery.replay), \(dueAt))
            """
        )
    }

    /// What is due in a lane, except what is for a subscription of `busy`.
    func claimDeliveries(
        in lane: DeliveryLane,
        upTo limit: Int,
        exceptTo busy: [String],
        for owner: String,
        at now: Instant,
        until: Instant
    ) throws -> [HeldDelivery] {
        let isFree: SQL =
            busy.isEmpty
            ? "" : "AND (subscription_id IS NULL OR subscription_id NOT IN \(list: busy))"
        return try tx.rows(
            HeldDelivery.self,
            Self.lease.claim(
                upTo: limit,
                for: owner,
                at: now,
                until: until,
                where: "lane = \(lane.rawValue) \(isFree)",
                returning: HeldDelivery.columns,
                tx.dialect
            )
        )
    }

    /// What a node of that name held when it ended.
    func releaseDeliveries(heldBy owner: String, at now: Instant) throws {
        try tx.execute(
            "UPDATE sns_delivery SET due_at = \(now), lease_owner = NULL WHERE lease_owner = \(owner) AND due_at > \(now)"
        )
    }

    func complete(_ delivery: HeldDelivery, at now: Instant) throws {
        guard try tx.execute(Self.lease.complete(delivery.id, delivery.hold)) > 0 else { return }
        try removeMessageIfDone(delivery.messageID)
        try wakeNext(after: delivery, at: now)
    }

    /// The next one of the order may go.
    private func wakeNext(after delivery: HeldDelivery, at now: Instant) throws {
        guard let key = delivery.orderKey else { return }
        try tx.execute(
            """
            UPDATE sns_delivery SET due_at = \(now)
            WHERE id = (SELECT MIN(id) FROM sns_delivery WHERE order_key = \(key)) AND due_at = \(Self.notYet)
            """
        )
    }

    /// Orders whose first one waits for nothing: where several nodes write, one can be stored while the one before it goes.
    func wakeForgotten(at now: Instant) throws {
        try tx.execute(
            """
            UPDATE sns_delivery SET due_at = \(now) WHERE due_at = \(Self.notYet) AND id IN (
                SELECT MIN(id) FROM sns_delivery WHERE order_key IS NOT NULL GROUP BY order_key)
            """
        )
    }

    func postpone(_ delivery: HeldDelivery, until dueAt: Instant, hasFailed: Bool) throws {
        guard try tx.execute(Self.lease.release(delivery.id, delivery.hold, dueAt: dueAt)) > 0, hasFailed else {
            return
        }
        try tx.execute("UPDATE sns_delivery SET failures = failures + 1 WHERE id = \(delivery.id)")
    }

    /// From now on it goes to the queue for what could not be delivered, and holds nobody up.
    func moveToDeadLetters(_ delivery: HeldDelivery, at now: Instant) throws {
        guard try tx.execute(Self.lease.release(delivery.id, delivery.hold, dueAt: now)) > 0 else { return }
        try tx.execute(
            """
            UPDATE sns_delivery SET stage = \(DeliveryStage.deadLetter.rawValue), lane = \(DeliveryLane.direct.rawValue),
                failures = 0, order_key = NULL WHERE id = \(delivery.id)
            """
        )
        try wakeNext(after: delivery, at: now)
    }
}
