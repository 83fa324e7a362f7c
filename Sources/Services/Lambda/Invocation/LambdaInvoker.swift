// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Logging
import MartletCore
import NIOCore
import Sandbox

/// The data plane's front: Invoke and InvokeAsync in AWS's terms around `FunctionRunner`.
struct LambdaInvoker: Sendable {
    var directory: any VersionDirectory
    var runner: FunctionRunner
    var events: AsyncEvents
    var ids: any IDSource

    /// RequestResponse runs the function and answers its result; Event stores the event and answers 202; DryRun only checks.
    /// Throws InvalidRequestContentException, RequestEntityTooLargeException, ResourceNotFoundException, TooManyRequestsException.
    /// AWS: Invoke
    func invoke(_ input: InvokeInput, _ context: RequestContext) async throws -> InvokeOutput {
        if let name = input.durableExecutionName { throw CommonError.notImplemented("durable executions (\(name))") }
        let type = input.invocationType?.rawValue ?? "RequestResponse"
        let payload = try checkedPayload(input.payload, isEvent: type == "Event")
        let clientContext = try input.clientContext.map(decodeClientContext)
        var resolved = try await directory.resolve(
            function: input.functionName,
            qualifier: input.qualifier,
            in: context.scope,
            draw: drawWeight()
        )
        try Tenancy.assign(input.tenantId, to: &resolved.version)
        let trace = trace(context.traceHeader, at: context.receivedAt)
        switch type {
        case "DryRun":
            return InvokeOutput(statusCode: 204)
        case "Event":
            try await events.accept(
                AsyncEvent(
                    id: context.requestID,
                    scope: resolved.version.key.scope,
                    functionName: resolved.version.key.functionName,
                    qualifier: resolved.invokedARN.qualifierOfFunction,
                    tenantID: resolved.version.key.tenantID,
                    payload: payload,
                    clientContext: clientContext,
                    traceHeader: trace,
                    acceptedAt: context.receivedAt
                )
            )
            return InvokeOutput(statusCode: 202, payload: Blob())
        default:
            guard let trace = enter(resolved, trace) else {
                throw RecursiveInvocationException(Self.recursion)
            }
            let invocation = Invocation(
                id: context.requestID,
                payload: payload,
                invokedARN: resolved.invokedARN,
                clientContext: clientContext,
                traceHeader: trace,
                timeout: .seconds(resolved.version.timeoutSeconds),
                wantsTail: input.logType?.rawValue == "Tail"
            )
            let outcome = try await run(resolved, invocation)
            return answer(outcome, version: resolved.version.key.version, wantsTail: invocation.wantsTail)
        }
    }

    /// The older form of an asynchronous invoke. AWS: InvokeAsync
    func invokeAsync(_ input: InvokeAsyncInput, _ context: RequestContext) async throws -> InvokeAsyncOutput {
        var payload = Blob()
        switch input.invokeArgs {
        case .buffer(let buffer)?: payload = buffer
        case .sequence(let pieces, _)?:
            var size = 0
            for try await var piece in pieces {
                size += piece.readableBytes
                // What is too large is counted to its end, which the server's limit of bodies sets.
                if size <= LambdaLimits.eventBytes { payload.writeBuffer(&piece) }
            }
            guard size <= LambdaLimits.eventBytes else { throw Self.eventTooLarge(size) }
        case nil: break
        }
        let invoke = InvokeInput(
            functionName: input.functionName,
            invocationType: InvocationType("Event"),
            payload: payload
        )
        _ = try await self.invoke(invoke, context)
        return InvokeAsyncOutput(status: 202)
    }

    /// Runs a stored event. A function's own error is an answer; throws where the event could not be run.
    func run(_ event: AsyncEvent) async throws -> AsyncResponse {
        var resolved = try await directory.resolve(
            function: event.functionName,
            qualifier: event.qualifier,
            in: event.scope,
            draw: drawWeight()
        )
        try Tenancy.assign(event.tenantID, to: &resolved.version)
        // A loop must not be tried again: its event goes to the dead-letter queue and the on-failure destination.
        guard let trace = enter(resolved, event.traceHeader) else {
            throw RecursiveInvocationException(Self.recursion)
        }
        let invocation = Invocation(
            id: event.id,
            payload: event.payload,
            invokedARN: resolved.invokedARN,
            clientContext: event.clientContext,
            traceHeader: trace,
            timeout: .seconds(resolved.version.timeoutSeconds),
            isPatient: true
        )
        let outcome = try await run(resolved, invocation)
        let answer = answer(outcome, version: resolved.version.key.version, wantsTail: false)
        return AsyncResponse(
            executedVersion: resolved.version.key.version,
            functionError: answer.functionError,
            payload: answer.payload ?? ByteBuffer()
        )
    }

    static let recursion =
        "Lambda has detected your function being invoked in a recursive loop with other AWS resources and stopped your function's invocation."

    /// The trace header with which the function is to run; nil when it is in a loop that is to end.
    func enter(_ resolved: ResolvedInvocation, _ trace: String) -> String? {
        var lineage = Lineage(traceHeader: trace)
        guard lineage.enter(resolved.version.key) || !resolved.terminatesLoops else {
            runner.meter?.droppedLoop(resolved.version.key, resolved.invokedARN.qualifierOfFunction)
            return nil
        }
        return lineage.written(into: trace)
    }

    func run(_ resolved: ResolvedInvocation, _ invocation: Invocation) async throws -> FunctionRunner.Outcome {
        // Function URLs and mappings name no tenant, and no environment may serve them in a tenant's place.
        try Tenancy.check(resolved.version)
        do {
            return try await runner.run(
                resolved,
                invocation,
                claims: try await directory.claimedConcurrency(in: resolved.version.key.scope)
            )
        } catch let throttled as FunctionRunner.Throttled {
            throw Self.tooManyRequests(throttled)
        } catch let unavailable as RuntimeUnavailable {
            throw InvalidRuntimeException(unavailable.message)
        } catch let error as SandboxError where error.code == .hostLacks {
            throw ServiceException("Martlet cannot start a sandbox on this host: \(error.message)")
        }
    }

    private static func tooManyRequests(_ throttled: FunctionRunner.Throttled) -> TooManyRequestsException {
        var error = TooManyRequestsException("Rate Exceeded.")
        error.reason = ThrottleReason(throttled.reason)
        error.retryAfterSeconds = "1"
        return error
    }

    private func answer(_ outcome: FunctionRunner.Outcome, version: String, wantsTail: Bool) -> InvokeOutput {
        var output = InvokeOutput(statusCode: 200, executedVersion: version)
        switch outcome.result.outcome {
        case .success(let payload): output.payload = payload
        case .failure(let error):
            output.payload = error.payload
            output.functionError = "Unhandled"
        case .notStarted: break
        }
        if wantsTail { output.logResult = Base64.encode(outcome.logTail) }
        return output
    }

    // MARK: Checking the request

    func checkedPayload(_ payload: Blob?, isEvent: Bool) throws -> ByteBuffer {
        guard let payload, payload.readableBytes > 0 else { return ByteBuffer(string: "{}") }
        let size = payload.readableBytes
        guard size <= LambdaLimits.requestBytes else { throw Self.tooLarge(LambdaLimits.requestBytes) }
        guard !isEvent || size <= LambdaLimits.eventBytes else { throw Self.eventTooLarge(size) }
        guard JSONScan.isWellFormed(payload) else {
            throw InvalidRequestContentException(
                "Could not parse request body into json: the payload is not a well-formed JSON text"
            )
        }
        return payload
    }

    static func eventTooLarge(_ size: Int) -> CommonError {
        CommonError(
            "RequestEntityTooLargeException",
            "\(size) byte payload is too large for the Event invocation type (limit \(LambdaLimits.eventBytes) bytes)",
            status: 413
        )
    }

    private static func tooLarge(_ limit: Int) -> CommonError {
        CommonError(
            "RequestEntityTooLargeException",
            "Request must be smaller than \(limit) bytes for the InvokeFunction operation",
            status: 413
        )
    }

    /// JSON text on one line, fit for a header of the Runtime API.
    func decodeClientContext(_ text: String) throws -> String {
        let isInvalid = InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.")
        guard text.utf8.count <= LambdaLimits.clientContextBytes else {
            throw InvalidRequestContentException(
                "Client context must be no more than \(LambdaLimits.clientContextBytes) bytes in size."
            )
        }
        guard let bytes = Base64.decode(text), bytes.first(where: { $0 > 0x20 }) == 0x7b,
            JSONScan.isWellFormed(ByteBuffer(bytes: bytes)),
            let json = String(validating: bytes, as: UTF8.self)
        else { throw isInvalid }
        // Outside strings, line ends are white space; inside, well-formed JSON has none.
        return String(decoding: json.utf8.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
    }

    /// The caller's, or a new one.
    func trace(_ given: String?, at now: Instant) -> String {
        TraceHeader.accepted(given) ?? TraceHeader.new(ids: ids, at: now)
    }

    /// Evenly in 0..<1, for an alias's weights.
    func drawWeight() -> Double {
        let bits = ids.bytes(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return Double(bits) / 4_294_967_296
    }
}

/// AWS: X-Amzn-Trace-Id
enum TraceHeader {
    /// The caller's, when it has a trace's form; anything else would be a header injection into the Runtime API.
    static func accepted(_ text: String?) -> String? {
        guard let text, text.utf8.count <= 512, text.contains("Root=1-"),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { return nil }
        return text
    }

    static func new(ids: any IDSource, at now: Instant) -> String {
        let seconds = String(now.milliseconds / 1_000, radix: 16)
        let digits = ids.hex(40)
        return "Root=1-\(seconds)-\(digits.prefix(24));Parent=\(digits.suffix(16));Sampled=0"
    }
}

extension ARN {
    /// The `7` of `function:name:7`; nil without one.
    var qualifierOfFunction: String? {
        let parts = resource.split(separator: ":", maxSplits: 2)
        return parts.count == 3 ? String(parts[2]) : nil
    }
}
