// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Storage

/// A policy that lives inside one identity.
struct InlinePolicy: Sendable, Equatable, RowDecodable {
    var name: String
    var document: String

    init(name: String, document: String) {
        self.name = name
        self.document = document
    }

    init(row: inout Row) throws {
        name = try row.text()
        document = try row.text()
    }
}

extension IAMReading {
    func inlinePolicies(of identity: Identity) throws -> [InlinePolicy] {
        try transaction.rows(
            InlinePolicy.self,
            "SELECT name, document FROM iam_inline_policy WHERE identity_id = \(identity.id) ORDER BY name"
        )
    }

    /// Throws `NoSuchEntityException`.
    func inlinePolicy(_ name: String, of identity: Identity) throws -> InlinePolicy {
        let found = try transaction.first(
            InlinePolicy.self,
            "SELECT name, document FROM iam_inline_policy WHERE identity_id = \(identity.id) AND name = \(name)"
        )
        guard let found else {
            throw NoSuchEntityException("The \(identity.kind.rawValue) policy with name \(name) cannot be found.")
        }
        return found
    }

    /// The ARNs of the attached managed policies.
    func attachments(of identity: Identity) throws -> [String] {
        try transaction.rows(
            String.self,
            "SELECT policy_arn FROM iam_attachment WHERE identity_id = \(identity.id) ORDER BY policy_arn"
        )
    }
}

extension IAMWriter {
    /// Adds or replaces. Throws `LimitExceededException` when all inline policies together grow too large.
    func put(_ policy: InlinePolicy, into identity: Identity) throws {
        let others = try inlinePolicies(of: identity).filter { $0.name != policy.name }
        let size = others.reduce(Quota.size(of: policy.document)) { $0 + Quota.size(of: $1.document) }
        let limit = Quota.inlinePolicySize(identity.kind)
        guard size <= limit else {
            throw LimitExceededException(
                "Maximum policy size of \(limit) bytes exceeded for \(identity.kind.rawValue) \(identity.name)"
            )
        }
        try execute(
            """
            INSERT INTO iam_inline_policy (identity_id, name, document)
            VALUES (\(identity.id), \(policy.name), \(policy.document))
            ON CONFLICT (identity_id, name) DO UPDATE SET document = excluded.document
            """
        )
    }

    func deleteInlinePolicy(_ name: String, of identity: Identity) throws {
        _ = try inlinePolicy(name, of: identity)
        try execute("DELETE FROM iam_inline_policy WHERE identity_id = \(identity.id) AND name = \(name)")
    }

    /// Attaching twice succeeds. Throws `LimitExceededException`, `NoSuchEntityException`.
    func attach(_ policyARN: String, to identity: Identity) throws {
        guard try managedPolicy(policyARN) != nil else {
            throw NoSuchEntityException("Policy \(policyARN) does not exist or is not attachable.")
        }
        let attached = try attachments(of: identity)
        if attached.contains(policyARN) { return }
        try Quota.check("PoliciesPer\(identity.kind.title)", Quota.attachedPolicies, isExceededBy: attached.count + 1)
        try execute(
            """
            INSERT INTO iam_attachment (identity_id, policy_arn, account)
            VALUES (\(identity.id), \(policyARN), \(account)) ON CONFLICT DO NOTHING
            """
        )
    }

    func detach(_ policyARN: String, from identity: Identity) throws {
        let count = try execute(
            "DELETE FROM iam_attachment WHERE identity_id = \(identity.id) AND policy_arn = \(policyARN)"
        )
        guard count > 0 else { throw NoSuchEntityException("Policy \(policyARN) was not found.") }
    }
}
