// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What changes in the life of one environment; under its lock.
struct EnvironmentState {
    struct Running {
        var invocation: Invocation
        var handedAt: Int64?
        var deadline = NIODeadline.distantFuture
        var isOverdue = false
        var finish: CheckedContinuation<InvocationResult, Never>
    }

    var session: RuntimeSession<RuntimeRequest>
    var running: Running?
    /// Stands from one invocation to the next: setting one for each would cost more than to find it rung too early.
    var alarm: (at: NIODeadline, scheduled: Scheduled<Void>)?
    var initWaiter: CheckedContinuation<InitOutcome, Never>?
    var initOutcome: InitOutcome?
    /// Decided, and perhaps not known to whoever waits for it: subscribers hear of it first.
    var isInitOver = false
    /// Subscribers have heard how the runtime's part of the phase ended.
    var isRuntimeDoneTold = false
    /// It stands short of its command until the extensions have registered.
    var isRuntimeHeld = false
    var initError: InitFailure?
    var initializedAt: Int64?
    /// When the runtime heard that it is a copy.
    var copiedAt: Int64?
    var hasReportedStart = false
    /// Its time is up or `stop` was called: it ends as soon as the sandbox is gone.
    var isDoomed = false
    var maxMemoryMiB = 0
    var isProvisioned = false
}
