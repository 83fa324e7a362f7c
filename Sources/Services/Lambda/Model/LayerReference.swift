// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Which layer a request means: a name, a layer's ARN or, with a version, a layer version's ARN.
struct LayerReference: Sendable, Hashable {
    var scope: Scope
    var name: String
    var version: Int?

    /// A name or an ARN without a version, as most layer operations take it.
    init(_ text: String, in scope: Scope) throws {
        if let parsed = Self(arn: text) {
            self = parsed
        } else if !text.isEmpty, text.utf8.count <= 140, text.utf8.allSatisfy(\.isNameByte) {
            (self.scope, name, version) = (scope, text, nil)
        } else {
            throw CommonError.constraint(
                text,
                at: "layerName",
                "Member must satisfy regular expression pattern: \(Patterns.layerNameOrArn.text)"
            )
        }
    }

    /// Nil unless `text` is `arn:…:lambda:{region}:{account}:layer:{name}` with or without `:{version}`.
    init?(arn text: String) {
        guard let arn = ARN(text), arn.service == "lambda", let scope = arn.scope else { return nil }
        let parts = arn.resource.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3, parts[0] == "layer", !parts[1].isEmpty,
            parts[1].utf8.allSatisfy(\.isNameByte)
        else { return nil }
        (self.scope, name, version) = (scope, String(parts[1]), nil)
        guard parts.count == 3 else { return }
        guard let version = Int(parts[2]), version > 0 else { return nil }
        self.version = version
    }

    init(scope: Scope, name: String, version: Int?) {
        (self.scope, self.name, self.version) = (scope, name, version)
    }

    var arn: ARN { scope.arn("lambda", "layer:\(name)") }

    func arn(version: Int) -> ARN { scope.arn("lambda", "layer:\(name):\(version)") }
}
