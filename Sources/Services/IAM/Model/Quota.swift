// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// IAM's limits, as GetAccountSummary tells them and LimitExceeded names them.
enum Quota {
    static let rolesPerAccount = 1_000
    static let usersPerAccount = 5_000
    static let groupsPerAccount = 300
    static let profilesPerAccount = 1_000
    static let policiesPerAccount = 1_500
    static let versionsPerPolicy = 5
    static let attachedPolicies = 10
    static let groupsPerUser = 10
    static let accessKeysPerUser = 2
    static let tags = 50
    // Characters without white space.
    static let managedPolicySize = 6_144
    static let trustPolicySize = 2_048
    static let userPolicySize = 2_048
    static let groupPolicySize = 5_120
    static let rolePolicySize = 10_240

    static func perAccount(_ kind: Identity.Kind) -> (name: String, limit: Int) {
        switch kind {
        case .user: ("UsersPerAccount", usersPerAccount)
        case .group: ("GroupsPerAccount", groupsPerAccount)
        case .role: ("RolesPerAccount", rolesPerAccount)
        case .instanceProfile: ("InstanceProfilesPerAccount", profilesPerAccount)
        }
    }

    /// Of all inline policies of one identity together.
    static func inlinePolicySize(_ kind: Identity.Kind) -> Int {
        switch kind {
        case .user: userPolicySize
        case .group: groupPolicySize
        case .role, .instanceProfile: rolePolicySize
        }
    }

    /// How IAM counts a document: without white space.
    static func size(of document: String) -> Int {
        document.utf8.reduce(0) { $0 + ([0x20, 0x09, 0x0a, 0x0d].contains($1) ? 0 : 1) }
    }

    static func check(_ name: String, _ limit: Int, isExceededBy count: Int) throws {
        if count > limit { throw LimitExceededException("Cannot exceed quota for \(name): \(limit)") }
    }
}
