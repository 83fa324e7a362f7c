// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// One event on its way through an execution environment. Never changed, and shared by reference: it passes many hands.
final class Invocation: Sendable {
    /// The request's id: in the answer's header, the context, the log lines and the trace.
    let id: String
    let payload: ByteBuffer
    let invokedARN: ARN
    /// JSON text, decoded from the caller's base 64.
    let clientContext: String?
    let traceHeader: String
    /// Of the function: the deadline runs from the moment the runtime is handed the event.
    let timeout: Duration
    /// The caller wants the end of the log, too. AWS: LogType=Tail
    let wantsTail: Bool
    /// Nobody waits for its answer: an asynchronous event.
    let isPatient: Bool
    /// Whoever wants the answer as it comes; nil: as a whole.
    let relay: ResponseRelay?

    init(
        id: String,
        payload: ByteBuffer,
        invokedARN: ARN,
        clientContext: String?,
        traceHeader: String,
        timeout: Duration,
        wantsTail: Bool = false,
        isPatient: Bool = false,
        relay: ResponseRelay? = nil
    ) {
        self.id = id
        self.payload = payload
        self.invokedARN = invokedARN
        self.clientContext = clientContext
        self.traceHeader = traceHeader
        self.timeout = timeout
        self.wantsTail = wantsTail
        self.isPatient = isPatient
        self.relay = relay
    }

    /// The same, with somebody who wants the answer as it comes.
    func relayed(through relay: ResponseRelay) -> Invocation {
        Invocation(
            id: id,
            payload: payload,
            invokedARN: invokedARN,
            clientContext: clientContext,
            traceHeader: traceHeader,
            timeout: timeout,
            wantsTail: wantsTail,
            isPatient: isPatient,
            relay: relay
        )
    }
}

/// How an invocation ended.
struct InvocationResult: Sendable {
    enum Outcome: Sendable {
        case success(ByteBuffer)
        /// The payload is what the runtime wrote, or what the platform writes in its place.
        case failure(FunctionError)
        /// The environment ended before the runtime was handed the event, so another one may take it.
        case notStarted
    }

    var outcome: Outcome
    /// From the hand-over to the answer.
    var duration: Duration
    /// Of a streamed answer: from the hand-over to its first byte.
    var latency: Duration? = nil
}

/// AWS: `X-Amz-Function-Error`. All are `Unhandled` to the caller; `Handled` is history.
struct FunctionError: Sendable {
    var payload: ByteBuffer
    /// `Runtime.ExitError`, `Sandbox.Timedout`, or the runtime's own; for the REPORT line and metrics.
    var errorType: String
    /// `timeout` or `error`, as the REPORT line's Status says.
    var status: Status
    /// What the platform writes into the function's log; nil when the runtime has written its own.
    var logLine: String?

    enum Status: String, Sendable {
        case error
        case timeout
        case failure
    }

    /// An error that the platform reports because the runtime could not.
    static func platform(_ errorType: String, _ message: String, requestID: String, status: Status) -> FunctionError {
        FunctionError(
            payload: ByteBuffer(
                string: #"{"errorType":"\#(errorType)","errorMessage":"RequestId: \#(requestID) Error: \#(message)"}"#
            ),
            errorType: errorType,
            status: status,
            logLine: status == .error ? "RequestId: \(requestID) Error: \(message)\n\(errorType)\n" : nil
        )
    }

    /// A streamed answer that broke off although the runtime lived on.
    static func truncated(requestID: String) -> FunctionError {
        .platform("Runtime.TruncatedResponse", "Response was truncated", requestID: requestID, status: .error)
    }

    static func timedOut(after timeout: Duration, requestID: String) -> FunctionError {
        .platform(
            "Sandbox.Timedout",
            "Task timed out after \(timeout.fractionalSeconds.fixed(2)) seconds",
            requestID: requestID,
            status: .timeout
        )
    }

    static func responseTooLarge(limit: Int) -> FunctionError {
        FunctionError(
            payload: ByteBuffer(
                string:
                    #"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (\#(limit) bytes)."}"#
            ),
            errorType: "Function.ResponseSizeTooLarge",
            status: .error
        )
    }
}

extension Double {
    /// With exactly `digits` decimals, rounded half away from zero. Without Foundation's formatter.
    func fixed(_ digits: Int) -> String {
        guard isFinite, abs(self) < 1e15 else { return "0" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((abs(self) * scale).rounded())
        let whole = scaled / Int(scale)
        guard digits > 0 else { return (self < 0 ? "-" : "") + String(whole) }
        return (self < 0 && scaled != 0 ? "-" : "") + "\(whole).\((scaled % Int(scale)).padded(digits))"
    }
}
