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

    func target(_ service: String) -> (any EventTarget)? { state.withLockedValue { $0.targets[service] } }
    var metrics: (any MetricSink)? { state.withLockedValue { $0.metrics } }
    var authorizer: any Authorizer { state.withLockedValue { $0.authorizer } }
}
