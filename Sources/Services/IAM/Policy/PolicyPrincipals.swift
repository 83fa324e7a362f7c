// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// A statement's `Principal` or `NotPrincipal`.
struct PolicyPrincipals: Sendable, Equatable {
    enum Entry: Sendable, Equatable, Hashable {
        case everyone
        /// An account by number or by its root's ARN.
        case account(String)
        /// A user, a role, a session, by ARN.
        case arn(String)
        /// A user or role by its unique id, as IAM rewrites a deleted one.
        case uniqueID(String)
        case service(String)
        /// An identity provider; matched by its name or ARN.
        case federated(String)
        case canonicalUser(String)
    }

    var entries: [Entry]
    /// `NotPrincipal`
    var isNegated: Bool

    /// How directly the caller is named; nil when it is not.
    func grant(to caller: CallerNames) -> GrantStrength? {
        let strongest = entries.compactMap { caller.strength(of: $0) }.max()
        guard isNegated else { return strongest }
        // An account's number in a NotPrincipal spares its root user only, not everyone in the account.
        let isSpared = strongest.map { $0 > .account || caller.isRoot } ?? false
        return isSpared ? nil : .identity
    }
}

/// How a resource's policy names a caller, weakest first: what it is worth beside the identity's own policies depends on it.
enum GrantStrength: Int, Sendable, Comparable {
    /// The caller's account: its own policies have to allow too.
    case account
    /// The user, the role, or everyone.
    case identity
    /// This very session: not limited by what its boundary and session policies leave out.
    case session

    static func < (left: GrantStrength, right: GrantStrength) -> Bool { left.rawValue < right.rawValue }
}

/// The names under which policies know a caller.
struct CallerNames: Sendable, Equatable {
    var account: String
    /// `arn:…:user/path/name`, `arn:…:role/path/name`, `arn:…:root`; empty for anonymous callers.
    var identityARN: String
    /// `arn:aws:sts::…:assumed-role/…`, `…:federated-user/…`; nil for those who sign with long-lived keys.
    var sessionARN: String?
    /// `AIDA…`, `AROA…`
    var uniqueID: String?
    var isRoot = false
    var isUser = false
    /// Set for a service; all else is empty then.
    var service: String?

    func strength(of entry: PolicyPrincipals.Entry) -> GrantStrength? {
        switch entry {
        case .everyone: namedStrength
        case .service(let name): service == name ? .session : nil
        case .account(let number): account == number && service == nil && !account.isEmpty ? rootStrength : nil
        case .arn(let arn): strength(ofARN: arn)
        case .uniqueID(let id): uniqueID == id ? namedStrength : nil
        case .federated, .canonicalUser: nil
        }
    }

    private func strength(ofARN arn: String) -> GrantStrength? {
        if let sessionARN, sessionARN == arn { return .session }
        return identityARN == arn && !arn.isEmpty ? namedStrength : nil
    }

    /// A user that is named directly keeps the permission even where its boundary is silent; a role's boundary limits it.
    private var namedStrength: GrantStrength { isUser && sessionARN == nil ? .session : .identity }
    private var rootStrength: GrantStrength { isRoot ? .session : .account }
}
