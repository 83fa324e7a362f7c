// SPDX-License-Identifier: Apache-2.0
import MartletCore

extension STSService {
    /// AWS: AssumeRole
    func assumeRole(_ input: AssumeRoleInput, _ context: RequestContext) async throws -> AssumeRoleOutput {
        guard let arn = ARN(input.roleArn) else { throw CommonError("ValidationError", "\(input.roleArn) is invalid") }
        try Self.refuseUnsupported(input)
        let chain = SessionChain(input, caller: callingSession(context))
        try chain.check()
        let scope = try SessionScope(input.policy, input.policyArns, tags: chain.tags)
        try await roles.checkSessionPolicies(
            documents: scope.documents,
            arns: scope.arns,
            in: AccountID(arn.account) ?? context.scope.account
        )
        let role = try await roles.assume(chain.attempt(on: arn, context))
        let session = mint.session(
            of: role,
            named: input.roleSessionName,
            lifetime: try Self.lifetime(input, role, context),
            policies: scope.isNarrowing ? scope.documents : nil,
            policyARNs: scope.arns,
            tags: chain.tags,
            transitiveTagKeys: chain.transitiveTagKeys,
            sourceIdentity: chain.sourceIdentity
        )
        var output = AssumeRoleOutput()
        output.credentials = Credentials(try mint.credentials(of: session))
        output.assumedRoleUser = AssumedRoleUser(assumedRoleId: session.userID, arn: session.arn.description)
        output.packedPolicySize = scope.packedSizePercent
        output.sourceIdentity = chain.sourceIdentity
        return output
    }

    /// The role's maximum, and one hour for a role that a role assumes.
    private static func lifetime(
        _ input: AssumeRoleInput,
        _ role: AssumableRole,
        _ context: RequestContext
    ) throws -> Duration {
        let wanted = Duration.seconds(input.durationSeconds ?? 3_600)
        if case .assumedRole = context.principal.kind, wanted > .seconds(3_600) {
            throw CommonError(
                "ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
            )
        }
        guard wanted <= role.maxSessionDuration else {
            throw CommonError(
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            )
        }
        return wanted
    }

    private static func refuseUnsupported(_ input: AssumeRoleInput) throws {
        if input.providedContexts?.isEmpty == false {
            throw CommonError.notImplemented("ProvidedContexts in AssumeRole")
        }
        try refuseMFA(input.serialNumber, input.tokenCode)
    }

    /// Martlet has no MFA devices, so no code can be right.
    static func refuseMFA(_ serialNumber: String?, _ tokenCode: String?) throws {
        if serialNumber != nil || tokenCode != nil {
            throw CommonError(
                "AccessDenied",
                "MultiFactorAuthentication failed with invalid MFA one time pass code.",
                status: 403
            )
        }
    }
}

extension Credentials {
    init(_ credentials: SessionCredentials) {
        self.init()
        accessKeyId = credentials.accessKeyID
        secretAccessKey = credentials.secretAccessKey
        sessionToken = credentials.sessionToken
        expiration = credentials.expiresAt
    }
}
