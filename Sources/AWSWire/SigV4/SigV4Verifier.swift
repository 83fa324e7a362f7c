// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
package import MartletCore

/// Checks signatures. It knows no keys: the caller looks the secret up, and then asks.
package struct SigV4Verifier: Sendable {
    /// How far a client's clock may be from ours.
    package let tolerance: Duration
    private let keys: SigningKeyCache

    package init(tolerance: Duration = .seconds(300), keys: SigningKeyCache = SigningKeyCache()) {
        self.tolerance = tolerance
        self.keys = keys
    }

    /// Whether the request was signed lately enough: by the clocks for the header form, by its own lifetime for the
    /// query form.
    package func checkTime(of presented: PresentedSignature, now: Instant) throws(SignatureFailure) {
        try checkNotFuture(presented, now)
        switch presented.form {
        case .header:
            let oldest = now - tolerance
            guard presented.date < oldest else { return }
            throw .skewed(
                "Signature expired: \(presented.dateText) is now earlier than \(oldest.basicISO8601) "
                    + "(\(now.basicISO8601) - \(minutes) min.)"
            )
        case .query(let seconds):
            let end = presented.date + .seconds(seconds)
            guard now > end else { return }
            throw .expiredRequest("Signature expired: \(end.basicISO8601) is now earlier than \(now.basicISO8601)")
        }
    }

    private func checkNotFuture(_ presented: PresentedSignature, _ now: Instant) throws(SignatureFailure) {
        let latest = now + tolerance
        guard presented.date > latest else { return }
        throw .skewed(
            "Signature not yet current: \(presented.dateText) is still later than \(latest.basicISO8601) "
                + "(\(now.basicISO8601) + \(minutes) min.)"
        )
    }

    private var minutes: Int64 { tolerance.wholeMilliseconds / 60_000 }

    /// Whether the scope is of the signature's own day and of one of `services`; any service when that is empty.
    package func checkScope(of presented: PresentedSignature, services: [String]) throws(SignatureFailure) {
        let day = String(presented.dateText.prefix(8))
        guard presented.scope.date == day else {
            throw .wrongScope(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                    + "'\(presented.scope.date)' != '\(day)', from '\(presented.dateText)'."
            )
        }
        guard Region(presented.scope.region) != nil else {
            throw .wrongScope("Credential should be scoped to a valid region.")
        }
        guard services.isEmpty || services.contains(presented.scope.service) else {
            throw .wrongScope(
                "Credential should be scoped to correct service: '\(services.joined(separator: "', '"))'."
            )
        }
    }

    /// `Host` and every `x-amz-` header that steers the server must be signed, or whoever relays the request could add
    /// some.
    package func checkSignedHeaders(
        of presented: PresentedSignature,
        in request: SignableRequest
    ) throws(SignatureFailure) {
        guard presented.signedHeaders.contains("host") || presented.signedHeaders.contains(":authority") else {
            throw .incomplete("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
        }
        let unsigned = request.headers.map { $0.name.canonicalName }.filter {
            $0.hasPrefix("x-amz-") && !Self.neverSigned.contains($0) && !presented.signedHeaders.contains($0)
        }
        guard unsigned.isEmpty else { throw .unsignedHeaders(unsigned) }
    }

    /// The date is part of what is signed anyway, the token is checked against its key, and proxies add the last one.
    private static let neverSigned: Set<String> = ["x-amz-date", "x-amz-security-token", "x-amz-cf-id"]

    /// Compares the signature with ours. `payloadHash` is what the canonical request ends with.
    package func checkSignature(
        _ presented: PresentedSignature,
        of request: SignableRequest,
        payloadHash: String,
        secret: String
    ) throws(SignatureFailure) {
        let canonical = CanonicalRequest(
            request,
            signedHeaders: presented.signedHeaders,
            payloadHash: payloadHash,
            path: .init(service: presented.scope.service)
        )
        let text = canonical.stringToSign(date: presented.dateText, scope: presented.scope)
        let expected = SigV4.sign(text, with: keys.key(secret: secret, scope: presented.scope))
        guard SigV4.constantTimeEqual(expected, presented.signature) else { throw .mismatch }
    }

    /// For the chunks of a streamed body, whose signatures follow from the request's own.
    package func chunkChain(after presented: PresentedSignature, secret: String) -> ChunkSignatureChain {
        ChunkSignatureChain(
            key: keys.key(secret: secret, scope: presented.scope),
            date: presented.dateText,
            scope: presented.scope,
            seed: presented.signature
        )
    }
}
