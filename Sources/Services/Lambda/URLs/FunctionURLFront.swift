// SPDX-License-Identifier: Apache-2.0
package import AWSWire
import HTTPTypes
import MartletCore
import NIOCore

/// Answers the HTTP addresses of functions: who may, the event, the invocation, the answer. AWS: function URLs
package struct FunctionURLFront: Sendable {
    let cache: VersionCache
    let invoker: LambdaInvoker
    let authorizer: any Authorizer

    /// Of a request's body; the event made of it has the same limit.
    package static let bodyLimit = LambdaLimits.requestBytes
    /// Both are asked for, as AWS does since October 2025.
    private static let actions = ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"]

    package func serves(host: String) -> Bool { FunctionURLHost(host) != nil }

    /// With AuthType NONE a signature is the function's own affair, like any other header.
    package func verifiesSignatures(host: String) async throws -> Bool { try await url(host)?.authType == "AWS_IAM" }

    package func answer(_ request: FunctionURLRequest) async throws -> WireResponse {
        guard let url = try await url(request.host) else {
            return Self.refusal("ResourceNotFoundException", "Not Found", status: 404)
        }
        let origin = request.headers[.origin]
        if let cors = url.cors, let origin, request.method == "OPTIONS",
            request.headers.contains(.accessControlRequestMethod)
        {
            return WireResponse(status: 200, headers: cors.preflight(from: origin, asking: request.headers))
        }
        var response: WireResponse
        do {
            response = try await invoke(url, request)
        } catch let error as any ServiceError {
            response = Self.refusal(error)
        } catch is IntegrationAnswer.Malformed {
            response = Self.badGateway
        }
        url.cors?.decorate(&response.headers, for: origin)
        return response
    }

    private func url(_ host: String) async throws -> FunctionURL? {
        guard let name = FunctionURLHost(host), let url = try await cache.url(id: name.id) else {
            return nil
        }
        return url.scope.region.name == name.region ? url : nil
    }

    // MARK: Who may

    /// Throws AccessDeniedException. In every mode an address of AuthType AWS_IAM wants a signature.
    private func authorize(_ request: FunctionURLRequest, _ url: FunctionURL) async throws {
        var principal = request.principal
        if url.authType == "AWS_IAM" {
            guard principal.kind != .anonymous else { throw Self.forbidden }
        } else {
            principal.kind = .anonymous
            principal.account = url.scope.account
        }
        for action in Self.actions {
            do {
                try await authorizer.authorize(
                    AuthorizationRequest(
                        principal: principal,
                        action: action,
                        resources: [url.functionARN],
                        scope: url.scope,
                        sourceAddress: request.sourceAddress,
                        userAgent: request.headers[.userAgent] ?? "",
                        at: request.receivedAt,
                        conditionKeys: [
                            "lambda:functionurlauthtype": [url.authType], "lambda:invokedviafunctionurl": ["true"],
                        ]
                    )
                )
            } catch let error as any ServiceError where error.httpStatus < 500 {
                // Why is not for strangers.
                throw Self.forbidden
            }
        }
    }

    // MARK: Running the function

    private func invoke(_ url: FunctionURL, _ request: FunctionURLRequest) async throws -> WireResponse {
        try await authorize(request, url)
        let resolved = try await invoker.directory.resolve(
            function: url.functionName,
            qualifier: url.qualifier == VersionNumber.latestName ? nil : url.qualifier,
            in: url.scope,
            draw: invoker.drawWeight()
        )
        let given = invoker.trace(Self.traceHeader(request), at: request.receivedAt)
        guard let trace = invoker.enter(resolved, given) else {
            throw RecursiveInvocationException(LambdaInvoker.recursion)
        }
        let payload = FunctionURLEvent(request: request, url: url, traceHeader: trace).payload
        guard payload.readableBytes <= LambdaLimits.requestBytes else { throw Self.tooLarge }
        let invocation = Invocation(
            id: request.requestID,
            payload: payload,
            invokedARN: resolved.invokedARN,
            clientContext: nil,
            traceHeader: trace,
            timeout: .seconds(resolved.version.timeoutSeconds)
        )
        if url.invokeMode == InvokeMode.responseStream.rawValue {
            return try await StreamedIntegration(try await invoker.stream(resolved, invocation)).response()
        }
        guard case .success(let answer) = try await invoker.run(resolved, invocation).result.outcome else {
            return Self.badGateway
        }
        let integration = try IntegrationAnswer(answer)
        return WireResponse(
            status: integration.status,
            headers: integration.headers,
            body: .buffer(integration.body)
        )
    }

    private static func traceHeader(_ request: FunctionURLRequest) -> String? {
        HTTPField.Name("x-amzn-trace-id").flatMap { request.headers[$0] }
    }

    // MARK: Refusals

    private static let forbidden = CommonError("AccessDeniedException", "Forbidden", status: 403)
    private static let tooLarge = CommonError(
        "RequestEntityTooLargeException",
        "Request must be smaller than \(LambdaLimits.requestBytes) bytes for the InvokeFunction operation",
        status: 413
    )

    /// What the function did wrong, or what keeps it from running, is not for strangers.
    static let badGateway = WireResponse(
        status: 502,
        headers: [.contentType: "application/json"],
        body: .buffer(ByteBuffer(string: "Internal Server Error"))
    )

    private static func refusal(_ error: any ServiceError) -> WireResponse {
        switch error.httpStatus {
        case 429: refusal(error.code, error.message, status: 429)
        case 403, 413: refusal(error.code, error.message, status: error.httpStatus)
        case 404: refusal(error.code, "Not Found", status: 404)
        default: badGateway
        }
    }

    private static func refusal(_ code: String, _ message: String, status: Int) -> WireResponse {
        var headers: HTTPFields = [.contentType: "application/json"]
        headers[.amznErrorType] = code
        let body = JSONValue.object([.init("Message", .string(message))]).compactBuffer
        return WireResponse(status: status, headers: headers, body: .buffer(body))
    }
}
