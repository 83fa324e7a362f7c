// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import Logging
import MartletCore
import ServiceLifecycle

/// Hands on what was published, one try at a time: looks up what the try needs, makes it, and says what becomes of the
/// delivery: done, postponed, or moved to its subscription's dead-letter queue. One for each queue.
struct NotificationHandler: DeliveryHandler {
    let kind: NotificationQueue
    let store: SNSStore
    let deliverer: Deliverer
    let posts: PostsPerSecond
    let clock: any WallClock
    let logger: Logger

    var queue: String { kind.rawValue }
    var share: DeliveryShare { kind.share }

    func attempt(_ stored: Delivery) async -> DeliveryVerdict {
        guard let delivery = try? NotificationDelivery(parsing: stored.detail) else {
            // Damaged in the store: there is nobody to tell, and no message that could be found by it.
            logger.error("a stored delivery is damaged and dropped", metadata: ["message": "\(stored.id)"])
            return .finished()
        }
        do {
            let cipher = store.cipher
            // For nobody any more: the subscription has ended, or the message is gone.
            guard let task = try await store.read({ try $0.task(for: delivery, cipher) }) else { return end(delivery) }
            guard posts.admits(task, at: clock.now) else { return .again(after: .seconds(1), detail: stored.detail) }
            let outcome = await cancelWhenGracefulShutdown { await deliverer.attempt(task) }
            // A try that was cut short by the end of this node has not failed; the next one makes it again.
            if Task.isShuttingDownGracefully || Task.isCancelled, outcome != .delivered {
                return .again(after: .zero, detail: stored.detail)
            }
            return verdict(outcome, task)
        } catch {
            logger.error(
                "a notification waits: what it needs cannot be read",
                metadata: ["message": "\(stored.id)", "error": "\(error)"]
            )
            return retry(delivery, .managed) ?? end(delivery)
        }
    }

    private func verdict(_ outcome: DeliveryOutcome, _ task: DeliveryTask) -> DeliveryVerdict {
        switch outcome {
        case .delivered: end(task.delivery)
        case .failed(let reason): retry(task.delivery, task.schedule) ?? giveUp(task, reason)
        case .refused(let reason): giveUp(task, reason)
        }
    }

    /// Nil when that was the last try.
    private func retry(_ delivery: NotificationDelivery, _ schedule: RetrySchedule) -> DeliveryVerdict? {
        var delivery = delivery
        delivery.failures += 1
        return schedule.pause(after: delivery.failures).map { .again(after: $0, detail: delivery.text) }
    }

    private func giveUp(_ task: DeliveryTask, _ reason: String) -> DeliveryVerdict {
        let delivery = task.delivery
        logger.notice(
            "a notification was not delivered",
            metadata: [
                "message": "\(delivery.messageID)", "subscription": "\(delivery.subscriptionID ?? "none")",
                "stage": "\(delivery.stage.rawValue)", "tries": "\(delivery.failures + 1)", "reason": "\(reason)",
            ]
        )
        guard delivery.stage == .first, task.deadLetterQueue != nil, task.message.content.kind == .notification else {
            return end(delivery)
        }
        return .finished(then: [delivery.asDeadLetter().new(.direct, in: task.message.scope, at: clock.now)])
    }

    private func end(_ delivery: NotificationDelivery) -> DeliveryVerdict {
        .finished(writing: { try SNSChanges(tx: $0).deliveryEnded(ofMessage: delivery.messageID) })
    }
}
