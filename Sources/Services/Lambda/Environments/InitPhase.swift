// SPDX-License-Identifier: Apache-2.0

/// Which init phase of an environment's it is. AWS: `initializationType` and `phase` of platform events
struct InitPhase: Sendable, Equatable {
    var initialization = InitializationType.onDemand
    /// After a failed one, as part of the invocation that has waited for it.
    var isSecondTry = false

    var name: String { isSecondTry ? "invoke" : "init" }
}

/// How an init phase or a restore ended; both nil when it went well.
struct PhaseEnd: Sendable, Equatable {
    var status: FunctionError.Status?
    var errorType: String?

    static let success = PhaseEnd()

    init(status: FunctionError.Status? = nil, errorType: String? = nil) {
        self.status = status
        self.errorType = errorType
    }

    /// AWS names no error of a phase that took too long.
    init(_ failure: InitFailure) {
        self.init(status: failure.status, errorType: failure.status == .timeout ? nil : failure.errorType)
    }
}
