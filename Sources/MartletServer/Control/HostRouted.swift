// SPDX-License-Identifier: Apache-2.0
package import AWSWire
package import Logging
package import MartletCore
package import NIOCore

/// Answers for host names of its own, in plain HTTP: function URLs, later API Gateway's.
package protocol HostRouted: Sendable {
    /// The credential scopes that signatures to these hosts may have.
    var signingNames: [String] { get }
    var bodyLimit: Int { get }
    /// Whether the host (lower case, no port) is one of its own.
    func serves(host: String) -> Bool
    /// Whether signatures of requests to this host are the server's to verify. Where not, everybody is anonymous, and what
    /// looks like a signature is left to the route. True unless the route says otherwise.
    func verifiesSignatures(host: String) async throws -> Bool
    func answer(_ request: HostRequest) async throws -> WireResponse
}

extension HostRouted {
    package func verifiesSignatures(host: String) async throws -> Bool { true }
}

/// A request to such a host.
package struct HostRequest: Sendable {
    package var request: IncomingRequest
    package var body: ByteBuffer
    package var host: String
    /// Anonymous when the request is not signed.
    package var principal: Principal
    package var requestID: String
    package var endpoint: Endpoint
    package var receivedAt: Instant
    package var logger: Logger
}

/// Hands requests over to whoever owns their host name.
struct AnswerHostRoutes: ChainStep {
    let routes: [any HostRouted]
    let authenticator: Authenticator

    func run(_ exchange: Exchange) async throws {
        let host = exchange.request.host
        guard let route = routes.first(where: { $0.serves(host: host) }) else { return }
        let caller = try await caller(of: exchange, at: route, host)
        exchange.response = try await route.answer(
            HostRequest(
                request: exchange.request,
                body: caller.body,
                host: host,
                principal: caller.principal,
                requestID: exchange.requestID,
                endpoint: exchange.endpoint,
                receivedAt: exchange.receivedAt,
                logger: exchange.logger
            )
        )
    }
    private func caller(
        of exchange: Exchange,
        at route: any HostRouted,
        _ host: String
    ) async throws
        -> Authenticator.Caller
    {
        guard try await route.verifiesSignatures(host: host) else {
            return try await authenticator.anonymous(exchange.request, upTo: route.bodyLimit)
        }
        return try await authenticator.authenticateIfSigned(
            exchange.request,
            signingNames: route.signingNames,
            upTo: route.bodyLimit,
            now: exchange.receivedAt
        )
    }
}
