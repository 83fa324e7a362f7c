// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Lambda
import MartletServer

/// Hands requests to `{id}.lambda-url.{region}.…` over to Lambda.
struct FunctionURLRoute: HostRouted {
    let urls: FunctionURLFront

    var signingNames: [String] { ["lambda"] }
    var bodyLimit: Int { FunctionURLFront.bodyLimit }

    func serves(host: String) -> Bool { urls.serves(host: host) }
    func verifiesSignatures(host: String) async throws -> Bool { try await urls.verifiesSignatures(host: host) }

    func answer(_ request: HostRequest) async throws -> WireResponse {
        try await urls.answer(
            FunctionURLRequest(
                method: request.request.method,
                path: request.request.path,
                query: request.request.query,
                headers: request.request.headers,
                authority: request.request.authority,
                host: request.host,
                body: request.body,
                sourceAddress: request.request.sourceAddress,
                principal: request.principal,
                requestID: request.requestID,
                endpoint: request.endpoint,
                receivedAt: request.receivedAt
            )
        )
    }
}
