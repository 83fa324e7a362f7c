// SPDX-License-Identifier: Apache-2.0
package import MartletCore
import NIOConcurrencyHelpers

/// Where events can go, found by the service that an ARN names. The composition root fills it.
package final class EventTargets: Sendable {
    private let targets = NIOLockedValueBox<[String: any EventTarget]>([:])
    /// Hears of each event that was delivered here, or was not.
    package let feed: EventFeed
    private let clock: any WallClock

    package init(feed: EventFeed = EventFeed(), clock: any WallClock = SystemClock()) {
        (self.feed, self.clock) = (feed, clock)
    }

    package func register(_ target: any EventTarget) {
        targets.withLockedValue { $0[target.service] = target }
    }

    /// Nil for a service that takes no events, or not yet.
    package func target(of arn: ARN) -> (any EventTarget)? { target(of: arn.service) }

    package func target(of service: String) -> (any EventTarget)? { targets.withLockedValue { $0[service] } }

    /// Returns once the target has accepted the event durably, or its remainder where the whole is too large for
    /// it. Throws the target's own error, or `NotImplemented`.
    package func deliver(_ event: EventDelivery, to arn: ARN) async throws {
        do {
            guard let target = target(of: arn) else {
                throw CommonError.notImplemented("events to the service \(arn.service)")
            }
            try await target.deliver(event, to: arn)
            show(event, to: arn, .delivered)
        } catch {
            // Any other refusal would be the same for less.
            let shortened = error is EventTooLarge ? event.shortened : nil
            show(event, to: arn, error.isFinal && shortened == nil ? .failed : .retried, error.sentence)
            guard let shortened else { throw error }
            try await deliver(shortened, to: arn)
        }
    }

    private func show(_ event: EventDelivery, to arn: ARN, _ result: EventPassage.Result, _ reason: String? = nil) {
        feed.show(
            EventPassage(
                at: clock.now,
                scope: Scope(
                    account: event.source.account,
                    region: (event.source.arn ?? arn).scope?.region ?? .usEast1
                ),
                from: event.source.arn?.description ?? event.source.servicePrincipal,
                to: arn.description,
                result,
                reason: reason
            )
        )
    }
}

extension Error {
    /// For people who watch: a service's error in its own words.
    package var sentence: String {
        (self as? any ServiceError).map { "\($0.code): \($0.message)" } ?? "\(self)"
    }
}
