// SPDX-License-Identifier: Apache-2.0
package import MartletCore
import NIOConcurrencyHelpers

/// The roles that CloudWatch Logs acts as when it runs a query by itself.
package final class ServiceRoles: Sendable {
    private static let service = "logs.amazonaws.com"

    private struct State {
        var directory: (any RoleDirectory)?
        var takesUnknownRoles = true
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    /// - Parameter takesUnknownRoles: roles that nobody created will do, as in `open` mode.
    package func register(_ directory: any RoleDirectory, takesUnknownRoles: Bool) {
        state.withLockedValue { $0 = State(directory: directory, takesUnknownRoles: takesUnknownRoles) }
    }

    /// Why the role cannot be assumed; nil when it can.
    func fault(of role: ARN, in scope: Scope) async throws -> String? {
        let state = state.withLockedValue { $0 }
        guard role.account == scope.account.text else { return "The role \(role) belongs to another account." }
        guard let directory = state.directory else { return nil }
        switch try await directory.standing(of: role, for: Self.service) {
        case .trusts: return nil
        case .missing where state.takesUnknownRoles: return nil
        case .missing, .exists: return "The role \(role) cannot be assumed by CloudWatch Logs."
        }
    }

    /// The role's session, as IAM knows it.
    static func principal(_ role: ARN, in scope: Scope) -> Principal {
        let name = role.resource.split(separator: "/").last.map(String.init) ?? ""
        let session = "CloudWatchLogsScheduledQuery"
        return Principal(
            account: scope.account,
            kind: .assumedRole(roleName: name, sessionName: session),
            arn: ARN(
                partition: role.partition,
                service: "sts",
                region: "",
                account: role.account,
                resource: "assumed-role/\(name)/\(session)"
            ),
            userID: session
        )
    }

    /// A request of the service's own, made as the role.
    static func request(
        _ action: String,
        on resources: [ARN],
        as role: ARN,
        in scope: Scope,
        at now: Instant
    )
        -> AuthorizationRequest
    {
        AuthorizationRequest(
            principal: principal(role, in: scope),
            action: action,
            resources: resources,
            scope: scope,
            sourceAddress: service,
            userAgent: service,
            at: now
        )
    }
}
