// SPDX-License-Identifier: Apache-2.0
import Crypto
import HTTPTypes
package import MartletCore

/// Signs requests as the SDKs do.
package struct SigV4Signer: Sendable {
    package var accessKeyID: String
    package var secretAccessKey: String
    package var sessionToken: String?
    package var region: String
    package var service: String

    package init(
        accessKeyID: String,
        secretAccessKey: String,
        sessionToken: String? = nil,
        region: String,
        service: String
    ) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.region = region
        self.service = service
    }

    /// What the signature says of the body.
    package enum Payload: Sendable {
        /// Hashed; the hash is not sent.
        case bytes([UInt8])
        /// The value of `x-amz-content-sha256`, which is sent: a hash, `UNSIGNED-PAYLOAD`, or one of the `STREAMING-`
        /// words.
        case stated(String)
    }

    /// Adds date, token and `Authorization`. Returns the signature, from which the chunks of a streamed body go on.
    @discardableResult
    package func sign(_ request: inout SignableRequest, payload: Payload, at instant: Instant) -> String {
        request.headers[.amzDate] = instant.basicISO8601
        if let sessionToken { request.headers[.amzSecurityToken] = sessionToken }
        if case .stated(let word) = payload { request.headers[.amzContentSHA256] = word }
        let names = Self.signedHeaders(of: request)
        let signature = signature(of: request, names, hash(of: payload), at: instant)
        request.headers[.authorization] =
            "\(SigV4.algorithm) Credential=\(accessKeyID)/\(scope(at: instant).text), "
            + "SignedHeaders=\(names.joined(separator: ";")), Signature=\(signature)"
        return signature
    }

    /// Puts the signature into the query, so that a plain link carries it.
    package func presign(
        _ request: inout SignableRequest,
        expiresAfterSeconds: Int,
        payload: Payload = .bytes([]),
        at instant: Instant
    ) {
        let names = Self.signedHeaders(of: request)
        var parameters = [
            (SigV4.QueryName.algorithm, SigV4.algorithm),
            (SigV4.QueryName.credential, "\(accessKeyID)/\(scope(at: instant).text)"),
            (SigV4.QueryName.date, instant.basicISO8601),
            (SigV4.QueryName.expires, String(expiresAfterSeconds)),
            (SigV4.QueryName.signedHeaders, names.joined(separator: ";")),
        ]
        if let sessionToken { parameters.append((SigV4.QueryName.securityToken, sessionToken)) }
        for (name, value) in parameters { request.append(query: name, value) }
        request.append(query: SigV4.QueryName.signature, signature(of: request, names, hash(of: payload), at: instant))
    }

    /// For the chunks of a streamed body; `seed` is what `sign` returned.
    package func chunkChain(seed: String, at instant: Instant) -> ChunkSignatureChain {
        let scope = scope(at: instant)
        return ChunkSignatureChain(
            key: scope.key(secret: secretAccessKey),
            date: instant.basicISO8601,
            scope: scope,
            seed: seed
        )
    }

    private func scope(at instant: Instant) -> SigningScope {
        SigningScope(date: String(instant.basicISO8601.prefix(8)), region: region, service: service)
    }

    private func hash(of payload: Payload) -> String {
        switch payload {
        case .bytes(let bytes): SigV4.sha256(bytes)
        case .stated(let word): word
        }
    }

    private func signature(
        of request: SignableRequest,
        _ names: [String],
        _ hash: String,
        at instant: Instant
    ) -> String {
        let canonical = CanonicalRequest(
            request,
            signedHeaders: names,
            payloadHash: hash,
            path: .init(service: service)
        )
        let scope = scope(at: instant)
        let text = canonical.stringToSign(date: instant.basicISO8601, scope: scope)
        return SigV4.sign(text, with: scope.key(secret: secretAccessKey))
    }

    /// Proxies change these on the way.
    private static let unsigned: Set<String> = [
        "authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id",
    ]

    private static func signedHeaders(of request: SignableRequest) -> [String] {
        let names = Set(request.headers.map { $0.name.canonicalName }).subtracting(unsigned)
        return names.union(["host"]).sorted()
    }
}

extension SignableRequest {
    fileprivate mutating func append(query name: String, _ value: String) {
        query += (query.isEmpty ? "" : "&") + "\(name)=\(URIEncoding.encode(value))"
    }
}
