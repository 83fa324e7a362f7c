// SPDX-License-Identifier: Apache-2.0
import Crypto
package import Logging
package import MartletCore

/// Roles, as other services need them: whether one trusts a service, who may assume it, whether it is still the same.
package struct IAMRoles: RoleDirectory, RoleAuthority {
    package struct Configuration: Sendable {
        /// `enforced` mode. Otherwise a trust policy's actions and conditions are looked at, its principals are not, as
        /// every caller is its account's root.
        package var enforcesTrust: Bool
        /// `open` mode: roles that nobody created can be assumed too, with a warning, as local tools make up roles.
        package var takesUnknownRoles: Bool

        package init(enforcesTrust: Bool, takesUnknownRoles: Bool) {
            self.enforcesTrust = enforcesTrust
            self.takesUnknownRoles = takesUnknownRoles
        }
    }

    private let callers: CallerDirectory
    private let identities: IdentityDirectory
    private let configuration: Configuration
    private let usage: UsageLedger?
    private let clock: any WallClock
    private let logger: Logger

    package init(
        callers: CallerDirectory,
        identities: IdentityDirectory,
        configuration: Configuration,
        usage: UsageLedger? = nil,
        clock: any WallClock,
        logger: Logger
    ) {
        self.callers = callers
        self.identities = identities
        self.configuration = configuration
        self.usage = usage
        self.clock = clock
        self.logger = logger
    }

    package func standing(of role: ARN, for service: String) async throws -> RoleStanding {
        guard let found = try await find(role) else { return .missing }
        var keys: ConditionKeys = ["aws:SourceAccount": [found.identity.account.text]]
        keys["aws:PrincipalIsAWSService"] = ["true"]
        keys["aws:PrincipalServiceName"] = [service]
        let names = CallerNames(account: "", identityARN: "", service: service)
        let question = PolicyQuestion(
            action: "sts:AssumeRole",
            resource: role.description,
            caller: names,
            keys: keys
        )
        return found.trust?.verdict(on: question).isAllowing == true ? .trusts : .exists
    }

    package func role(_ arn: ARN) async throws -> AssumableRole? {
        guard let found = try await find(arn) else { return madeUp(arn) }
        return AssumableRole(found.identity, partition: arn.partition)
    }

    package func assume(_ attempt: AssumeRoleAttempt) async throws -> AssumableRole {
        let principal = attempt.request.principal
        guard let found = try await find(attempt.role), let trust = found.trust else {
            if let role = madeUp(attempt.role) { return role }
            throw Denial.error(principal, "sts:AssumeRole", on: attempt.role.description, nil)
        }
        if configuration.enforcesTrust {
            try await decide(attempt, trust, owner: found.identity.account)
        } else {
            try decideWithoutPrincipals(attempt, trust)
        }
        return AssumableRole(found.identity, partition: attempt.role.partition)
    }

    package func isCurrent(_ identity: SessionIdentity, id: String, in account: AccountID) async throws -> Bool {
        switch identity {
        case .root: return true
        case .user(let name): return try await identities.find(.user, name, in: account)?.identity.id == id
        case .role(let name):
            if configuration.takesUnknownRoles, id == Self.madeUpID(name, in: account) { return true }
            guard let found = try await identities.find(.role, name, in: account), found.identity.id == id else {
                return false
            }
            usage?.note(.identity(id), at: clock.now, service: nil, region: nil)
            return true
        }
    }

    package func checkSessionPolicies(documents: [String], arns: [String], in account: AccountID) async throws {
        for document in documents {
            do {
                _ = try PolicyDocument(parsing: document, as: .identity)
            } catch let fault as PolicyFault {
                throw CommonError("MalformedPolicyDocument", fault.message)
            }
        }
        for arn in arns where try await identities.managedPolicy(arn, in: account) == nil {
            throw CommonError("ValidationError", "Policy \(arn) does not exist or is not attachable.")
        }
    }

    package func tags(of identity: SessionIdentity, in account: AccountID) async throws -> [String: String] {
        switch identity {
        case .root: [:]
        case .user(let name): try await identities.find(.user, name, in: account)?.tags ?? [:]
        case .role(let name): try await identities.find(.role, name, in: account)?.tags ?? [:]
        }
    }

    // MARK: - Deciding

    private func decide(_ attempt: AssumeRoleAttempt, _ trust: PolicyDocument, owner: AccountID) async throws {
        let principal = attempt.request.principal
        if principal.kind == .root {
            throw CommonError("AccessDenied", "Roles may not be assumed by root accounts.", status: 403)
        }
        let caller = try await callers.caller(principal)
        var keys = ConditionKeys(attempt.request, caller: caller)
        keys["aws:ResourceAccount"] = [owner.text]
        let evaluation = PolicyEvaluation(
            identity: caller.documents,
            boundary: caller.boundary,
            session: caller.session,
            resource: trust,
            isCrossAccount: owner != principal.account,
            needsResourcePolicy: true
        )
        for action in attempt.actions {
            let question = PolicyQuestion(
                action: action,
                resource: attempt.role.description,
                caller: caller.names,
                keys: keys
            )
            guard case .denied(let reason) = evaluation.decide(question) else { continue }
            // AWS does not tell strangers what a trust policy says.
            let isOwn = reason != .silent(.resource) && reason != .explicit(.resource)
            throw Denial.error(principal, action, on: attempt.role.description, isOwn ? reason : nil)
        }
    }

    private func decideWithoutPrincipals(_ attempt: AssumeRoleAttempt, _ trust: PolicyDocument) throws {
        var anyone = trust
        anyone.statements = trust.statements.filter { $0.effect == .allow }.map { statement in
            var statement = statement
            statement.principals = nil
            return statement
        }
        let principal = attempt.request.principal
        let names = CallerNames(
            account: principal.account.text,
            identityARN: principal.arn.description,
            isRoot: principal.kind == .root
        )
        let keys = ConditionKeys(attempt.request, caller: Caller(names: names, keys: [:]))
        let question = PolicyQuestion(
            action: "sts:AssumeRole",
            resource: attempt.role.description,
            caller: names,
            keys: keys
        )
        guard trust.verdict(on: question) != .denies, anyone.verdict(on: question).isAllowing else {
            throw Denial.error(principal, "sts:AssumeRole", on: attempt.role.description, nil)
        }
    }

    // MARK: - Finding

    /// Nil when there is no role of exactly this ARN, path included.
    private func find(_ arn: ARN) async throws -> IdentityPolicies? {
        guard let name = Self.roleName(arn), let account = AccountID(arn.account),
            let found = try await identities.find(.role, name, in: account),
            found.identity.arn(arn.partition) == arn
        else { return nil }
        return found
    }

    private static func roleName(_ arn: ARN) -> String? {
        guard arn.service == "iam", arn.resource.hasPrefix("role/") else { return nil }
        return arn.resource.split(separator: "/").last.map(String.init)
    }

    private func madeUp(_ arn: ARN) -> AssumableRole? {
        guard configuration.takesUnknownRoles, let account = AccountID(arn.account), let name = Self.roleName(arn)
        else { return nil }
        logger.debug("a role that nobody created is taken, as the server is open", metadata: ["role": "\(arn)"])
        return AssumableRole(
            arn: arn,
            account: account,
            name: name,
            id: Self.madeUpID(name, in: account),
            maxSessionDuration: .seconds(43_200)
        )
    }

    /// The same for the same role, so that a session of it stays valid.
    private static func madeUpID(_ name: String, in account: AccountID) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
        let digest = SHA256.hash(data: Array("\(account)/\(name)".utf8))
        return "AROA" + String(decoding: digest.prefix(17).map { letters[Int($0 & 31)] }, as: UTF8.self)
    }
}

extension AssumableRole {
    init(_ identity: Identity, partition: String) {
        self.init(
            arn: identity.arn(partition),
            account: identity.account,
            name: identity.name,
            id: identity.id,
            maxSessionDuration: .seconds(identity.maxSessionSeconds)
        )
    }
}
