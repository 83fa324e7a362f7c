// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import Logging
import MartletCore
import NIOCore

/// Brings events to the functions and streams that subscribed to them, a batch a try. A destination that is busy or broken is
/// tried for 24 hours; one that refuses is not tried again.
struct SubscriptionHandler: DeliveryHandler {
    let store: LogsStore
    let neighbours: LogsNeighbours
    let clock: any WallClock
    let ids: any IDSource
    let logger: Logger

    var queue: String { WatcherQueue.subscriptions.rawValue }
    var share: DeliveryShare { WatcherQueue.subscriptions.share }

    func attempt(_ delivery: Delivery) async -> DeliveryVerdict {
        guard let batch = BatchDelivery.read(delivery, logger) else { return .finished() }
        do {
            let letter = try await store.read(delivery.scope) { try $0.letter(for: batch) }
            guard let letter, !letter.goesInCircles else { return .finished() }
            return await send(letter, delivery)
        } catch {
            return verdict(after: error, delivery)
        }
    }

    private func send(_ letter: SubscriptionLetter, _ delivery: Delivery) async -> DeliveryVerdict {
        do {
            let bytes = try await forward(letter)
            neighbours.feed.show(letter.passage(.delivered, at: clock.now))
            record(.forwarded(bytes: bytes), of: letter)
            return .finished()
        } catch {
            let verdict = verdict(after: error, delivery)
            let result: EventPassage.Result = if case .finished = verdict { .failed } else { .retried }
            neighbours.feed.show(letter.passage(result, at: clock.now, reason: error.sentence))
            record(error.isThrottle ? .throttled : .failed, of: letter)
            return verdict
        }
    }

    /// Returns how many bytes the compressed events were.
    private func forward(_ letter: SubscriptionLetter) async throws -> Int {
        let target = letter.target
        guard let neighbour = neighbours.target(target.arn.service) else {
            throw CommonError.notImplemented("log subscriptions to \(target.arn.service)")
        }
        var bytes = 0
        // Three quarters of the limit, as base 64 makes four bytes of three.
        for piece in try letter.document.compressed(limit: LogLimits.deliveryBytes / 4 * 3) {
            let payload =
                target.kind == .function ? SubscriptionDocument.functionEvent(piece) : ByteBuffer(bytes: piece)
            var event = EventDelivery(payload, from: letter.source)
            event.messageGroupID = letter.messageGroupID
            try await neighbour.deliver(event, to: target.arn)
            bytes += piece.count
        }
        return bytes
    }

    private func record(_ outcome: ForwardingMetrics.Outcome, of letter: SubscriptionLetter) {
        guard let metrics = neighbours.metrics else { return }
        for one in ForwardingMetrics.measurements(outcome, of: letter, at: clock.now) { metrics.record(one) }
    }

    private func verdict(after error: any Error, _ delivery: Delivery) -> DeliveryVerdict {
        let verdict = WatcherQueue.patience.verdict(after: error, delivery, at: clock.now, draw: ids.fraction())
        let metadata: Logger.Metadata = ["delivery": "\(delivery.detail)", "error": "\(error)"]
        guard let verdict else {
            logger.warning("log events are not delivered", metadata: metadata)
            return .finished()
        }
        logger.debug("log events are delivered later", metadata: metadata)
        return verdict
    }
}
