// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers
import NIOCore

extension ExecutionEnvironment {
    /// Waits for the end of the init phase, at most `limit`. One caller.
    func initialized(within limit: Duration) async -> InitOutcome {
        let timeout = eventLoop.scheduleTask(in: .microseconds(limit.wholeMicroseconds)) { [weak self] in
            guard let self else { return }
            var failure = InitFailure(payload: nil, errorType: "Sandbox.Timedout", status: .timeout, exit: nil)
            failure.isOfRestore = isCopy
            finishInit(.failed(failure))
        }
        defer { timeout.cancel() }
        return await withCheckedContinuation { continuation in
            let outcome = state.withLockedValue { state in
                if state.initOutcome == nil { state.initWaiter = continuation }
                return state.initOutcome
            }
            if let outcome { continuation.resume(returning: outcome) }
        }
    }

    /// The runtime and every extension wait for an event, or to be snapshot.
    func initPhaseEnded() {
        let now = clock.monotonicMicroseconds
        state.withLockedValue { $0.initializedAt = now }
        finishInit(.ready)
    }

    /// False: the phase was over before.
    @discardableResult
    func failInit(errorType: String, message: String) -> Bool {
        finishInit(
            .failed(InitFailure(payload: nil, errorType: errorType, status: .error, exit: nil, message: message))
        )
    }

    /// The phase ends once. Subscribers hear of it before an invocation, or the end of the environment, can follow.
    @discardableResult
    func finishInit(_ outcome: InitOutcome) -> Bool {
        let isFirst = state.withLockedValue { state in
            defer { state.isInitOver = true }
            return !state.isInitOver
        }
        guard isFirst else { return false }
        switch outcome {
        case .ready: tellPhaseReport(.success)
        case .failed(let failure): tellFailedPhase(failure)
        }
        let waiter = state.withLockedValue { state in
            state.initOutcome = outcome
            defer { state.initWaiter = nil }
            return state.initWaiter
        }
        waiter?.resume(returning: outcome)
        return true
    }

    /// What came before the first invocation, once: it belongs to that one's REPORT. Nil before the environment is ready.
    func takeStart() -> EnvironmentStart? {
        state.withLockedValue { state in
            guard !state.hasReportedStart, let readyAt = state.initializedAt else { return nil }
            state.hasReportedStart = true
            let duration = Duration.microseconds(readyAt - startedMicroseconds)
            guard beginning.role.isRestored, let copiedAt = state.copiedAt else {
                return .initialized(duration, isAhead: beginning.initialization == .provisioned)
            }
            return .restored(duration, billed: .microseconds(readyAt - copiedAt))
        }
    }

    /// Whether its init phase is behind it although no invocation can come yet.
    var isCopy: Bool {
        beginning.role == .copy || state.withLockedValue { $0.copiedAt != nil }
    }
}
