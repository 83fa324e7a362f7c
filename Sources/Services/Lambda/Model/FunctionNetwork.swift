// SPDX-License-Identifier: Apache-2.0
import MartletCore
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

/// Which function has which network: the first rule that matches decides.
package struct NetworkRules: Sendable {
    package struct Rule: Sendable {
        /// An ARN without qualifier, or only a name, in which `*` stands for any characters.
        var pattern: String
        package var network: FunctionNetwork

        /// `PATTERN=NETWORK`; nil when `text` is something else.
        package init?(_ text: String) {
            guard let sign = text.lastIndex(of: "="), sign > text.startIndex,
                let network = FunctionNetwork(rawValue: String(text[text.index(after: sign)...]))
            else { return nil }
            pattern = String(text[..<sign])
            self.network = network
        }

        func matches(_ arn: ARN, _ name: String) -> Bool {
            Self.matches(pattern[...].utf8, (pattern.hasPrefix("arn:") ? arn.description : name)[...].utf8)
        }

        /// Goes back to the last star only, so it reads the text once for each.
        private static func matches(_ pattern: Substring.UTF8View, _ text: Substring.UTF8View) -> Bool {
            var (p, t) = (pattern.startIndex, text.startIndex)
            var star: (after: Substring.UTF8View.Index, from: Substring.UTF8View.Index)?
            while t < text.endIndex {
                if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
                    p = pattern.index(after: p)
                    star = (p, t)
                } else if p < pattern.endIndex, pattern[p] == text[t] {
                    (p, t) = (pattern.index(after: p), text.index(after: t))
                } else if let last = star {
                    let next = text.index(after: last.from)
                    (p, t, star) = (last.after, next, (last.after, next))
                } else {
                    return false
                }
            }
            return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
        }
    }

    package var ofOthers: FunctionNetwork
    package var rules: [Rule]

    package init(ofOthers: FunctionNetwork = .endpoint, rules: [Rule] = []) {
        self.ofOthers = ofOthers
        self.rules = rules
    }

    func network(of key: VersionKey) -> FunctionNetwork {
        guard !rules.isEmpty else { return ofOthers }
        let arn = key.functionARN
        return rules.first { $0.matches(arn, key.functionName) }?.network ?? ofOthers
    }

    /// Whether any function has it.
    package func includes(_ network: FunctionNetwork) -> Bool {
        ofOthers == network || rules.contains { $0.network == network }
    }
}

/// Makes the connections of sandboxes with a way out. The composition root has one.
package protocol EgressGateway: Sendable {
    /// Takes ownership of the sockets. The returned closure stops serving.
    func serve(_ egress: SandboxEgress) async throws -> @Sendable () -> Void
}
