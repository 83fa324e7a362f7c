// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import Sandbox

/// How the init phase ended.
enum InitOutcome: Sendable {
    case ready
    /// The runtime reported an error, or exited, or took too long.
    case failed(InitFailure)
}

struct InitFailure: Sendable {
    /// What the runtime wrote to `/init/error`; nil when it only exited.
    var payload: ByteBuffer?
    var errorType: String
    var status: FunctionError.Status
    var exit: SandboxExit?
    /// What the platform says when nobody has written a payload; nil: what the exit says.
    var message: String?
    /// For `LogType=Tail`.
    var logTail: [UInt8] = []
    /// It was initialised, and failed as a copy.
    var isOfRestore = false

    /// The command could not even be executed, which a sandbox that was booted ahead learns late.
    var notExecuted: SandboxError? {
        guard case .notExecuted(let error) = exit else { return nil }
        return error
    }

    /// What the caller gets of it.
    func error(of invocation: Invocation) -> FunctionError {
        if let payload { return FunctionError(payload: payload, errorType: errorType, status: .error) }
        if let message { return .platform(errorType, message, requestID: invocation.id, status: .error) }
        if status == .timeout { return .timedOut(after: invocation.timeout, requestID: invocation.id) }
        return ExecutionEnvironment.exitError(exit ?? .killed, requestID: invocation.id)
    }

    /// What a caller gets of a copy that did not become ready, in AWS's words.
    var restoreError: any Error {
        status == .timeout ? SnapStartTimeoutException.tooLate : SnapStartException.failedHook
    }
}

extension ExecutionEnvironment {
    /// Writes a failed init phase, and on the second try, which is part of `invocation`, that one's start and end.
    func tellFailedInit(
        _ version: ExecutableVersion,
        _ failure: InitFailure,
        _ duration: Duration,
        _ invocation: Invocation?,
        _ meter: FunctionMeter?
    ) async {
        if let invocation {
            log.platform(
                format.start(
                    requestID: invocation.id,
                    version: version.key.version,
                    tenantID: version.key.tenantID,
                    at: clock.now
                )
            )
        }
        log.platform(format.initReport(duration: duration, failure: failure, beginning.phase, at: clock.now))
        guard let invocation else { return }
        let result = InvocationResult(outcome: .failure(failure.error(of: invocation)), duration: duration)
        await tellEnd(of: invocation, version, .init(result: result), meter)
    }
}
