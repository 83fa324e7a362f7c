// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

extension IAMReading {
    func find(_ kind: Identity.Kind, named name: String) throws -> Identity? {
        try transaction.first(
            Identity.self,
            """
            SELECT \(Identity.columns) FROM iam_identity
            WHERE account = \(account) AND kind = \(kind.rawValue) AND name_key = \(name.lowercased()) AND name = \(name)
            """
        )
    }

    /// Throws `NoSuchEntityException`.
    func identity(_ kind: Identity.Kind, named name: String) throws -> Identity {
        if let found = try find(kind, named: name) { return found }
        switch kind {
        case .instanceProfile: throw NoSuchEntityException("Instance Profile \(name) cannot be found.")
        default: throw NoSuchEntityException("The \(kind.rawValue) with name \(name) cannot be found.")
        }
    }

    func identity(id: String) throws -> Identity? {
        try transaction.first(
            Identity.self,
            "SELECT \(Identity.columns) FROM iam_identity WHERE id = \(id) AND account = \(account)"
        )
    }

    func identities(_ kind: Identity.Kind, pathPrefix: String?, _ page: PageRequest) throws -> Page<Identity> {
        let prefix = pathPrefix ?? "/"
        let rows = try transaction.rows(
            Identity.self,
            """
            SELECT \(Identity.columns) FROM iam_identity
            WHERE account = \(account) AND kind = \(kind.rawValue) AND name_key > \(page.after)
              AND substr(path, 1, \(prefix.unicodeScalars.count)) = \(prefix)
            ORDER BY name_key LIMIT \(page.limit + 1)
            """
        )
        return Page(rows, limit: page.limit) { $0.name.lowercased() }
    }

    func count(_ kind: Identity.Kind) throws -> Int {
        try transaction.count(
            "SELECT COUNT(*) FROM iam_identity WHERE account = \(account) AND kind = \(kind.rawValue)"
        )
    }

    /// The groups of a user, the profiles of a role.
    func containers(of member: Identity) throws -> [Identity] {
        try transaction.rows(
            Identity.self,
            """
            SELECT \(Identity.columns) FROM iam_identity
            WHERE id IN (SELECT container_id FROM iam_membership WHERE member_id = \(member.id)) ORDER BY name_key
            """
        )
    }

    /// The users of a group, the role of a profile.
    func members(of container: Identity) throws -> [Identity] {
        try transaction.rows(
            Identity.self,
            """
            SELECT \(Identity.columns) FROM iam_identity
            WHERE id IN (SELECT member_id FROM iam_membership WHERE container_id = \(container.id)) ORDER BY name_key
            """
        )
    }
}

extension IAMWriter {
    /// Throws `EntityAlreadyExistsException`, `LimitExceededException`.
    func insert(_ identity: Identity) throws {
        let quota = Quota.perAccount(identity.kind)
        try Quota.check(quota.name, quota.limit, isExceededBy: try count(identity.kind) + 1)
        try unlessTaken("\(identity.kind.title) with name \(identity.name) already exists.", identity) {
            try execute(
                """
                INSERT INTO iam_identity (id, kind, account, name, name_key, path, created_at, boundary, trust, description,
                    max_session_seconds)
                VALUES (\(identity.id), \(identity.kind.rawValue), \(account), \(identity.name), \(identity.name.lowercased()),
                    \(identity.path), \(identity.createdAt), \(identity.boundary), \(identity.trust), \(identity.description),
                    \(identity.maxSessionSeconds))
                """
            )
        }
    }

    /// Stores everything of it that can change.
    func update(_ identity: Identity) throws {
        try unlessTaken("\(identity.kind.title) with name \(identity.name) already exists.", identity) {
            try execute(
                """
                UPDATE iam_identity SET name = \(identity.name), name_key = \(identity.name.lowercased()),
                    path = \(identity.path), boundary = \(identity.boundary), trust = \(identity.trust),
                    description = \(identity.description), max_session_seconds = \(identity.maxSessionSeconds)
                WHERE id = \(identity.id)
                """
            )
        }
    }

    func delete(_ identity: Identity) throws {
        try execute("DELETE FROM iam_tag WHERE owner_id = \(identity.id)")
        try execute("DELETE FROM iam_membership WHERE container_id = \(identity.id) OR member_id = \(identity.id)")
        try execute("DELETE FROM iam_identity WHERE id = \(identity.id)")
    }

    func add(_ member: Identity, to container: Identity) throws {
        try execute(
            "INSERT INTO iam_membership (container_id, member_id) VALUES (\(container.id), \(member.id)) ON CONFLICT DO NOTHING"
        )
    }

    /// Whether it was a member.
    func remove(_ member: Identity, from container: Identity) throws -> Bool {
        try execute("DELETE FROM iam_membership WHERE container_id = \(container.id) AND member_id = \(member.id)") > 0
    }

    private func unlessTaken(_ message: String, _ identity: Identity, _ change: () throws -> Void) throws {
        do {
            try change()
        } catch StorageError.unique {
            let isProfile = identity.kind == .instanceProfile
            throw EntityAlreadyExistsException(
                isProfile ? "Instance Profile \(identity.name) already exists." : message
            )
        }
    }
}
