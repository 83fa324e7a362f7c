// SPDX-License-Identifier: Apache-2.0
package import Sandbox

/// What a function can reach beside its own loopback. AWS has no counterpart but VpcConfig, which names networks.
package enum FunctionNetwork: String, CaseIterable, Sendable {
    /// The Runtime API, nothing else.
    case none
    /// Also the AWS endpoint, as its role.
    case endpoint
    /// Also what the host can reach, except the host itself and metadata services.
    case egress
    /// It shares the host's network.
    case host

    var sandbox: SandboxNetwork {
        switch self {
        case .none, .endpoint: .none
        case .egress: .egress
        case .host: .host
        }
    }

    var hasEndpoint: Bool { self != .none }
}

package typealias NetworkRules = FunctionRules<FunctionNetwork>

extension NetworkRules {
    /// The same for all: what the server offers by itself.
    package init() { self.init(ofOthers: .endpoint) }
}

/// Makes the connections of sandboxes with a way out. The composition root has one.
package protocol EgressGateway: Sendable {
    /// Takes ownership of the sockets. The returned closure stops serving.
    func serve(_ egress: SandboxEgress) async throws -> @Sendable () -> Void
}
