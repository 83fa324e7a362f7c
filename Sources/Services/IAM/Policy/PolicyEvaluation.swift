// SPDX-License-Identifier: Apache-2.0

/// The documents that decide on one request, and IAM's rules of how they decide together.
struct PolicyEvaluation: Sendable {
    /// The policies of the user or role, its groups' too. Nil for the account's root, who may do everything.
    var identity: [PolicyDocument]?
    var boundary: PolicyDocument?
    /// Nil for a session that was not narrowed; an empty list allows nothing.
    var session: [PolicyDocument]?
    var resource: PolicyDocument?
    /// The resource belongs to another account than the caller.
    var isCrossAccount = false
    /// The resource's policy has to allow even within the account (role trust, later KMS keys).
    var needsResourcePolicy = false

    func decide(_ question: PolicyQuestion) -> PolicyDecision {
        let verdicts = Verdicts(
            identity: verdict(of: identity, on: question) ?? .allows(.identity),
            boundary: boundary.map { $0.verdict(on: question) } ?? .allows(.identity),
            session: verdict(of: session, on: question) ?? .allows(.identity),
            resource: resource.map { $0.verdict(on: question) } ?? .silent
        )
        if let reason = verdicts.explicitDenial { return .denied(reason) }
        // Services and strangers have no policies of their own: the resource's policy alone decides.
        if question.caller.service != nil || question.caller.identityARN.isEmpty {
            return verdicts.resource.isAllowing ? .allowed : .denied(.silent(.resource))
        }
        if isCrossAccount { return crossAccount(verdicts) }
        return sameAccount(verdicts)
    }

    /// Both sides have to allow.
    private func crossAccount(_ verdicts: Verdicts) -> PolicyDecision {
        if let reason = verdicts.ownSilence { return .denied(reason) }
        return verdicts.resource.isAllowing ? .allowed : .denied(.silent(.resource))
    }

    /// Either side may allow, as far as the resource's policy names the caller itself and not just its account.
    private func sameAccount(_ verdicts: Verdicts) -> PolicyDecision {
        if needsResourcePolicy, !verdicts.resource.isAllowing { return .denied(.silent(.resource)) }
        switch verdicts.resource {
        case .allows(.session): return .allowed
        case .allows(.identity): return verdicts.limitingSilence.map(PolicyDecision.denied) ?? .allowed
        default: return verdicts.ownSilence.map(PolicyDecision.denied) ?? .allowed
        }
    }

    private func verdict(of documents: [PolicyDocument]?, on question: PolicyQuestion) -> PolicyVerdict? {
        guard let documents else { return nil }
        var verdict = PolicyVerdict.silent
        for document in documents {
            switch document.verdict(on: question) {
            case .denies: return .denies
            case .allows(let strength): verdict = .allows(strength)
            case .silent: continue
            }
        }
        return verdict
    }

    private struct Verdicts {
        var identity: PolicyVerdict
        var boundary: PolicyVerdict
        var session: PolicyVerdict
        var resource: PolicyVerdict

        var explicitDenial: DenialReason? {
            if identity == .denies { return .explicit(.identity) }
            if boundary == .denies { return .explicit(.boundary) }
            if session == .denies { return .explicit(.session) }
            return resource == .denies ? .explicit(.resource) : nil
        }

        /// Which of the caller's own policies does not allow it.
        var ownSilence: DenialReason? { identity.isAllowing ? limitingSilence : .silent(.identity) }

        var limitingSilence: DenialReason? {
            if !boundary.isAllowing { return .silent(.boundary) }
            return session.isAllowing ? nil : .silent(.session)
        }
    }
}

enum PolicyDecision: Sendable, Equatable {
    case allowed
    case denied(DenialReason)
}

/// Why a request was denied, in the words that AWS adds to the answer.
enum DenialReason: Sendable, Equatable {
    enum Side: Sendable {
        case identity, boundary, session, resource
    }

    case explicit(Side)
    case silent(Side)

    func text(for action: String) -> String {
        switch self {
        case .explicit(.identity): "with an explicit deny in an identity-based policy"
        case .explicit(.boundary): "with an explicit deny in a permissions boundary"
        case .explicit(.session): "with an explicit deny in a session policy"
        case .explicit(.resource): "with an explicit deny in a resource-based policy"
        case .silent(.identity): "because no identity-based policy allows the \(action) action"
        case .silent(.boundary): "because no permissions boundary allows the \(action) action"
        case .silent(.session): "because no session policy allows the \(action) action"
        case .silent(.resource): "because no resource-based policy allows the \(action) action"
        }
    }
}
