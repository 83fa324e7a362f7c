// SPDX-License-Identifier: Apache-2.0

// What identity and sessions need of each other: IAM holds the roles, STS the sessions, and neither imports the other.

/// Whose permissions a session has.
package enum SessionIdentity: Hashable, Sendable {
    /// The account itself.
    case root
    case user(name: String)
    case role(name: String)
}

/// What a session's token says beside who the caller is.
package struct SessionFacts: Hashable, Sendable {
    package var account: AccountID
    package var identity: SessionIdentity
    /// The unique id of the user or role when the session began; the account's number for the root.
    package var identityID: String
    /// The documents that narrow the session. Nil for one that was not narrowed; an empty list allows nothing.
    package var policies: [String]?
    /// Managed policies that narrow it as well.
    package var policyARNs: [String]
    package var tags: [String: String]
    /// Those tags that a chained session inherits.
    package var transitiveTagKeys: [String]
    package var sourceIdentity: String?
    package var issuedAt: Instant

    package init(
        account: AccountID,
        identity: SessionIdentity,
        identityID: String,
        policies: [String]? = nil,
        policyARNs: [String] = [],
        tags: [String: String] = [:],
        transitiveTagKeys: [String] = [],
        sourceIdentity: String? = nil,
        issuedAt: Instant
    ) {
        self.account = account
        self.identity = identity
        self.identityID = identityID
        self.policies = policies
        self.policyARNs = policyARNs
        self.tags = tags
        self.transitiveTagKeys = transitiveTagKeys
        self.sourceIdentity = sourceIdentity
        self.issuedAt = issuedAt
    }
}

/// Knows the sessions whose signatures this node has verified. STS is one.
package protocol SessionDirectory: Sendable {
    /// Nil when the session is not known here: what it may do is not known either then, so the answer is no.
    func facts(ofAccessKey accessKeyID: String) -> SessionFacts?
}

/// A role, as one who wants to act as it needs it.
package struct AssumableRole: Hashable, Sendable {
    /// With the role's path.
    package var arn: ARN
    package var account: AccountID
    package var name: String
    /// `AROA…`
    package var id: String
    package var maxSessionDuration: Duration

    package init(arn: ARN, account: AccountID, name: String, id: String, maxSessionDuration: Duration) {
        self.arn = arn
        self.account = account
        self.name = name
        self.id = id
        self.maxSessionDuration = maxSessionDuration
    }
}

/// The question of AssumeRole: may this caller become that role, under these conditions?
package struct AssumeRoleAttempt: Sendable {
    package var role: ARN
    /// `sts:AssumeRole`, and `sts:TagSession`, `sts:SetSourceIdentity` where the caller asks for those.
    package var actions: [String]
    /// With the condition keys of STS in lower case, such as `sts:externalid`. `action` and `resources` are not looked at.
    package var request: AuthorizationRequest

    package init(role: ARN, actions: [String], request: AuthorizationRequest) {
        self.role = role
        self.actions = actions
        self.request = request
    }
}

/// Decides who may become which role, and whether an identity is still the one that a session began with. IAM is one.
package protocol RoleAuthority: Sendable {
    /// The role, when its trust policy and the caller's own policies allow it. Throws AWS's `AccessDenied`.
    func assume(_ attempt: AssumeRoleAttempt) async throws -> AssumableRole

    /// The role, for a service that was trusted when it was given the role. Nil when there is none.
    func role(_ arn: ARN) async throws -> AssumableRole?

    /// False when the user or role was deleted since, even where another one of the same name exists now.
    func isCurrent(_ identity: SessionIdentity, id: String, in account: AccountID) async throws -> Bool

    /// Throws `CommonError` `MalformedPolicyDocument` for documents that cannot narrow a session, and for managed policies
    /// that do not exist.
    func checkSessionPolicies(documents: [String], arns: [String], in account: AccountID) async throws

    /// What a user or role tag says, for the session's tags.
    func tags(of identity: SessionIdentity, in account: AccountID) async throws -> [String: String]
}

/// Access key ids: a prefix that names the kind, the account, and randomness, in 20 characters.
package enum AccessKeyID {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    /// `prefix` has four letters: `AKIA` for long-lived keys, `ASIA` for sessions. The account is written where AWS writes
    /// it, so that tools which read it from a key find it.
    package static func make(_ prefix: String, account: AccountID, ids: any IDSource) -> String {
        let random = ids.bytes(5)
        let number = UInt64(account.text) ?? 0
        // 80 bits: a one, 40 of the account, 39 random ones.
        let head: UInt64 = 1 << 47 | number << 7 | UInt64(random[0] & 0x7f)
        var bytes = (0..<6).map { UInt8(truncatingIfNeeded: head >> UInt64(40 - 8 * $0)) }
        bytes += random[1...]
        return prefix + base32(bytes)
    }

    /// The account that a key of this form names; nil for any other text.
    package static func account(of key: some StringProtocol) -> AccountID? {
        let text = Array(key.utf8)
        guard text.count == 20 else { return nil }
        var head: UInt64 = 0
        for letter in text[4..<14] {
            guard let value = letters.firstIndex(of: letter) else { return nil }
            head = head << 5 | UInt64(value)
        }
        guard text[14...].allSatisfy(letters.contains) else { return nil }
        // Ten letters are 50 bits; the account ends two bits and seven random ones before their end.
        let number = head >> 9 & 0xff_ffff_ffff
        return head >> 49 == 1 && number <= 999_999_999_999 ? AccountID(Int(number).padded(12)) : nil
    }

    private static func base32(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var (held, bits): (UInt64, UInt64) = (0, 0)
        for byte in bytes {
            held = held << 8 | UInt64(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(letters[Int(held >> bits & 31)])
            }
            held &= (1 << bits) - 1
        }
        return String(decoding: text, as: UTF8.self)
    }
}
