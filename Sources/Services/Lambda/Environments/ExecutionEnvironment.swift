// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import Sandbox
import Synchronization

/// One execution environment: a sandbox, its Runtime API, its output. The thin shell around `RuntimeSession`.
///
/// It takes one invocation at a time. It ends when its process exits, when an invocation times out, or by `stop`; an
/// ended one is never used again.
final class ExecutionEnvironment: Sendable {
    /// How and why it begins.
    struct Beginning: Sendable {
        var initialization = InitializationType.onDemand
        var role = SnapshotRole.none
        var isSecondTry = false
        /// Nil where they stand in its environment.
        var credentials: EnvironmentCredentials? = nil

        var phase: InitPhase { InitPhase(initialization: initialization, isSecondTry: isSecondTry) }
    }

    let key: VersionKey
    let beginning: Beginning
    let sandbox: any Sandbox
    let log: EnvironmentLog
    let startedAt: Instant
    let startedMicroseconds: Int64
    let eventLoop: any EventLoop
    let clock: any WallClock
    let supervisor: Supervisor
    let poller: OutputPoller
    let handler: String
    let format: PlatformLog
    let ids: any IDSource
    /// Whether it has, or waits for, extensions.
    let isExtended = Atomic<Bool>(false)
    let extensions = NIOLockedValueBox(EnvironmentExtensions())
    /// Open when the sandbox's first process has ended.
    let runtimeGone = Latch()
    /// Open when no extension that was launched is still to register, or when it does not matter any more.
    let extensionsRegistered = Latch()
    /// Open when no extension that wants to know of the shutdown lives.
    let extensionsGone = Latch()
    private let output: OutputPipe?
    let state: NIOLockedValueBox<EnvironmentState>
    private let resources = NIOLockedValueBox<[@Sendable () -> Void]>([])

    init(
        key: VersionKey,
        sandbox: any Sandbox,
        log: EnvironmentLog,
        poller: OutputPoller,
        eventLoop: any EventLoop,
        clock: any WallClock,
        supervisor: Supervisor,
        startedMicroseconds: Int64,
        handler: String = "",
        format: PlatformLog = .text,
        ids: any IDSource = SystemIDSource(),
        beginning: Beginning = Beginning()
    ) {
        self.key = key
        self.beginning = beginning
        state = NIOLockedValueBox(EnvironmentState(session: RuntimeSession(role: beginning.role)))
        self.sandbox = sandbox
        self.log = log
        self.eventLoop = eventLoop
        self.clock = clock
        self.supervisor = supervisor
        self.startedAt = clock.now
        self.startedMicroseconds = startedMicroseconds
        self.poller = poller
        self.handler = handler
        self.format = format
        self.ids = ids
        self.output = sandbox.takeOutput().map { poller.add($0, log: log) }
    }

    /// Runs when the environment ends: listeners to close, tickets to give back.
    func onEnd(_ release: @escaping @Sendable () -> Void) { resources.withLockedValue { $0.append(release) } }

    /// They are closed when the environment ends.
    func own(_ doors: EnvironmentDoors) { onEnd { doors.close() } }

    /// Reads everything that the function has written so far.
    func drainOutput() { output?.drain() }

    /// Waits for invocations whether or not they come: does not end for having been idle.
    var isProvisioned: Bool {
        get { state.withLockedValue { $0.isProvisioned } }
        set { state.withLockedValue { $0.isProvisioned = newValue } }
    }

    /// Whether it can take another invocation.
    var isUsable: Bool { state.withLockedValue { $0.session.state != .ended && !$0.isDoomed } }

    /// The highest memory use so far, in MiB, rounded up. Falls back to the last value known when the sandbox has ended.
    func maxMemoryMiB(limitMiB: Int) async -> Int {
        var peak = sandbox.memoryPeakBytes
        // After its end the cgroup is gone: what is known then is the last reading.
        if peak == nil { peak = try? await sandbox.usage().memoryPeakBytes }
        if let peak {
            let used = min((peak &+ 0xf_ffff) >> 20, limitMiB)
            state.withLockedValue { $0.maxMemoryMiB = max($0.maxMemoryMiB, used) }
        }
        return state.withLockedValue { $0.maxMemoryMiB }
    }

    /// Watches the process; returns when the environment has ended and everything of it is released.
    func run() async {
        let exit = await sandbox.waitForExit()
        runtimeGone.open()
        extensionsRegistered.open()
        drainOutput()
        output?.close()
        let isCopy = isCopy
        let (queued, running, isOverdue, initError) = state.withLockedValue { state in
            state.isDoomed = true
            state.alarm?.scheduled.cancel()
            state.alarm = nil
            return (state.session.end(), state.running?.invocation, state.running?.isOverdue ?? false, state.initError)
        }
        var failure = initError ?? Self.initFailure(exit)
        failure.isOfRestore = isCopy
        failure.exit = exit
        failure.logTail = log.tail()
        finishInit(.failed(failure))
        if let queued {
            finish(id: queued.id, .notStarted)
        } else if let running {
            let error: FunctionError =
                isOverdue
                ? .timedOut(after: running.timeout, requestID: running.id)
                : extensionError(requestID: running.id) ?? Self.exitError(exit, requestID: running.id)
            finish(id: running.id, .failure(error))
        }
        await shutDown(.failure)
        await sandbox.kill()
        release()
    }

    /// It has not begun and never will: releases what `run` would have.
    func abandon() async {
        doom()
        await sandbox.kill()
        output?.close()
        release()
    }

    private func release() {
        let releases = resources.withLockedValue { resources in
            defer { resources = [] }
            return resources
        }
        for release in releases { release() }
    }

    /// Ends the sandbox, after the shutdown phase where there are extensions. `run` does the rest.
    func stop(_ reason: ShutdownReason = .spindown) async {
        doom()
        await shutDown(reason)
    }

    /// It takes no further invocation.
    func doom() {
        state.withLockedValue { $0.isDoomed = true }
        extensionsRegistered.open()
    }
}
