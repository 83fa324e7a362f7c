// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// A name for a version, or for two of them with a weight.
struct AliasRecord: Sendable, Equatable {
    var scope: Scope
    var functionName: String
    var name: String
    var version: VersionNumber
    var description: String
    var routing: Routing?
    var revisionID: String

    /// AWS: AdditionalVersionWeights, of which there may be one.
    struct Routing: Sendable, Equatable {
        var version: VersionNumber
        /// The share of invocations that go there, 0…1.
        var weight: Double
    }

    var arn: ARN { scope.arn("lambda", "function:\(functionName):\(name)") }

    /// The version for one invocation; `draw` is even in 0..<1.
    func version(for draw: Double) -> VersionNumber {
        if let routing, draw < routing.weight { return routing.version }
        return version
    }
}
