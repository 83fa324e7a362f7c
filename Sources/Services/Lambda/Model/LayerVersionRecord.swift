// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// One immutable version of a layer.
struct LayerVersionRecord: Sendable, Equatable {
    var scope: Scope
    var name: String
    var version: Int
    var about: About
    var code: CodePackage
    var created: Instant
    var policyRevisionID: String

    /// What its publisher says of it. Nothing of it is enforced.
    struct About: Sendable, Equatable {
        var description: String
        var license: String?
        var runtimes: [String]?
        var architectures: [String]?
    }

    var reference: LayerReference { LayerReference(scope: scope, name: name, version: version) }
    var arn: ARN { reference.arn(version: version) }
}
