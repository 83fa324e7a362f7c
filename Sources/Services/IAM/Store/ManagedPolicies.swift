// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

extension IAMReading {
    /// One of AWS's, or one of this account. Nil when there is none; another account's are not looked up.
    func managedPolicy(_ arn: String) throws -> ManagedPolicy? {
        guard let name = PolicyName(arn: arn) else { return nil }
        guard let owner = name.account else {
            return AWSManagedPolicies.byName[name.name].flatMap { $0.path == name.path ? $0.policy : nil }
        }
        guard owner == account else { return nil }
        return try transaction.first(
            ManagedPolicy.self,
            """
            SELECT \(ManagedPolicy.columns) FROM iam_policy
            WHERE account = \(account) AND name_key = \(name.name.lowercased()) AND name = \(name.name) AND path = \(name.path)
            """
        )
    }

    /// Throws `NoSuchEntityException`.
    func policy(_ arn: String) throws -> ManagedPolicy {
        guard let policy = try managedPolicy(arn) else { throw NoSuchEntityException("Policy \(arn) was not found.") }
        return policy
    }

    /// A policy that can be changed: throws for AWS's own.
    func customerPolicy(_ arn: String) throws -> ManagedPolicy {
        let policy = try policy(arn)
        guard policy.account != nil else {
            throw CommonError("AccessDenied", "Policy \(arn) is managed by AWS and cannot be changed.", status: 403)
        }
        return policy
    }

    func versions(of policy: ManagedPolicy) throws -> [ManagedPolicyVersion] {
        if policy.account == nil { return AWSManagedPolicies.byName[policy.name].map { [$0.version] } ?? [] }
        return try transaction.rows(
            ManagedPolicyVersion.self,
            """
            SELECT number, document, created_at FROM iam_policy_version WHERE policy_id = \(policy.id) ORDER BY number DESC
            """
        )
    }

    /// Throws `NoSuchEntityException`.
    func version(_ versionID: String, of policy: ManagedPolicy, arn: String) throws -> ManagedPolicyVersion {
        let number = ManagedPolicyVersion.number(of: versionID)
        guard let found = try versions(of: policy).first(where: { $0.number == number }) else {
            throw NoSuchEntityException("Policy \(arn) version \(versionID) does not exist or is not attachable.")
        }
        return found
    }

    /// The document in force; nil when the policy is gone.
    func document(ofPolicy arn: String) throws -> String? {
        guard let policy = try managedPolicy(arn) else { return nil }
        return try versions(of: policy).first { $0.number == policy.defaultVersion }?.document
    }

    func policies(pathPrefix: String?, _ page: PageRequest) throws -> [ManagedPolicy] {
        let prefix = pathPrefix ?? "/"
        return try transaction.rows(
            ManagedPolicy.self,
            """
            SELECT \(ManagedPolicy.columns) FROM iam_policy
            WHERE account = \(account) AND name_key > \(page.after)
              AND substr(path, 1, \(prefix.unicodeScalars.count)) = \(prefix)
            ORDER BY name_key LIMIT \(page.limit + 1)
            """
        )
    }

    func policyCount() throws -> Int {
        try transaction.count("SELECT COUNT(*) FROM iam_policy WHERE account = \(account)")
    }

    func policyVersionCount() throws -> Int {
        try transaction.count(
            """
            SELECT COUNT(*) FROM iam_policy_version
            WHERE policy_id IN (SELECT id FROM iam_policy WHERE account = \(account))
            """
        )
    }

    /// How many identities have it attached, and how many are bounded by it.
    func usage(of arn: String) throws -> (attachments: Int, boundaries: Int) {
        (
            try transaction.count(
                "SELECT COUNT(*) FROM iam_attachment WHERE account = \(account) AND policy_arn = \(arn)"
            ),
            try transaction.count("SELECT COUNT(*) FROM iam_identity WHERE account = \(account) AND boundary = \(arn)")
        )
    }

    /// Those that have it attached; with `asBoundary`, those that are bounded by it.
    func identities(using arn: String, asBoundary: Bool) throws -> [Identity] {
        let attached: SQL =
            "id IN (SELECT identity_id FROM iam_attachment WHERE account = \(account) AND policy_arn = \(arn))"
        return try transaction.rows(
            Identity.self,
            """
            SELECT \(Identity.columns) FROM iam_identity
            WHERE account = \(account) AND \(asBoundary ? "boundary = \(arn)" : attached) ORDER BY name_key
            """
        )
    }
}

extension IAMWriter {
    /// With its first version. Throws `EntityAlreadyExistsException`, `LimitExceededException`.
    func insert(_ policy: ManagedPolicy, document: String) throws {
        try Quota.check("PoliciesPerAccount", Quota.policiesPerAccount, isExceededBy: try policyCount() + 1)
        do {
            try execute(
                """
                INSERT INTO iam_policy (id, account, name, name_key, path, description, default_version, last_version,
                    created_at, updated_at)
                VALUES (\(policy.id), \(account), \(policy.name), \(policy.name.lowercased()), \(policy.path),
                    \(policy.description), 1, 1, \(policy.createdAt), \(policy.updatedAt))
                """
            )
        } catch StorageError.unique {
            throw EntityAlreadyExistsException(
                "A policy called \(policy.name) already exists. Duplicate names are not allowed."
            )
        }
        try insert(ManagedPolicyVersion(number: 1, document: document, createdAt: policy.createdAt), of: policy)
    }

    /// Throws `LimitExceededException` when there are five.
    func addVersion(
        _ document: String,
        to policy: ManagedPolicy,
        asDefault: Bool,
        at now: Instant
    ) throws -> ManagedPolicyVersion {
        guard try versions(of: policy).count < Quota.versionsPerPolicy else {
            throw LimitExceededException(
                "A managed policy can have up to \(Quota.versionsPerPolicy) versions. Before you create a new version, you must delete an existing version."
            )
        }
        let last = try transaction.count("SELECT last_version FROM iam_policy WHERE id = \(policy.id)")
        let version = ManagedPolicyVersion(number: last + 1, document: document, createdAt: now)
        try insert(version, of: policy)
        try execute(
            "UPDATE iam_policy SET last_version = \(version.number), updated_at = \(now) WHERE id = \(policy.id)"
        )
        if asDefault { try setDefaultVersion(version.number, of: policy, at: now) }
        return version
    }

    func setDefaultVersion(_ number: Int, of policy: ManagedPolicy, at now: Instant) throws {
        try execute("UPDATE iam_policy SET default_version = \(number), updated_at = \(now) WHERE id = \(policy.id)")
    }

    func delete(_ version: ManagedPolicyVersion, of policy: ManagedPolicy) throws {
        try execute("DELETE FROM iam_policy_version WHERE policy_id = \(policy.id) AND number = \(version.number)")
    }

    func delete(_ policy: ManagedPolicy) throws {
        try execute("DELETE FROM iam_tag WHERE owner_id = \(policy.id)")
        try execute("DELETE FROM iam_policy_version WHERE policy_id = \(policy.id)")
        try execute("DELETE FROM iam_policy WHERE id = \(policy.id)")
    }

    private func insert(_ version: ManagedPolicyVersion, of policy: ManagedPolicy) throws {
        try execute(
            """
            INSERT INTO iam_policy_version (policy_id, number, document, created_at)
            VALUES (\(policy.id), \(version.number), \(version.document), \(version.createdAt))
            """
        )
    }
}
