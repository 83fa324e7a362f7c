// SPDX-License-Identifier: Apache-2.0
import MartletCore

extension STSService {
    /// The root's sessions last an hour at most. AWS: GetSessionToken
    func getSessionToken(_ input: GetSessionTokenInput, _ context: RequestContext) async throws -> GetSessionTokenOutput
    {
        try Self.refuseMFA(input.serialNumber, input.tokenCode)
        let caller = try longLivedCaller(context, "GetSessionToken")
        let session = mint.session(
            caller.face,
            arn: context.principal.arn,
            userID: context.principal.userID,
            facts: SessionFacts(
                account: context.principal.account,
                identity: caller.identity,
                identityID: context.principal.userID,
                issuedAt: mint.clock.now
            ),
            lifetime: caller.lifetime(input.durationSeconds)
        )
        var output = GetSessionTokenOutput()
        output.credentials = Credentials(try mint.credentials(of: session))
        return output
    }

    /// Without any policy, the session may do only what resources' policies give it. AWS: GetFederationToken
    func getFederationToken(
        _ input: GetFederationTokenInput,
        _ context: RequestContext
    ) async throws -> GetFederationTokenOutput {
        let caller = try longLivedCaller(context, "GetFederationToken")
        let account = context.principal.account
        let tags = Dictionary((input.tags ?? []).map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        let scope = try SessionScope(input.policy, input.policyArns, tags: tags)
        try await roles.checkSessionPolicies(documents: scope.documents, arns: scope.arns, in: account)
        let session = mint.session(
            .federatedUser(name: input.name),
            arn: ARN(
                partition: context.principal.arn.partition,
                service: "sts",
                region: "",
                account: account.text,
                resource: "federated-user/\(input.name)"
            ),
            userID: "\(account):\(input.name)",
            facts: SessionFacts(
                account: account,
                identity: caller.identity,
                identityID: context.principal.userID,
                policies: scope.documents,
                policyARNs: scope.arns,
                tags: tags,
                issuedAt: mint.clock.now
            ),
            lifetime: caller.lifetime(input.durationSeconds)
        )
        var output = GetFederationTokenOutput()
        output.credentials = Credentials(try mint.credentials(of: session))
        output.federatedUser = FederatedUser(federatedUserId: session.userID, arn: session.arn.description)
        output.packedPolicySize = scope.packedSizePercent
        return output
    }

    private struct LongLivedCaller {
        var face: Session.Face
        var identity: SessionIdentity

        /// Twelve hours where nothing is asked for.
        func lifetime(_ seconds: Int?) -> Duration {
            .seconds(identity == .root ? min(seconds ?? 3_600, 3_600) : seconds ?? 43_200)
        }
    }

    /// Sessions cannot make sessions of this kind.
    private func longLivedCaller(_ context: RequestContext, _ operation: String) throws -> LongLivedCaller {
        let isSession = callingSession(context) != nil
        switch context.principal.kind {
        case .root where !isSession: return LongLivedCaller(face: .root, identity: .root)
        case .user(let name) where !isSession:
            return LongLivedCaller(face: .user(name: name), identity: .user(name: name))
        default:
            throw CommonError("AccessDenied", "Cannot call \(operation) with session credentials", status: 403)
        }
    }
}
