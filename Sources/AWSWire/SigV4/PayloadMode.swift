// SPDX-License-Identifier: Apache-2.0

/// How the body is bound to the signature, as `x-amz-content-sha256` says.
package enum PayloadMode: Sendable, Equatable {
    /// No header: the hash of the body that arrived is signed.
    case implied
    /// The hash in the header, which the body must have.
    case hash(String)
    /// The body is not signed.
    case unsigned
    /// Chunks, each with its signature; a signed trailer may follow.
    case signedChunks(trailer: Bool)
    /// Chunks without signatures, with a trailer.
    case unsignedChunks

    /// `isPresigned`: S3's presigned requests never sign the body.
    package init(of request: SignableRequest, isPresigned: Bool, service: String) throws(SignatureFailure) {
        guard let text = request.header(.amzContentSHA256) else {
            self = isPresigned && service == "s3" ? .unsigned : .implied
            return
        }
        switch text {
        case "UNSIGNED-PAYLOAD": self = .unsigned
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": self = .signedChunks(trailer: false)
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": self = .signedChunks(trailer: true)
        case "STREAMING-UNSIGNED-PAYLOAD-TRAILER": self = .unsignedChunks
        default:
            guard text.utf8.count == 64 else {
                throw .incomplete(
                    "The x-amz-content-sha256 header must be UNSIGNED-PAYLOAD, a STREAMING- value or a SHA-256 in hex."
                )
            }
            self = .hash(text.lowercased())
        }
    }

    package var isChunked: Bool {
        switch self {
        case .signedChunks, .unsignedChunks: true
        case .implied, .hash, .unsigned: false
        }
    }

    /// The last line of the canonical request; `bodyHash` is computed only where it is needed.
    package func canonicalHash(bodyHash: () -> String) throws(SignatureFailure) -> String {
        switch self {
        case .implied: return bodyHash()
        case .hash(let stated):
            guard stated == bodyHash() else { throw .payloadMismatch }
            return stated
        case .unsigned: return "UNSIGNED-PAYLOAD"
        case .signedChunks(trailer: false): return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        case .signedChunks(trailer: true): return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
        case .unsignedChunks: return "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        }
    }
}
