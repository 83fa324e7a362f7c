// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// Lambda's resource policies, for IAM's decisions.
package struct LambdaResourcePolicies: ResourcePolicySource {
    private let store: LambdaStore

    package init(_ control: LambdaControlPlane) { store = control.store }

    package var service: String { "lambda" }

    /// Of a function, one of its versions or aliases, or a layer version. Nil for anything else and for what has none.
    package func policy(of resource: ARN) async throws -> String? {
        if let layer = LayerReference(arn: resource.description), let number = layer.version {
            return try await store.read { tx in
                try tx.layerVersion(number, of: layer.name, in: layer.scope).flatMap {
                    try tx.policy(of: $0).textUnlessEmpty
                }
            }
        }
        guard let scope = resource.scope, resource.resource.hasPrefix("function:"),
            let function = try? FunctionReference(resource.description, in: scope)  // not a function's: no policy
        else { return nil }
        return try await store.read { tx in
            let qualifier = function.qualifier ?? VersionNumber.latestName
            let statements = try tx.statements(of: .function(function.name), qualifier: qualifier, in: function.scope)
            let shown = qualifier == VersionNumber.latestName ? function.arn : function.qualifiedARN
            return PolicyDocument(statements: statements, resource: shown).textUnlessEmpty
        }
    }
}

extension PolicyDocument {
    fileprivate var textUnlessEmpty: String? { statements.isEmpty ? nil : text }
}
