// SPDX-License-Identifier: Apache-2.0
package import MartletCore
import NIOConcurrencyHelpers

/// The other services that this one tells: functions and streams that subscribe, and CloudWatch.
///
/// They are registered once they are there, because some of them write their lines into this service and so are built after.
package final class LogsNeighbours: Sendable {
    private struct State {
        var targets: [String: any EventTarget] = [:]
        var metrics: (any MetricSink)?
        var authorizer: any Authorizer = PermissiveAuthorizer()
        var feed = EventFeed()
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    /// What subscriptions deliver to, by its service.
    package func register(_ target: any EventTarget) {
        state.withLockedValue { $0.targets[target.service] = target }
    }

    /// What metric filters write to.
    package func register(_ metrics: any MetricSink) { state.withLockedValue { $0.metrics = metrics } }

    /// Who decides whether CloudWatch Logs may invoke a function.
    package func register(_ authorizer: any Authorizer) { state.withLockedValue { $0.authorizer = authorizer } }

    /// Who hears of each delivery to a subscription.
    package func register(_ feed: EventFeed) { state.withLockedValue { $0.feed = feed } }

    func target(_ service: String) -> (any EventTarget)? { state.withLockedValue { $0.targets[service] } }
    var metrics: (any MetricSink)? { state.withLockedValue { $0.metrics } }
    var authorizer: any Authorizer { state.withLockedValue { $0.authorizer } }
    var feed: EventFeed { state.withLockedValue { $0.feed } }
}
