// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
package import MartletCore

/// The signature that a request carries, read but not yet believed.
package struct PresentedSignature: Sendable, Equatable {
    package enum Form: Sendable, Equatable {
        /// In the `Authorization` header.
        case header
        /// In the query string, good for so many seconds.
        case query(expiresAfterSeconds: Int)
    }

    package var form: Form
    package var accessKeyID: String
    package var scope: SigningScope
    /// In lower case, in the order given.
    package var signedHeaders: [String]
    package var signature: String
    /// `20260131T235959Z`, as signed.
    package var dateText: String
    package var date: Instant
    package var sessionToken: String?

    /// Nil when the request carries no signature at all.
    package init?(of request: SignableRequest) throws(SignatureFailure) {
        let hasQueryForm = request.queryValue(SigV4.QueryName.algorithm) != nil
        guard let header = request.header(.authorization) else {
            guard hasQueryForm else { return nil }
            try self.init(query: request)
            return
        }
        guard !hasQueryForm else { throw .incomplete("Only one authentication mechanism is allowed in a request.") }
        try self.init(authorization: header, of: request)
    }

    private init(authorization: String, of request: SignableRequest) throws(SignatureFailure) {
        let fields = try AuthorizationFields(authorization)
        let stamp = request.header(.amzDate) ?? request.header(.date)
        var lacking = ["Credential", "Signature", "SignedHeaders"].filter { fields[$0] == nil }
            .map { "Authorization header requires '\($0)' parameter." }
        if stamp == nil {
            lacking.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        }
        guard let credential = fields["Credential"], let signature = fields["Signature"],
            let signedHeaders = fields["SignedHeaders"], let stamp
        else { throw .incomplete((lacking + ["Authorization=\(fields.algorithm)"]).joined(separator: " ")) }
        try self.init(
            credential: credential,
            signature: signature,
            signedHeaders: signedHeaders,
            stamp: stamp,
            form: .header
        )
        sessionToken = request.header(.amzSecurityToken)
    }

    private init(query request: SignableRequest) throws(SignatureFailure) {
        let names = SigV4.QueryName.self
        guard request.queryValue(names.algorithm) == SigV4.algorithm else {
            throw .incomplete("Unsupported AWS 'algorithm': '\(request.queryValue(names.algorithm) ?? "")'.")
        }
        func required(_ name: String) throws(SignatureFailure) -> String {
            guard let value = request.queryValue(name), !value.isEmpty else {
                throw .incomplete(
                    "AWS query-string parameters must include '\(name)'. Re-examine the query-string parameters."
                )
            }
            return value
        }
        // STS and others presign without a lifetime and get the usual tolerance.
        let expires = Int(request.queryValue(names.expires) ?? "300")
        guard let expires, (0...SigV4.maximumPresignedSeconds).contains(expires) else {
            throw .incomplete(
                "X-Amz-Expires must be a number of seconds between 0 and \(SigV4.maximumPresignedSeconds)."
            )
        }
        try self.init(
            credential: try required(names.credential),
            signature: try required(names.signature),
            signedHeaders: try required(names.signedHeaders),
            stamp: try required(names.date),
            form: .query(expiresAfterSeconds: expires)
        )
        sessionToken = request.queryValue(names.securityToken)
    }

    private init(
        credential: String,
        signature: String,
        signedHeaders: String,
        stamp: String,
        form: Form
    ) throws(SignatureFailure) {
        let parts = credential.split(separator: "/", omittingEmptySubsequences: false)
        // An access key holds no slash, so five parts are all there can be.
        guard parts.count == 5, !parts[0].isEmpty else {
            throw .incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '\(credential)'"
            )
        }
        guard parts[4] == SigV4.terminator else {
            throw .wrongScope(
                "Credential should be scoped with a valid terminator: '\(SigV4.terminator)', not '\(parts[4])'."
            )
        }
        guard let date = Instant(iso8601: stamp), date.basicISO8601 == stamp else {
            throw .incomplete(
                "Date must be in ISO-8601 'basic format'. Got '\(stamp)'. See http://en.wikipedia.org/wiki/ISO_8601"
            )
        }
        accessKeyID = String(parts[0])
        scope = SigningScope(date: String(parts[1]), region: String(parts[2]), service: String(parts[3]))
        self.signedHeaders = signedHeaders.split(separator: ";").map { $0.lowercased() }
        self.signature = signature
        self.date = date
        self.form = form
        dateText = stamp
    }
}

/// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`; commas with or without blanks.
struct AuthorizationFields {
    let algorithm: String
    private var values: [String: String] = [:]

    init(_ header: String) throws(SignatureFailure) {
        let halves = header.split(separator: " ", maxSplits: 1)
        algorithm = halves.first.map(String.init) ?? ""
        guard algorithm == SigV4.algorithm else {
            throw .incomplete("Unsupported AWS 'algorithm': '\(algorithm)'.")
        }
        for part in (halves.count > 1 ? halves[1] : "").split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else {
                throw .incomplete(
                    "'\(part)' not a valid key=value pair (missing equal-sign) in Authorization header: '\(header)'."
                )
            }
            values[Self.trimmed(pair[0])] = Self.trimmed(pair[1])
        }
    }

    subscript(name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

    private static func trimmed(_ text: Substring) -> String {
        text.split(separator: " ").joined(separator: " ")
    }
}

/// Whose key and which service a request names, before anything is verified: enough to find the service and, in `open`
/// mode, the account and region.
package struct PresentedCredential: Sendable, Equatable {
    package var accessKeyID: String
    package var region: String
    package var service: String
    package var sessionToken: String?

    /// Reads what there is; a broken signature still names its service.
    package init?(of request: SignableRequest) {
        if let header = request.header(.authorization), let text = Self.credential(in: header) {
            self.init(text, token: request.header(.amzSecurityToken))
        } else if !request.query.isEmpty, let text = request.queryValue(SigV4.QueryName.credential) {
            self.init(text, token: request.queryValue(SigV4.QueryName.securityToken))
        } else {
            return nil
        }
    }

    private init?(_ credential: String, token: String?) {
        let parts = credential.parts(at: "/")
        guard parts.count >= 4, !parts[0].isEmpty else { return nil }
        accessKeyID = String(parts[0])
        region = String(parts[2])
        service = String(parts[3])
        sessionToken = token
    }

    private static func credential(in header: String) -> String? {
        let bytes = Array(header.utf8)
        let word = Array("Credential=".utf8)
        guard bytes.count > word.count else { return nil }
        // Behind the algorithm in every SDK's header, so the first tries succeed.
        guard
            let start = (0...(bytes.count - word.count)).first(where: {
                bytes[$0..<($0 + word.count)].elementsEqual(word)
            })
        else { return nil }
        let value = bytes[(start + word.count)...].prefix { $0 != 0x2c && $0 != 0x20 }
        return String(decoding: value, as: UTF8.self)
    }
}
