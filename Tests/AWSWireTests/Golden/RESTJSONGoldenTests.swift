import HTTPTypes
import MartletCore
import NIOCore
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire
@testable import Lambda

@Suite("REST-JSON on the wire")
struct RESTJSONGoldenTests {
    private let codec = ServiceModel.lambda.codec(.restJSON)

    private func read<S: Shape>(_ type: S.Type, _ operation: String, _ request: WireRequest) throws -> S {
        try #require(codec.readInput(of: WireService.lambda.operation(operation), from: request) as? S)
    }

    @Test("a request's members come from its path, its query and its body")
    func request() throws {
        let body = #"{"FunctionVersion":"1","Name":"live","RoutingConfig":{"AdditionalVersionWeights":{"2":0.25}}}"#
        let input = try read(
            CreateAliasInput.self,
            "CreateAlias",
            WireRequest(
                method: "POST",
                path: "/2015-03-31/functions/my%2Dfn/aliases",
                body: .buffer(ByteBuffer(string: body))
            )
        )
        #expect(input.functionName == "my-fn")
        #expect(input.name == "live")
        #expect(input.routingConfig?.additionalVersionWeights == ["2": 0.25])
        #expect(input.description == nil)
    }

    @Test("a client writes the same request")
    func clientRequest() throws {
        var input = CreateAliasInput()
        input.functionName = "my fn"
        input.name = "live"
        input.functionVersion = "1"
        let request = try codec.writeInput(input, of: LambdaOperations.createAlias.binding)
        #expect(request.method == "POST")
        #expect(request.path == "/2015-03-31/functions/my%20fn/aliases")
        #expect(request.query == "")
        #expect(request.body.text == #"{"Name":"live","FunctionVersion":"1"}"#)
        #expect(request.headers[.contentType] == "application/json")
    }

    @Test("a payload is the body, byte for byte, and headers are members")
    func invokeRequest() throws {
        var request = WireRequest(
            method: "POST",
            path: "/2015-03-31/functions/f/invocations",
            query: "Qualifier=%24LATEST",
            body: .buffer(ByteBuffer(string: "not { json"))
        )
        request.headers[.init("x-amz-invocation-type")!] = "Event"
        let input = try read(InvokeInput.self, "Invoke", request)
        #expect(input.payload == Blob(string: "not { json"))
        #expect(input.invocationType?.rawValue == "Event")
        #expect(input.qualifier == "$LATEST")
        #expect(input.logType == nil)
    }

    @Test("an absent body is an absent payload")
    func emptyPayload() throws {
        let input = try read(
            InvokeInput.self,
            "Invoke",
            WireRequest(method: "POST", path: "/2015-03-31/functions/f/invocations")
        )
        #expect(input.payload == nil)
    }

    @Test("an answer has its status, its headers and its payload")
    func invokeResponse() throws {
        var output = InvokeOutput()
        output.statusCode = 200
        output.functionError = "Unhandled"
        output.executedVersion = "$LATEST"
        output.payload = Blob(string: #"{"errorMessage":"x"}"#)
        let response = try codec.writeOutput(output, of: LambdaOperations.invoke.binding, requestID: "id-1")
        #expect(response.status == 200)
        #expect(response.body.text == #"{"errorMessage":"x"}"#)
        #expect(response.headers[.init("X-Amz-Function-Error")!] == "Unhandled")
        #expect(response.headers[.init("x-amz-executed-version")!] == "$LATEST")
        #expect(response.headers[.amznRequestID] == "id-1")
        #expect(response.headers[.contentType] == "application/json")
    }

    @Test("an answer without members has no body and no type")
    func noContent() throws {
        let response = try codec.writeOutput(
            DeleteAliasOutput(),
            of: LambdaOperations.deleteAlias.binding,
            requestID: "i"
        )
        #expect(response.status == 204)
        #expect(response.body.text == "")
        #expect(response.headers[.contentType] == nil)
    }

    @Test("a modelled error is spelled as its model spells it, with its name in a header")
    func modelledError() {
        let response = codec.writeError(Lambda.ResourceNotFoundException("Function not found: arn"), requestID: "id-2")
        #expect(response.status == 404)
        #expect(response.headers[.amznErrorType] == "ResourceNotFoundException")
        #expect(response.headers[.amznRequestID] == "id-2")
        #expect(response.body.text == #"{"Type":"User","Message":"Function not found: arn"}"#)
    }

    @Test("an error's header members are headers")
    func errorHeaders() {
        var error = TooManyRequestsException("Rate Exceeded.")
        error.retryAfterSeconds = "1"
        error.reason = ThrottleReason("ReservedFunctionConcurrentInvocationLimitExceeded")
        let response = codec.writeError(error, requestID: "i")
        #expect(response.status == 429)
        #expect(response.headers[.retryAfter] == "1")
        #expect(
            response.body.text
                == #"{"Type":"User","message":"Rate Exceeded.","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}"#
        )
    }

    @Test("an error that no header can carry still reaches the client")
    func unprintableError() {
        var error = TooManyRequestsException("slow down")
        error.retryAfterSeconds = "1\r\nX-Evil: 1"
        let response = codec.writeError(error, requestID: "i")
        #expect(response.status == 429)
        #expect(response.headers[.retryAfter] == nil)
        #expect(response.body.text == #"{"message":"slow down"}"#)
    }

    @Test("an answer with a line break for a header is refused, not split in two")
    func headerInjection() {
        var output = InvokeOutput()
        output.logResult = "a\r\nX-Evil: 1"
        #expect(throws: MartletError.self) {
            try codec.writeOutput(output, of: LambdaOperations.invoke.binding, requestID: "i")
        }
    }

    @Test("common errors have a message, IAM's refusals one with a capital")
    func commonErrors() {
        #expect(codec.writeError(CommonError.validation("v"), requestID: "i").body.text == #"{"message":"v"}"#)
        let refused = codec.writeError(CommonError("AccessDeniedException", "no", status: 403), requestID: "i")
        #expect(refused.body.text == #"{"Message":"no"}"#)
        #expect(refused.status == 403)
    }

    @Test("a body of any length passes as a stream")
    func streamBody() throws {
        let pieces = AsyncThrowingStream<ByteBuffer, any Error> { $0.finish() }
        let request = WireRequest(
            method: "POST",
            path: "/2014-11-13/functions/f/invoke-async/",
            body: .sequence(pieces, length: 3)
        )
        let input = try read(InvokeAsyncInput.self, "InvokeAsync", request)
        guard case .sequence(_, length: 3) = input.invokeArgs else {
            Issue.record("the body was not passed on")
            return
        }
        #expect(LambdaOperations.invokeAsync.binding.input == .stream)
        #expect(LambdaOperations.invoke.binding.input == .payload)
        #expect(LambdaOperations.createFunction.binding.input == .document)
        #expect(LambdaOperations.getFunction.binding.input == .none)
    }

    @Test("a stream where a document belongs is a fault inside, not the client's")
    func uncollected() throws {
        let pieces = AsyncThrowingStream<ByteBuffer, any Error> { $0.finish() }
        let request = WireRequest(method: "POST", path: "/2015-03-31/functions", body: .sequence(pieces, length: nil))
        #expect(throws: MartletError.self) { try read(CreateFunctionInput.self, "CreateFunction", request) }
    }
}
