// SPDX-License-Identifier: Apache-2.0
import EventDelivery
package import MartletCore
import NIOConcurrencyHelpers

/// The other services that this one tells: functions and streams that subscribe, and CloudWatch.
///
/// They are registered once they are there, because some of them write their lines into this service and so are built after; those
/// that take events, with `EventTargets`.
package final class LogsNeighbours: Sendable {
    private struct State {
        var metrics: (any MetricSink)?
        var authorizer: any Authorizer = PermissiveAuthorizer()
    }

    private let state = NIOLockedValueBox(State())
    /// What subscriptions deliver to.
    private let targets: EventTargets

    init(targets: EventTargets) { self.targets = targets }

    /// What metric filters write to.
    package func register(_ metrics: any MetricSink) { state.withLockedValue { $0.metrics = metrics } }

    /// Who decides whether CloudWatch Logs may invoke a function.
    package func register(_ authorizer: any Authorizer) { state.withLockedValue { $0.authorizer = authorizer } }

    func target(_ service: String) -> (any EventTarget)? { targets.target(of: service) }
    var metrics: (any MetricSink)? { state.withLockedValue { $0.metrics } }
    var authorizer: any Authorizer { state.withLockedValue { $0.authorizer } }
    /// Hears of each delivery to a subscription.
    var feed: EventFeed { targets.feed }
}
