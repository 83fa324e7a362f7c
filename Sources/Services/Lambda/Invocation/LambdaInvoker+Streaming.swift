// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import NIOConcurrencyHelpers
import NIOCore

extension LambdaInvoker {
    /// Runs the function and passes its answer on as it comes; one that answers as a whole is passed on in pieces too. Returns
    /// with the first byte. What fails before is thrown as by Invoke; the function's own failure ends the stream.
    /// AWS: InvokeWithResponseStream
    func invokeWithResponseStream(
        _ input: InvokeWithResponseStreamInput,
        _ context: RequestContext
    ) async throws -> InvokeWithResponseStreamOutput {
        let payload = try checkedPayload(input.payload, isEvent: false)
        let clientContext = try input.clientContext.map(decodeClientContext)
        var resolved = try await directory.resolve(
            function: input.functionName,
            qualifier: input.qualifier,
            in: context.scope,
            draw: drawWeight()
        )
        try Tenancy.assign(input.tenantId, to: &resolved.version)
        if input.invocationType == .dryRun { return InvokeWithResponseStreamOutput(statusCode: 204) }
        guard let trace = enter(resolved, trace(context.traceHeader, at: context.receivedAt)) else {
            throw RecursiveInvocationException(Self.recursion)
        }
        let invocation = Invocation(
            id: context.requestID,
            payload: payload,
            invokedARN: resolved.invokedARN,
            clientContext: clientContext,
            traceHeader: trace,
            timeout: .seconds(resolved.version.timeoutSeconds),
            wantsTail: input.logType == .tail
        )
        let answer = try await stream(resolved, invocation)
        let events = StreamedEvents(answer, wantsTail: invocation.wantsTail)
        return InvokeWithResponseStreamOutput(
            statusCode: 200,
            executedVersion: resolved.version.key.version,
            eventStream: EventStream(AsyncThrowingStream { try await events.next() }),
            responseStreamContentType: answer.contentType
        )
    }

    /// Starts the function in a task that outlives the caller, and waits for the first byte.
    func stream(_ resolved: ResolvedInvocation, _ invocation: Invocation) async throws -> StreamedAnswer {
        let relay = ResponseRelay(clock: runner.supply.clock)
        let running = invocation.relayed(through: relay)
        // One a request, and admission bounds those.
        runner.supply.supervisor.submit {
            do {
                relay.finish(.success(try await run(resolved, running)))
            } catch {
                relay.finish(.failure(error))
            }
        }
        return StreamedAnswer(relay, try await relay.start())
    }
}

/// The answer of a function as it arrives. Can be read once, by one task. When it is let go, so is the caller's interest.
final class StreamedAnswer: Sendable {
    /// As the runtime named it; nil where it named none that a header can carry.
    let contentType: String?
    /// The answer as a whole, where the function did not stream.
    let whole: FunctionRunner.Outcome?
    private let relay: ResponseRelay

    init(_ relay: ResponseRelay, _ start: ResponseRelay.Start) {
        self.relay = relay
        switch start {
        case .streaming(let type):
            contentType = type.flatMap { HTTPField.isValidValue($0) && !$0.isEmpty ? $0 : nil }
            whole = nil
        case .whole(let outcome): (contentType, whole) = (nil, outcome)
        }
    }

    deinit { relay.abandon() }

    /// Nil at the end; `outcome` is there then.
    func next() async throws -> ByteBuffer? { whole == nil ? try await relay.next() : nil }

    var outcome: FunctionRunner.Outcome? { whole ?? relay.outcome }
}

/// The events of one answer: its pieces, then how it ended.
private final class StreamedEvents: Sendable {
    /// Of an answer that was there as a whole.
    private static let chunkBytes = 262_144

    private struct State {
        var rest: ByteBuffer?
        var isComplete = false
    }

    private let answer: StreamedAnswer
    private let wantsTail: Bool
    private let state: NIOLockedValueBox<State>

    init(_ answer: StreamedAnswer, wantsTail: Bool) {
        self.answer = answer
        self.wantsTail = wantsTail
        var rest: ByteBuffer?
        if case .success(let payload)? = answer.whole?.result.outcome { rest = payload }
        state = NIOLockedValueBox(State(rest: rest))
    }

    func next() async throws -> InvokeWithResponseStreamResponseEvent? {
        var piece = takeRest()
        if piece == nil { piece = try await answer.next() }
        if let piece {
            return InvokeWithResponseStreamResponseEvent(payloadChunk: InvokeResponseStreamUpdate(payload: piece))
        }
        let isFirst = state.withLockedValue { state in
            defer { state.isComplete = true }
            return !state.isComplete
        }
        return isFirst ? InvokeWithResponseStreamResponseEvent(invokeComplete: completion) : nil
    }

    private func takeRest() -> ByteBuffer? {
        state.withLockedValue { state in
            guard let bytes = state.rest?.readableBytes, bytes > 0 else { return nil }
            return state.rest?.readSlice(length: min(bytes, Self.chunkBytes))
        }
    }

    private var completion: InvokeWithResponseStreamCompleteEvent {
        var event = InvokeWithResponseStreamCompleteEvent()
        guard let outcome = answer.outcome else { return event }
        if case .failure(let error) = outcome.result.outcome {
            event.errorCode = error.isPlatforms ? error.errorType : "Unhandled"
            event.errorDetails = String(buffer: error.payload)
        }
        if wantsTail { event.logResult = Base64.encode(outcome.logTail) }
        return event
    }
}

extension FunctionError {
    /// Whether the platform speaks here, because the runtime could not.
    fileprivate var isPlatforms: Bool { logLine != nil || status != .error || errorType.hasPrefix("Function.") }
}
