// SPDX-License-Identifier: Apache-2.0
package import AWSWire
import MartletCore

/// Answers for paths of its own below `/_martlet/`, in plain HTTP, without a signature: the path itself is the secret.
package protocol PathRouted: Sendable {
    /// With a slash at both ends: `/_martlet/lambda/code/`.
    var pathPrefix: String { get }
    /// `rest` is what follows the prefix, still percent-encoded.
    func answer(rest: String) async throws -> WireResponse
}

/// Hands requests over to whoever owns their path.
struct AnswerPathRoutes: ChainStep {
    let routes: [any PathRouted]

    func run(_ exchange: Exchange) async throws {
        let path = exchange.request.path
        guard path.hasPrefix("/_martlet/"), let route = routes.first(where: { path.hasPrefix($0.pathPrefix) }) else {
            return
        }
        guard exchange.request.method == "GET" || exchange.request.method == "HEAD" else {
            throw CommonError("MethodNotAllowed", "\(path) does not take \(exchange.request.method).", status: 405)
        }
        exchange.response = try await route.answer(rest: String(path.dropFirst(route.pathPrefix.count)))
    }
}
