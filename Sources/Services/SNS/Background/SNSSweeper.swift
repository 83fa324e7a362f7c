// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import Logging
import MartletCore
import ServiceLifecycle
import Storage

/// Removes what has expired (subscriptions that nobody confirmed, archives, remembered deduplication ids), and puts the
/// messages of replays on their way once more.
///
/// It does not matter when it happens or whether several nodes do it: each step is a small transaction that looks anew.
package struct SNSSweeper: Service {
    private static let interval = Duration.seconds(5)
    private static let rowsPerStep = 500
    private static let messagesPerStep = 100

    let store: SNSStore
    let filters: FilterCache
    let clock: any WallClock
    let logger: Logger

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await clock.rounds(every: Self.interval, logger, failing: "SNS is not swept; trying again") {
                try await sweep()
            }
        }
    }

    /// Does all that is to do now.
    package func sweep() async throws {
        while try await replayStep() { try await Task.passTurn() }
        while try await expire() { try await Task.passTurn() }
    }

    private func expire() async throws -> Bool {
        let now = clock.now
        return try await store.write { sns in
            let removed = try sns.removeExpired(at: now, limit: Self.rowsPerStep)
            return removed >= Self.rowsPerStep
        }
    }

    /// A page of one replay. Returns false when there is none to do.
    private func replayStep() async throws -> Bool {
        let (now, cipher, filters) = (clock.now, store.cipher, filters)
        return try await store.send { sns, outgoing in
            guard let replay = try sns.rows.nextReplay() else { return false }
            guard var subscription = try sns.rows.subscription(replay.subscriptionID) else {
                try sns.delete(replay)
                return true
            }
            let page = try sns.rows.archived(
                inTopic: replay.topicID,
                from: replay.nextSequence,
                limit: Self.messagesPerStep
            )
            for row in page
            where row.publishedAt >= replay.startAt && row.publishedAt <= replay.endAt ?? row.publishedAt {
                let message = try row.opened(by: cipher)
                guard try subscription.accepts(message.content, filters, FilterBody(message.content.body)) else {
                    continue
                }
                let delivery = NotificationDelivery(
                    messageID: row.id,
                    recipient: .subscription(subscription.id),
                    replay: replay.id
                )
                let orderKey = message.content.groupID ?? ""
                outgoing.append(
                    delivery.new(NotificationQueue(subscription.wire), in: row.scope, at: now, orderKey: orderKey)
                )
                try sns.addDelivery(ofMessage: row.id)
            }
            let isDone =
                page.count < Self.messagesPerStep || page.last.map { $0.publishedAt > replay.endAt ?? now } == true
            if isDone {
                subscription.replayStatus = ReplayStatus.completed.rawValue
                try sns.update(subscription)
                try sns.delete(replay)
            } else if let last = page.last {
                subscription.replayStatus = ReplayStatus.inProgress.rawValue
                try sns.update(subscription)
                try sns.advance(replay, to: last.sequence + 1)
            }
            return true
        }
    }
}

enum ReplayStatus: String {
    case pending = "Pending"
    case inProgress = "In progress"
    case completed = "Completed"
}
