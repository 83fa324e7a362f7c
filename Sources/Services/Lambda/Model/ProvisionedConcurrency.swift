// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// How many environments of a version or alias are to be initialised at any time. AWS: ProvisionedConcurrencyConfig
struct ProvisionedConcurrency: Sendable, Equatable {
    var scope: Scope
    var functionName: String
    /// A version's number or an alias.
    var qualifier: String
    var requested: Int
    var lastModified: Instant

    var key: Key { Key(scope: scope, functionName: functionName, qualifier: qualifier) }

    struct Key: Hashable, Sendable {
        var scope: Scope
        var functionName: String
        var qualifier: String
    }
}

/// What has come of a configuration on this node. Made anew after a restart, as environments are.
struct ProvisionedStanding: Sendable, Equatable {
    enum Status: String, Sendable {
        case inProgress = "IN_PROGRESS"
        case ready = "READY"
        case failed = "FAILED"
    }

    /// Environments that live, initialised or not.
    var allocated = 0
    /// Those that are initialised.
    var available = 0
    /// Why the last environment could not be initialised.
    var failure: String?

    func status(requested: Int) -> Status {
        if available >= requested { return .ready }
        return failure == nil ? .inProgress : .failed
    }
}

/// A configuration and the versions that it comes down to: one, or two where an alias has weights.
struct ProvisionedTarget: Sendable, Equatable {
    struct Share: Sendable, Equatable {
        /// The version's number.
        var version: String
        var count: Int
    }

    var configuration: ProvisionedConcurrency
    var shares: [Share]

    init(_ configuration: ProvisionedConcurrency, alias: AliasRecord?) {
        self.configuration = configuration
        guard let alias else {
            shares = [Share(version: configuration.qualifier, count: configuration.requested)]
            return
        }
        let weight = alias.routing?.weight ?? 0
        // Whatever has traffic has at least one.
        let other = weight > 0 ? max(1, Int((Double(configuration.requested) * weight).rounded())) : 0
        shares = [Share(version: alias.version.text, count: max(0, configuration.requested - other))]
        if let routing = alias.routing, other > 0 { shares.append(Share(version: routing.version.text, count: other)) }
        shares.removeAll { $0.count == 0 }
    }
}
