// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes

/// Leave for browsers to call: what AWS's services answer to preflights, with the origin echoed. In `open` mode foreign
/// origins never come this far.
struct CORS: Sendable {
    private static let methods = "HEAD,GET,PUT,POST,DELETE,OPTIONS,PATCH"
    private static let usualHeaders =
        "authorization,content-type,content-length,content-md5,cache-control,x-amz-content-sha256,x-amz-date,"
        + "x-amz-security-token,x-amz-user-agent,x-amz-target,x-amz-acl,x-amz-version-id,x-amzn-trace-id,"
        + "amz-sdk-invocation-id,amz-sdk-request"
    private static let exposed =
        "x-amzn-requestid,x-amz-request-id,x-amzn-errortype,x-amzn-errormessage,x-amzn-trace-id,x-amz-log-result,"
        + "x-amz-function-error,x-amz-executed-version,date,etag"

    /// Nil when the request is no preflight.
    func preflight(_ request: IncomingRequest) -> WireResponse? {
        guard request.method == "OPTIONS", request.headers.contains(.origin),
            request.headers.contains(.accessControlRequestMethod)
        else { return nil }
        var response = WireResponse(status: 200)
        response.headers[.accessControlAllowMethods] = Self.methods
        response.headers[.accessControlAllowHeaders] =
            request.headers[.accessControlRequestHeaders] ?? Self.usualHeaders
        response.headers[.accessControlMaxAge] = "172800"
        return response
    }

    func decorate(_ response: inout WireResponse, for request: IncomingRequest) {
        guard let origin = request.headers[.origin] else { return }
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.accessControlExposeHeaders] = Self.exposed
        response.headers.append(HTTPField(name: .vary, value: "Origin"))
    }
}

/// Answers a browser's question whether it may ask.
struct AnswerPreflight: ChainStep {
    let cors: CORS

    func run(_ exchange: Exchange) { exchange.response = cors.preflight(exchange.request) }
}
