// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// Whoever calls, with all of its own that decides: names, policies, boundary, session.
struct Caller: Sendable {
    var names: CallerNames
    /// Nil for the root.
    var documents: [PolicyDocument]?
    var boundary: PolicyDocument?
    /// Nil for a session that was not narrowed, and for long-lived keys.
    var session: [PolicyDocument]?
    var keys: ConditionKeys
}

/// Finds out what a principal is to policies.
package final class CallerDirectory: Sendable {
    let identities: IdentityDirectory
    private let sessions: any SessionDirectory
    private let sessionPolicies: ShortLivedCache<String, [PolicyDocument]?>

    package init(identities: IdentityDirectory, sessions: any SessionDirectory, clock: any WallClock) {
        self.identities = identities
        self.sessions = sessions
        sessionPolicies = ShortLivedCache(identities.store, clock: clock)
    }

    func caller(_ principal: Principal) async throws -> Caller {
        let facts = try sessionFacts(of: principal)
        var caller: Caller
        switch principal.kind {
        case .root: caller = root(principal)
        case .user(let name): caller = try await identity(.user, name, principal)
        case .assumedRole(let role, _): caller = try await identity(.role, role, principal)
        case .federatedUser: caller = try await federated(principal, facts)
        case .service(let name):
            caller = Caller(names: CallerNames(account: "", identityARN: "", service: name), documents: [], keys: [:])
            caller.keys["aws:PrincipalServiceName"] = [name]
        case .anonymous: caller = Caller(names: CallerNames(account: "", identityARN: ""), documents: [], keys: [:])
        }
        if let facts { try await narrow(&caller, by: facts, principal) }
        caller.keys.merge(Self.keys(of: principal, caller))
        return caller
    }

    /// The facts of a session key. Without them nobody knows what limits the session, so it may do nothing.
    private func sessionFacts(of principal: Principal) throws -> SessionFacts? {
        guard let key = principal.accessKeyID, key.hasPrefix("ASIA") else { return nil }
        guard let facts = sessions.facts(ofAccessKey: key) else {
            throw MartletError("iam.session", "the session \(key) is not known on this node")
        }
        return facts
    }

    private func root(_ principal: Principal) -> Caller {
        Caller(
            names: CallerNames(account: principal.account.text, identityARN: principal.arn.description, isRoot: true),
            documents: nil,
            keys: [:]
        )
    }

    private func identity(_ kind: Identity.Kind, _ name: String, _ principal: Principal) async throws -> Caller {
        let found = try await identities.find(kind, name, in: principal.account)
        let partition = principal.arn.partition
        let arn =
            found?.identity.arn(partition).description
            ?? "arn:\(partition):iam::\(principal.account):\(kind.rawValue)/\(name)"
        var caller = Caller(
            names: CallerNames(
                account: principal.account.text,
                identityARN: arn,
                sessionARN: kind == .role ? principal.arn.description : nil,
                uniqueID: found?.identity.id,
                isUser: kind == .user
            ),
            documents: found?.documents ?? [],
            boundary: found?.boundary,
            keys: [:]
        )
        for (key, value) in found?.tags ?? [:] { caller.keys["aws:PrincipalTag/\(key)"] = [value] }
        return caller
    }

    /// Has what its user has, as far as the session's policies allow it.
    private func federated(_ principal: Principal, _ facts: SessionFacts?) async throws -> Caller {
        var caller: Caller
        switch facts?.identity {
        case .user(let name)?: caller = try await identity(.user, name, principal)
        case .root?:
            caller = root(principal)
            caller.names.isRoot = false
        default: throw MartletError("iam.session", "\(principal.arn) comes without its session")
        }
        caller.names.sessionARN = principal.arn.description
        caller.session = []
        return caller
    }

    private func narrow(_ caller: inout Caller, by facts: SessionFacts, _ principal: Principal) async throws {
        let documents = try await sessionPolicies.value(for: principal.accessKeyID ?? "") {
            try await self.documents(of: facts)
        }
        caller.session = documents ?? caller.session
        for (key, value) in facts.tags { caller.keys["aws:PrincipalTag/\(key)"] = [value] }
        caller.keys["aws:TokenIssueTime"] = [facts.issuedAt.iso8601]
        caller.keys["aws:MultiFactorAuthPresent"] = ["false"]
        if let source = facts.sourceIdentity { caller.keys["aws:SourceIdentity"] = [source] }
    }

    private func documents(of facts: SessionFacts) async throws -> [PolicyDocument]? {
        guard facts.policies != nil || !facts.policyARNs.isEmpty else { return nil }
        var documents = try (facts.policies ?? []).map { try PolicyDocument(parsing: $0, as: .identity) }
        for arn in facts.policyARNs {
            // One that is gone allows nothing.
            if let document = try await identities.managedPolicy(arn, in: facts.account) { documents.append(document) }
        }
        return documents
    }

    private static func keys(of principal: Principal, _ caller: Caller) -> [String: [String]] {
        var keys: [String: [String]] = ["aws:PrincipalIsAWSService": [caller.names.service == nil ? "false" : "true"]]
        switch principal.kind {
        case .root: keys["aws:PrincipalType"] = ["Account"]
        case .user(let name):
            keys["aws:PrincipalType"] = ["User"]
            keys["aws:username"] = [name]
        case .assumedRole: keys["aws:PrincipalType"] = ["AssumedRole"]
        case .federatedUser: keys["aws:PrincipalType"] = ["FederatedUser"]
        case .service: return keys
        case .anonymous:
            keys["aws:PrincipalType"] = ["Anonymous"]
            return keys
        }
        keys["aws:PrincipalArn"] = [caller.names.identityARN]
        keys["aws:PrincipalAccount"] = [principal.account.text]
        keys["aws:userid"] = [principal.userID]
        return keys
    }
}
