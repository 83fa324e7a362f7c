// SPDX-License-Identifier: Apache-2.0
package import AWSWire
package import MartletCore

/// AWS Security Token Service: who am I, and temporary credentials of roles, users and federated users.
///
/// Stores nothing: a session's token holds everything that is needed to verify it.
package struct STSService: STSAPI, ServiceProvider {
    let roles: any RoleAuthority
    let mint: SessionMint
    /// What the caller's own session says, when it comes with one.
    let sessions: any SessionDirectory

    package init(roles: any RoleAuthority, mint: SessionMint, sessions: any SessionDirectory) {
        self.roles = roles
        self.mint = mint
        self.sessions = sessions
    }

    package var model: ServiceModel { .sts }
    package var operations: [Operation] { stsOperations }

    package func resources(of operation: String, input: any Shape, in scope: Scope) -> [ARN] {
        switch input {
        case let input as AssumeRoleInput: ARN(input.roleArn).map { [$0] } ?? []
        case let input as GetFederationTokenInput: [scope.globalARN("sts", "federated-user/\(input.name)")]
        default: []
        }
    }

    /// The facts of the session that calls; nil for long-lived keys.
    func callingSession(_ context: RequestContext) -> SessionFacts? {
        context.principal.accessKeyID.flatMap { sessions.facts(ofAccessKey: $0) }
    }
}
