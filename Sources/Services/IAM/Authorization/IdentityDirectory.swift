// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import MartletCore

/// A user or role with everything of its own that decides what it may do.
struct IdentityPolicies: Sendable, Equatable {
    var identity: Identity
    /// Inline and attached ones, a user's groups' too.
    var documents: [PolicyDocument]
    var boundary: PolicyDocument?
    /// A role's.
    var trust: PolicyDocument?
    var tags: [String: String]
}

/// Reads identities with their policies for the authoriser, through a short-lived cache: an ordinary request costs no read.
package final class IdentityDirectory: Sendable {
    private struct Key: Hashable {
        var account: AccountID
        var kind: Identity.Kind
        var name: String
    }

    let store: IAMStore
    private let cache: ShortLivedCache<Key, IdentityPolicies?>
    private let managed: ShortLivedCache<String, PolicyDocument?>

    package init(store: IAMStore, clock: any WallClock) {
        self.store = store
        cache = ShortLivedCache(store, clock: clock)
        managed = ShortLivedCache(store, clock: clock, limit: 512)
    }

    /// Nil when there is no such user or role.
    func find(_ kind: Identity.Kind, _ name: String, in account: AccountID) async throws -> IdentityPolicies? {
        try await cache.value(for: Key(account: account, kind: kind, name: name)) {
            try await store.read(account) { iam in
                guard let identity = try iam.find(kind, named: name) else { return nil }
                return try iam.policies(of: identity)
            }
        }
    }

    /// The document in force of a managed policy; nil when there is none.
    func managedPolicy(_ arn: String, in account: AccountID) async throws -> PolicyDocument? {
        try await managed.value(for: "\(account)/\(arn)") {
            try await store.read(account) { iam in
                try iam.document(ofPolicy: arn).map { try iam.parse($0, as: .identity, of: arn) }
            }
        }
    }
}

extension IAMReading {
    fileprivate func policies(of identity: Identity) throws -> IdentityPolicies {
        let owners = [identity] + (identity.kind == .user ? try containers(of: identity) : [])
        let tags = try self.tags(of: identity.id).map { ($0.key, $0.value) }
        return IdentityPolicies(
            identity: identity,
            documents: try owners.flatMap(documents),
            boundary: try identity.boundary.map(boundary),
            trust: try identity.trust.map { try parse($0, as: .trust, of: identity.name) },
            tags: Dictionary(tags, uniquingKeysWith: { first, _ in first })
        )
    }

    private func documents(of identity: Identity) throws -> [PolicyDocument] {
        let inline = try inlinePolicies(of: identity).map { try parse($0.document, as: .identity, of: $0.name) }
        let attached = try attachments(of: identity).compactMap { arn in
            try document(ofPolicy: arn).map { try parse($0, as: .identity, of: arn) }
        }
        return inline + attached
    }

    private func boundary(_ arn: String) throws -> PolicyDocument {
        // A boundary that is gone allows nothing.
        guard let text = try document(ofPolicy: arn) else { return PolicyDocument(version: .v2012, statements: []) }
        return try parse(text, as: .identity, of: arn)
    }

    /// A stored document that does not parse may hold a deny: better to fail than to pass it over.
    func parse(_ text: String, as purpose: PolicyDocument.Purpose, of owner: String) throws -> PolicyDocument {
        do {
            return try PolicyDocument(parsing: text, as: purpose)
        } catch {
            throw MartletError(
                "iam.policy",
                "the stored policy \(owner) of account \(account) cannot be read",
                cause: error
            )
        }
    }
}
