// SPDX-License-Identifier: Apache-2.0

/// A policy, parsed and ready to be asked. Immutable and cheap to pass round.
struct PolicyDocument: Sendable, Equatable {
    enum Version: String, Sendable {
        case v2008 = "2008-10-17"
        /// With variables.
        case v2012 = "2012-10-17"
    }

    /// What the document is for decides what it may hold.
    enum Purpose: Sendable {
        /// Inline and managed policies, boundaries, session policies: no principal.
        case identity
        /// A role's trust: principals and `sts:` actions, no resource.
        case trust
        /// A resource's own policy.
        case resource
    }

    var version: Version
    var statements: [PolicyStatement]

    /// What the document says of a request. A deny wins over every allow.
    func verdict(on question: PolicyQuestion) -> PolicyVerdict {
        var verdict = PolicyVerdict.silent
        for statement in statements {
            guard let strength = statement.applies(to: question) else { continue }
            switch statement.effect {
            case .deny: return .denies
            case .allow: verdict = verdict.strengthened(to: strength)
            }
        }
        return verdict
    }
}

enum PolicyVerdict: Sendable, Equatable {
    case denies
    /// Of a document without principals always `.identity`.
    case allows(GrantStrength)
    case silent

    var isAllowing: Bool { if case .allows = self { true } else { false } }

    fileprivate func strengthened(to strength: GrantStrength) -> PolicyVerdict {
        if case .allows(let before) = self { return .allows(max(before, strength)) }
        return .allows(strength)
    }
}

struct PolicyStatement: Sendable, Equatable {
    enum Effect: String, Sendable {
        case allow = "Allow"
        case deny = "Deny"
    }

    var sid: String?
    var effect: Effect
    /// Nil in identities' policies.
    var principals: PolicyPrincipals?
    var actions: [Wildcard]
    /// `NotAction`
    var exceptsActions: Bool
    /// Nil in trust policies: the role is meant.
    var resources: [ARNPattern]?
    /// `NotResource`
    var exceptsResources: Bool
    var conditions: [PolicyCondition]

    /// Nil when the statement says nothing about the request.
    func applies(to question: PolicyQuestion) -> GrantStrength? {
        guard actions.contains(where: { $0.matches(question.actionSymbols) }) != exceptsActions,
            matchesResource(question),
            let strength = principals.map({ $0.grant(to: question.caller) }) ?? .identity,
            conditions.allSatisfy({ $0.holds(question.keys) })
        else { return nil }
        return strength
    }

    private func matchesResource(_ question: PolicyQuestion) -> Bool {
        guard let resources else { return true }
        return resources.contains { $0.matches(question.resourceText, question.keys) } != exceptsResources
    }
}

/// One action on one resource by one caller, as a document is asked.
struct PolicyQuestion: Sendable {
    let action: String
    let resource: String
    var caller: CallerNames
    var keys: ConditionKeys
    /// Actions are not distinguished by case.
    let actionSymbols: [UInt32]
    let resourceText: ARNText

    /// `resource` is `*` for actions that have none.
    init(action: String, resource: String, caller: CallerNames, keys: ConditionKeys) {
        self.action = action
        self.resource = resource
        self.caller = caller
        self.keys = keys
        actionSymbols = Wildcard.literals(of: action.lowercased())
        resourceText = ARNText(resource)
    }
}
