// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// A queue of events for targets in other services: tried until the target has accepted, refused for good, or the sender's
/// patience is over. One queue a sender; each has its own patience and is told how each event ended.
package struct TargetQueue: DeliveryHandler {
    package typealias Patience = DeliveryPatience

    package enum Outcome: Sendable {
        case delivered
        /// Nobody will try again.
        case failed(any Error)
    }

    package let queue: String
    private let targets: EventTargets
    private let patience: Patience
    private let clock: any WallClock
    private let ids: any IDSource
    private let permit: @Sendable (StoredEvent) async throws -> Void
    private let report: @Sendable (StoredEvent, Delivery, Outcome) async -> [NewDelivery]

    /// - Parameters:
    ///   - permit: throws when the sender may not write to the target (any more).
    ///   - report: hears of each end; what it returns is stored with it, such as a dead letter.
    package init(
        _ queue: String,
        to targets: EventTargets,
        patience: Patience,
        clock: any WallClock,
        ids: any IDSource,
        permit: @escaping @Sendable (StoredEvent) async throws -> Void = { _ in },
        report: @escaping @Sendable (StoredEvent, Delivery, Outcome) async -> [NewDelivery] = { _, _, _ in [] }
    ) {
        (self.queue, self.targets, self.patience, self.clock, self.ids) = (queue, targets, patience, clock, ids)
        (self.permit, self.report) = (permit, report)
    }

    package func attempt(_ delivery: Delivery) async -> DeliveryVerdict {
        guard var stored = try? StoredEvent(delivery) else {
            // Damaged in the store: there is nobody to tell, and no target to tell it to.
            return .finished()
        }
        do {
            try await permit(stored)
            try await targets.deliver(stored.event, to: stored.target)
            return .finished(then: await report(stored, delivery, .delivered))
        } catch {
            stored.tries += 1
            let verdict = patience.verdict(
                after: error,
                tries: stored.tries,
                acceptedAt: delivery.acceptedAt,
                detail: stored.detail,
                at: clock.now,
                draw: ids.fraction()
            )
            if let verdict { return verdict }
            return .finished(then: await report(stored, delivery, .failed(error)))
        }
    }
}
