// SPDX-License-Identifier: Apache-2.0
import Sandbox

extension ExecutionEnvironment {
    /// What the runtime's exit means to a caller.
    static func exitError(_ exit: SandboxExit, requestID: String) -> FunctionError {
        switch exit {
        case .exited(let status):
            let what =
                status == 0
                ? "Runtime exited without providing a reason" : "Runtime exited with error: exit status \(status)"
            return .platform("Runtime.ExitError", what, requestID: requestID, status: .error)
        case .signalled(let signal):
            let what = "Runtime exited with error: signal: \(SignalName.text(of: signal))"
            return .platform("Runtime.ExitError", what, requestID: requestID, status: .error)
        case .outOfMemory:
            return .platform(
                "Runtime.OutOfMemory",
                "Runtime exited with error: signal: killed",
                requestID: requestID,
                status: .error
            )
        case .notExecuted(let error):
            return .platform("Runtime.InvalidEntrypoint", error.message, requestID: requestID, status: .error)
        case .killed:
            return .platform(
                "Sandbox.Failure",
                "The execution environment was stopped",
                requestID: requestID,
                status: .failure
            )
        }
    }

    static func initFailure(_ exit: SandboxExit) -> InitFailure {
        InitFailure(payload: nil, errorType: initErrorType(exit), status: .error, exit: exit)
    }

    private static func initErrorType(_ exit: SandboxExit) -> String {
        switch exit {
        case .outOfMemory: "Runtime.OutOfMemory"
        case .notExecuted: "Runtime.InvalidEntrypoint"
        case .exited, .signalled, .killed: "Runtime.ExitError"
        }
    }
}
