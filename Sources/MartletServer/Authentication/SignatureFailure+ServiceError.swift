// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// How AWS names one failure: the Query services have their own names, the JSON services theirs.
private struct FailureName {
    let query: String
    let queryStatus: Int
    let json: String

    init(_ query: String, _ queryStatus: Int, _ json: String) {
        self.query = query
        self.queryStatus = queryStatus
        self.json = json
    }

    static let missing = FailureName("MissingAuthenticationToken", 403, "MissingAuthenticationTokenException")
    static let incomplete = FailureName("IncompleteSignature", 400, "IncompleteSignatureException")
    static let unknownKey = FailureName("InvalidClientTokenId", 403, "UnrecognizedClientException")
    static let expiredCredentials = FailureName("ExpiredToken", 403, "ExpiredTokenException")
    static let mismatch = FailureName("SignatureDoesNotMatch", 403, "InvalidSignatureException")
    static let expiredRequest = FailureName("RequestExpired", 400, "InvalidSignatureException")
    static let malformedBody = FailureName("IncompleteBody", 400, "IncompleteBodyException")
}

extension SignatureFailure {
    /// AWS's error for the protocol of the request. JSON 1.0 and 1.1 answer 400, REST 403, Query by name.
    func serviceError(_ wire: WireProtocol) -> CommonError {
        let name = name
        switch wire {
        case .query: return CommonError(name.query, message, status: name.queryStatus)
        case .json10, .json11: return CommonError(name.json, message, status: 400)
        case .restJSON: return CommonError(name.json, message, status: isMalformedBody ? 400 : 403)
        }
    }

    private var isMalformedBody: Bool {
        if case .malformedBody = self { true } else { false }
    }

    private var name: FailureName {
        switch self {
        case .missing: .missing
        case .incomplete: .incomplete
        case .unknownKey: .unknownKey
        case .expiredCredentials: .expiredCredentials
        case .skewed, .wrongScope, .mismatch, .payloadMismatch, .unsignedHeaders: .mismatch
        case .expiredRequest: .expiredRequest
        case .malformedBody: .malformedBody
        }
    }

    private var message: String {
        switch self {
        case .missing: "Missing Authentication Token"
        case .incomplete(let text), .skewed(let text), .expiredRequest(let text), .wrongScope(let text),
            .malformedBody(let text):
            text
        case .unknownKey: "The security token included in the request is invalid."
        case .expiredCredentials: "The security token included in the request is expired"
        case .mismatch:
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
                + "and signing method. Consult the service documentation for details."
        case .payloadMismatch: "The provided 'x-amz-content-sha256' header does not match what was computed."
        case .unsignedHeaders(let names):
            "There were headers present in the request which were not signed: \(names.joined(separator: ", "))"
        }
    }
}
