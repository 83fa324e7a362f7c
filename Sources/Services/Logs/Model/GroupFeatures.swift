// SPDX-License-Identifier: Apache-2.0

/// What has to be done with the events of a group on their way in, beside storing them. Most groups have none of it.
struct GroupFeatures: OptionSet, Sendable {
    let rawValue: Int

    static let transformer = GroupFeatures(rawValue: 1)
    static let protection = GroupFeatures(rawValue: 2)
    /// The account's subscription covers the group.
    static let accountSubscription = GroupFeatures(rawValue: 4)

    /// Whose policies protect the data: shown by DescribeLogGroups.
    static let ownProtection = GroupFeatures(rawValue: 8)
    static let accountProtection = GroupFeatures(rawValue: 16)

    /// Whether events are looked at before they are stored.
    var needsPreparation: Bool { !isDisjoint(with: [.transformer, .protection]) }
}

/// The policies that a single group can have.
enum GroupPolicyKind: String, Sendable, CaseIterable {
    case transformer, protection, index
}
