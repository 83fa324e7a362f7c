// SPDX-License-Identifier: Apache-2.0

/// Why a signature is not accepted. Each protocol has its own name for it.
package enum SignatureFailure: Error, Sendable, Equatable {
    /// There is no signature.
    case missing
    /// There is something, and it is not a signature; the text says what it lacks.
    case incomplete(String)
    /// Nobody has that access key, or the token does not belong to it.
    case unknownKey
    /// The temporary credentials are past their end.
    case expiredCredentials
    /// The date is too far from the server's.
    case skewed(String)
    /// A presigned request after its `X-Amz-Expires`.
    case expiredRequest(String)
    /// The credential scope is of another day, region or service.
    case wrongScope(String)
    /// The sums differ.
    case mismatch
    /// The body is not what `x-amz-content-sha256` says.
    case payloadMismatch
    /// Headers that must be signed and are not.
    case unsignedHeaders([String])
    /// A chunked body that ended early or is not in the chunked form.
    case malformedBody(String)
}
