// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A user, a group, a role or an instance profile: what has a name, a path and, but for profiles, policies.
struct Identity: Sendable, Equatable {
    enum Kind: String, Sendable, CaseIterable {
        case user
        case group
        case role
        case instanceProfile = "instance-profile"

        /// The first letters of its unique ids.
        var idPrefix: String {
            switch self {
            case .user: "AIDA"
            case .group: "AGPA"
            case .role: "AROA"
            case .instanceProfile: "AIPA"
            }
        }

        /// As IAM's messages begin.
        var title: String {
            switch self {
            case .user: "User"
            case .group: "Group"
            case .role: "Role"
            case .instanceProfile: "Instance Profile"
            }
        }
    }

    var id: String
    var kind: Kind
    var account: AccountID
    var name: String
    var path: String
    var createdAt: Instant
    /// The ARN of the policy that bounds it.
    var boundary: String?
    /// A role's trust policy, as it was given.
    var trust: String?
    var description: String?
    var maxSessionSeconds: Int
    var lastUsedAt: Instant?
    var lastUsedRegion: String?

    init(_ kind: Kind, name: String, path: String?, account: AccountID, id: String, createdAt: Instant) {
        self.kind = kind
        self.name = name
        self.path = path ?? "/"
        self.account = account
        self.id = id
        // AWS keeps whole seconds here.
        self.createdAt = Instant(milliseconds: createdAt.milliseconds / 1_000 * 1_000)
        maxSessionSeconds = 3_600
    }

    func arn(_ partition: String) -> ARN {
        ARN(
            partition: partition,
            service: "iam",
            region: "",
            account: account.text,
            resource: kind.rawValue + path + name
        )
    }
}

extension Identity: RowDecodable {
    static let columns: SQL = """
        id, kind, account, name, path, created_at, boundary, trust, description, max_session_seconds, last_used_at, \
        last_used_region
        """

    init(row: inout Row) throws {
        id = try row.text()
        let kind = try row.text()
        let account = try row.text()
        guard let kind = Kind(rawValue: kind), let account = AccountID(account) else {
            throw MartletError("iam.row", "identity \(id) is a \(kind) of account \(account)")
        }
        self.kind = kind
        self.account = account
        name = try row.text()
        path = try row.text()
        createdAt = try row.instant()
        boundary = try row.optionalText()
        trust = try row.optionalText()
        description = try row.optionalText()
        maxSessionSeconds = try row.integer()
        lastUsedAt = try row.optionalInstant()
        lastUsedRegion = try row.optionalText()
    }
}
