// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// What AWS allows of each type of account policies: how many, and for which groups.
struct AccountPolicyRules: Sendable {
    static let maximumLength = 30_720

    private enum Criteria: Sendable { case none, exceptions, prefix }

    let type: PolicyType
    /// Who may make one has to be allowed this too.
    let action: String
    private let maximum: Int
    private let criteria: Criteria

    /// Throws 501 for types that are not there yet.
    init(_ type: PolicyType) throws {
        self.type = type
        switch type {
        case .dataProtectionPolicy: (action, maximum, criteria) = ("logs:PutDataProtectionPolicy", 1, .none)
        case .subscriptionFilterPolicy: (action, maximum, criteria) = ("logs:PutSubscriptionFilter", 1, .exceptions)
        case .transformerPolicy: (action, maximum, criteria) = ("logs:PutTransformer", 20, .prefix)
        case .fieldIndexPolicy: (action, maximum, criteria) = ("logs:PutIndexPolicy", 20, .prefix)
        default: throw CommonError.notImplemented("account policies of the type \(type.rawValue)")
        }
    }

    /// Throws `InvalidParameterException` for criteria that policies of the type cannot have.
    func selection(_ text: String?) throws -> GroupSelection {
        guard let text, !text.isEmpty else { return .all }
        if text.contains("DataSourceName") { throw CommonError.notImplemented("selection criteria by data source") }
        guard let selection = GroupSelection(text) else {
            throw InvalidParameterException("Invalid selection criteria: \(text)")
        }
        switch (criteria, selection) {
        case (_, .all), (.exceptions, .except): return selection
        case (.prefix, .prefixes(let prefixes)) where prefixes.count == 1: return selection
        default:
            throw InvalidParameterException("The selection criteria are not supported for \(type.rawValue): \(text)")
        }
    }

    /// Whether there is room for one more, and no group would have two.
    func check(_ selection: GroupSelection, of name: String, beside known: [StoredAccountPolicy]) throws {
        let others = known.filter { $0.type == type && $0.name != name }
        guard others.count < maximum else { throw LimitExceededException("Resource limit exceeded.") }
        for other in others where selection.overlaps(GroupSelection(other.criteria ?? "") ?? .none) {
            throw InvalidParameterException(
                "The selection criteria overlap with those of the account policy \(other.name)."
            )
        }
    }
}

/// The subscription of a whole account, as its policy's document says it.
struct AccountSubscription: Sendable {
    let destination: String
    let role: String?
    let pattern: String
    let distribution: Distribution

    /// Throws `InvalidParameterException`.
    init(_ document: String) throws {
        // Whatever is wrong with it, it is no policy.
        guard let json = try? JSONValue(parsing: document), let destination = json["DestinationArn"]?.stringValue else {
            throw InvalidParameterException(
                "The subscription filter policy must be a JSON object with a DestinationArn."
            )
        }
        self.destination = destination
        role = json["RoleArn"]?.stringValue
        pattern = json["FilterPattern"]?.stringValue ?? ""
        distribution = Distribution(json["Distribution"]?.stringValue ?? Distribution.byLogStream.rawValue)
        guard Distribution.allValues.contains(distribution.rawValue) else {
            throw InvalidParameterException("Invalid Distribution in the subscription filter policy.")
        }
        do { _ = try FilterPattern(pattern) } catch { throw InvalidParameterException(error.message) }
    }
}
