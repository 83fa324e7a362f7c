// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import Logging
import MartletCore

/// A batch of events that somebody has still to look at, as `EventDelivery` keeps it: which events, and who. The events
/// themselves lie in `logs_event`.
struct BatchDelivery: Sendable, Equatable {
    enum Watcher: Sendable, Equatable {
        /// Its settings hold as they are at the time of the try.
        case subscription(Int)
        /// That of the account's policy.
        case accountSubscription
        /// All of the group.
        case metricFilters
    }

    let groupID: Int
    let streamID: Int
    /// Of the batch and perhaps of other streams.
    let sequences: ClosedRange<Int>
    let watcher: Watcher

    func new(in scope: Scope, acceptedAt: Instant, dueAt: Instant? = nil) -> NewDelivery {
        NewDelivery(
            queue: queue.rawValue,
            target: lane(in: scope),
            id: "\(streamID)/\(sequences.lowerBound)",
            scope: scope,
            detail: text,
            acceptedAt: acceptedAt,
            dueAt: dueAt
        )
    }

    private var queue: WatcherQueue { watcher == .metricFilters ? .metrics : .subscriptions }

    /// What is told apart when one is slow.
    private func lane(in scope: Scope) -> String {
        switch watcher {
        case .subscription(let id): "\(id)"
        case .accountSubscription: "\(scope.account) \(scope.region)"
        case .metricFilters: "\(groupID)"
        }
    }
}

/// The queues of deliveries: what a busy destination holds up are never the metrics.
///
/// A try has a batch in memory, as it lies in the store, as JSON and compressed: some megabytes. Hence the limits.
enum WatcherQueue: String, Sendable {
    case subscriptions = "logs"
    case metrics = "logs-metrics"

    var share: DeliveryShare {
        switch self {
        case .subscriptions: DeliveryShare(running: 16, runningPerLane: 8, held: 512)
        case .metrics: DeliveryShare(running: 8, runningPerLane: 4, held: 512)
        }
    }

    /// A destination that is busy, or fails, is tried for a day, as AWS does.
    static let patience = DeliveryPatience(
        age: LogLimits.deliveryAge,
        backoff: Backoff(first: .seconds(1), longest: .seconds(300))
    )
}

// MARK: In a column

extension BatchDelivery {
    var text: String {
        var members: [JSONValue.Member] = [
            .init("group", .integer(groupID)), .init("stream", .integer(streamID)),
            .init("first", .integer(sequences.lowerBound)), .init("last", .integer(sequences.upperBound)),
        ]
        switch watcher {
        case .subscription(let id): members.append(.init("subscription", .integer(id)))
        case .accountSubscription: members.append(.init("subscription", .string("account")))
        case .metricFilters: break
        }
        return JSONValue.object(members).compactText
    }

    /// Nil for what is damaged in the store: there is nobody to tell, so it is logged and dropped.
    static func read(_ delivery: Delivery, _ logger: Logger) -> BatchDelivery? {
        do {
            return try BatchDelivery(parsing: delivery.detail)
        } catch {
            logger.error("a stored delivery of log events is damaged and dropped", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// Throws for what was not written by `text`.
    init(parsing text: String) throws {
        let json = try JSONValue(parsing: text)
        guard case .integer(let group)? = json["group"], case .integer(let stream)? = json["stream"],
            case .integer(let first)? = json["first"], case .integer(let last)? = json["last"], first <= last
        else { throw MartletError("logs.row", "a delivery names no events") }
        let watcher: Watcher
        switch json["subscription"] {
        case .integer(let id)?: watcher = .subscription(id)
        case .string("account")?: watcher = .accountSubscription
        case nil: watcher = .metricFilters
        default: throw MartletError("logs.row", "a delivery names no subscription")
        }
        self.init(groupID: group, streamID: stream, sequences: first...last, watcher: watcher)
    }
}
