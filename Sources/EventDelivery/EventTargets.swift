// SPDX-License-Identifier: Apache-2.0
package import MartletCore
import NIOConcurrencyHelpers

/// Where events can go, found by the service that an ARN names. The composition root fills it.
package final class EventTargets: Sendable {
    private let targets = NIOLockedValueBox<[String: any EventTarget]>([:])

    package init() {}

    package func register(_ target: any EventTarget) {
        targets.withLockedValue { $0[target.service] = target }
    }

    /// Nil for a service that takes no events, or not yet.
    package func target(of arn: ARN) -> (any EventTarget)? { target(of: arn.service) }

    package func target(of service: String) -> (any EventTarget)? { targets.withLockedValue { $0[service] } }

    /// Returns once the target has accepted the event durably. Throws its own error, or `NotImplemented`.
    package func deliver(_ event: EventDelivery, to arn: ARN) async throws {
        guard let target = target(of: arn) else {
            throw CommonError.notImplemented("events to the service \(arn.service)")
        }
        try await target.deliver(event, to: arn)
    }
}
