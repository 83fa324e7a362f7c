// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore

/// One delivery of a message, as `EventDelivery` keeps it: who gets which message, and how far it has come. The message
/// itself lies once in `sns_message`.
struct NotificationDelivery: Sendable, Equatable {
    enum Recipient: Sendable, Equatable {
        /// Its settings hold as they are at the time of the try.
        case subscription(String)
        case target(DeliveryTarget)
    }

    enum Stage: String, Sendable {
        /// → `deadLetter`, when the tries are used up or the endpoint refuses, and the subscription has a queue for that
        case first
        /// The last one.
        case deadLetter
    }

    let messageID: String
    let recipient: Recipient
    var stage = Stage.first
    /// The replay that it belongs to.
    var replay: String?
    /// Tries of this stage that failed.
    var failures = 0

    var subscriptionID: String? {
        if case .subscription(let id) = recipient { return id }
        return nil
    }

    var target: DeliveryTarget? {
        if case .target(let target) = recipient { return target }
        return nil
    }

    /// What is told apart when one is slow or has an order to keep.
    private var lane: String {
        switch (recipient, stage) {
        case (.subscription(let id), .first): id
        case (.subscription(let id), .deadLetter): "\(id) dead letters"
        case (.target(let target), _): "\(target.wire.rawValue) \(target.endpoint)"
        }
    }

    /// - Parameter orderKey: what has to keep its order among the deliveries to this recipient.
    func new(
        _ queue: NotificationQueue,
        in scope: Scope,
        at now: Instant,
        dueAt: Instant? = nil,
        orderKey: String? = nil
    ) -> NewDelivery {
        NewDelivery(
            queue: queue.rawValue,
            target: lane,
            id: messageID,
            scope: scope,
            detail: text,
            acceptedAt: now,
            dueAt: dueAt,
            orderKey: orderKey
        )
    }

    /// From now on it goes to the queue for what could not be delivered, and holds nobody up.
    func asDeadLetter() -> NotificationDelivery {
        NotificationDelivery(messageID: messageID, recipient: recipient, stage: .deadLetter, replay: replay)
    }
}

/// The queues of deliveries: those that may take long wait for each other, not the quick ones for them.
enum NotificationQueue: String, Sendable, CaseIterable {
    /// Queues, functions, sinks: inside this server.
    case direct = "sns"
    /// Other people's web servers.
    case web = "sns-web"

    init(_ wire: SubscriptionProtocol) { self = wire.isWeb ? .web : .direct }

    /// One web server that hangs does not take all places, and all that hang do not take those of queues and functions.
    var share: DeliveryShare {
        switch self {
        case .direct: DeliveryShare()
        case .web: DeliveryShare(running: 64, runningPerLane: 8, held: 512)
        }
    }
}

extension StoredSubscription {
    /// The delivery of a message to it, to be stored with the message.
    func delivery(
        of message: NewMessage,
        groupID: String?,
        isFIFO: Bool,
        at now: Instant
    ) -> NewDelivery {
        NotificationDelivery(messageID: message.id, recipient: .subscription(id)).new(
            NotificationQueue(wire),
            in: message.scope,
            at: now,
            orderKey: isFIFO ? groupID ?? "" : nil
        )
    }
}

// MARK: In a column

extension NotificationDelivery {
    var text: String {
        var members: [(String, JSONValue)] = [("message", .string(messageID))]
        switch recipient {
        case .subscription(let id): members.append(("subscription", .string(id)))
        case .target(let target): members.append(("target", .string(target.text)))
        }
        if stage != .first { members.append(("stage", .string(stage.rawValue))) }
        if let replay { members.append(("replay", .string(replay))) }
        if failures > 0 { members.append(("failures", .integer(failures))) }
        return JSONValue.text(members)
    }

    /// Throws `MartletError` for what was not written by `text`.
    init(parsing text: String) throws {
        let json = try JSONValue(parsing: text)
        guard let message = json["message"]?.stringValue else {
            throw MartletError("sns.row", "a delivery names no message")
        }
        messageID = message
        if let id = json["subscription"]?.stringValue {
            recipient = .subscription(id)
        } else if let target = json["target"]?.stringValue {
            recipient = .target(try DeliveryTarget(parsing: target))
        } else {
            throw MartletError("sns.row", "a delivery names no recipient")
        }
        if let name = json["stage"]?.stringValue {
            guard let stage = Stage(rawValue: name) else {
                throw MartletError("sns.row", "a delivery has no known stage")
            }
            self.stage = stage
        }
        replay = json["replay"]?.stringValue
        failures = max(0, json["failures"]?.wholeNumber ?? 0)
    }
}
