// SPDX-License-Identifier: Apache-2.0
package import HTTPTypes
package import MartletCore
package import NIOCore

/// An HTTP request that came to a function's address, with its body whole.
package struct FunctionURLRequest: Sendable {
    package var method: String
    /// Still percent-encoded.
    package var path: String
    package var query: String
    /// Without `Host`.
    package var headers: HTTPFields
    /// `Host` as it was sent, and without its port in lower case.
    package var authority: String
    package var host: String
    package var body: ByteBuffer
    package var sourceAddress: String
    /// Anonymous unless a signature was verified.
    package var principal: Principal
    package var requestID: String
    package var endpoint: Endpoint
    package var receivedAt: Instant

    package init(
        method: String,
        path: String,
        query: String,
        headers: HTTPFields,
        authority: String,
        host: String,
        body: ByteBuffer,
        sourceAddress: String,
        principal: Principal,
        requestID: String,
        endpoint: Endpoint,
        receivedAt: Instant
    ) {
        (self.method, self.path, self.query, self.headers) = (method, path, query, headers)
        (self.authority, self.host, self.body, self.sourceAddress) = (authority, host, body, sourceAddress)
        (self.principal, self.requestID, self.endpoint, self.receivedAt) = (principal, requestID, endpoint, receivedAt)
    }
}

/// `{id}.lambda-url.{region}.{anything}`: AWS's form, under whatever name the server has.
struct FunctionURLHost: Equatable {
    let id: String
    let region: String

    init?(_ host: String) {
        let labels = host.parts(at: ".", maxSplits: 3)
        guard labels.count == 4, labels[1] == "lambda-url", !labels[0].isEmpty, !labels[2].isEmpty, !labels[3].isEmpty
        else { return nil }
        (id, region) = (String(labels[0]), String(labels[2]))
    }
}
