// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import Sandbox
import Synchronization

/// One execution environment: a sandbox, its Runtime API, its output. The thin shell around `RuntimeSession`.
///
/// It takes one invocation at a time. It ends when its process exits, when an invocation times out, or by `stop`; an
/// ended one is never used again.
final class ExecutionEnvironment: Sendable {
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
    }

    private struct Running {
        var invocation: Invocation
        var handedAt: Int64?
        var deadline = NIODeadline.distantFuture
        var isOverdue = false
        var finish: CheckedContinuation<InvocationResult, Never>
    }

    private struct State {
        var session: RuntimeSession<RuntimeRequest>
        var running: Running?
        /// Stands from one invocation to the next: setting one for each would cost more than to find it rung too early.
        var alarm: (at: NIODeadline, scheduled: Scheduled<Void>)?
        var initWaiter: CheckedContinuation<InitOutcome, Never>?
        var initOutcome: InitOutcome?
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

    /// How and why it begins.
    struct Beginning: Sendable {
        var initialization = InitializationType.onDemand
        var role = SnapshotRole.none
        /// Nil where they stand in its environment.
        var credentials: EnvironmentCredentials? = nil
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
    private let state: NIOLockedValueBox<State>
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
        state = NIOLockedValueBox(State(session: RuntimeSession(role: beginning.role)))
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

    /// Reads everything that the function has written so far.
    func drainOutput() { output?.drain() }

    /// What came before the first invocation, once: it belongs to that one's REPORT. Nil before the environment is ready.
    func takeStart() -> EnvironmentStart? {
        state.withLockedValue { state in
            guard !state.hasReportedStart, let readyAt = state.initializedAt else { return nil }
            state.hasReportedStart = true
            let duration = Duration.microseconds(readyAt - startedMicroseconds)
            guard beginning.role.isRestored, let copiedAt = state.copiedAt else { return .initialized(duration) }
            return .restored(duration, billed: .microseconds(readyAt - copiedAt))
        }
    }

    /// Waits for invocations whether or not they come: does not end for having been idle.
    var isProvisioned: Bool {
        get { state.withLockedValue { $0.isProvisioned } }
        set { state.withLockedValue { $0.isProvisioned = newValue } }
    }

    /// Whether its init phase is behind it although no invocation can come yet.
    private var isCopy: Bool {
        beginning.role == .copy || state.withLockedValue { $0.copiedAt != nil }
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

    // MARK: Init

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
        let duration = Duration.microseconds(now - startedMicroseconds)
        log.telemetry.post(
            beginning.role.isRestored
                ? .restoreReport(duration, nil, errorType: nil)
                : .initReport(duration, nil, errorType: nil, beginning.initialization)
        )
        finishInit(.ready)
    }

    func failInit(errorType: String, message: String) {
        finishInit(
            .failed(InitFailure(payload: nil, errorType: errorType, status: .error, exit: nil, message: message))
        )
    }

    private func finishInit(_ outcome: InitOutcome) {
        let waiter = state.withLockedValue { state -> CheckedContinuation<InitOutcome, Never>? in
            guard state.initOutcome == nil else { return nil }
            state.initOutcome = outcome
            defer { state.initWaiter = nil }
            return state.initWaiter
        }
        waiter?.resume(returning: outcome)
    }

    // MARK: Invoke

    /// Runs one invocation to its end. The caller owns the environment exclusively. On a timeout or a crash the sandbox is
    /// killed before this returns, so nothing of it runs on.
    func invoke(_ invocation: Invocation) async -> InvocationResult {
        await withCheckedContinuation { continuation in
            let action = state.withLockedValue { state in
                let action = state.isDoomed ? .refuse : state.session.dispatch(invocation)
                if action != .refuse { state.running = Running(invocation: invocation, finish: continuation) }
                return action
            }
            switch action {
            case .hand(let request): hand(invocation, to: request)
            case .wait: break
            case .refuse: continuation.resume(returning: InvocationResult(outcome: .notStarted, duration: .zero))
            }
        }
    }

    private func hand(_ invocation: Invocation, to request: RuntimeRequest) {
        let handedAt = clock.monotonicMicroseconds
        let timeout = invocation.timeout
        let deadline = clock.now + timeout
        let due = NIODeadline.now() + .microseconds(timeout.wholeMicroseconds)
        state.withLockedValue { state in
            state.running?.handedAt = handedAt
            state.running?.deadline = due
            setAlarm(at: due, &state)
        }
        var headers = [
            ("Lambda-Runtime-Aws-Request-Id", invocation.id),
            ("Lambda-Runtime-Deadline-Ms", String(deadline.milliseconds)),
            ("Lambda-Runtime-Invoked-Function-Arn", invocation.invokedARN.description),
            ("Lambda-Runtime-Trace-Id", invocation.traceHeader),
        ]
        tellExtensions(of: invocation, deadline: deadline)
        if let context = invocation.clientContext { headers.append(("Lambda-Runtime-Client-Context", context)) }
        if let tenant = key.tenantID { headers.append(("Lambda-Runtime-Aws-Tenant-Id", tenant)) }
        request.answer(status: .ok, headers: headers, body: invocation.payload)
    }

    /// Rings at `due` or before.
    private func setAlarm(at due: NIODeadline, _ state: inout State) {
        if let alarm = state.alarm {
            guard due < alarm.at else { return }
            alarm.scheduled.cancel()
        }
        state.alarm = (due, eventLoop.scheduleTask(deadline: due) { [weak self] in self?.alarmRang() })
    }

    private func alarmRang() {
        let overdue = state.withLockedValue { state -> Invocation? in
            state.alarm = nil
            guard let running = state.running, running.deadline < .distantFuture else { return nil }
            guard running.deadline <= .now() else {
                setAlarm(at: running.deadline, &state)
                return nil
            }
            return running.invocation
        }
        if let overdue { timedOut(overdue) }
    }

    /// Ends the running invocation, once; later endings find nothing.
    private func finish(id: String, _ outcome: InvocationResult.Outcome) {
        let now = clock.monotonicMicroseconds
        let running = state.withLockedValue { state -> Running? in
            guard state.running?.invocation.id == id else { return nil }
            defer { state.running = nil }
            return state.running
        }
        guard let running else { return }
        let duration = Duration.microseconds(now - (running.handedAt ?? now))
        running.finish.resume(
            returning: InvocationResult(outcome: outcome, duration: duration)
        )
    }

    /// The answer waits until the sandbox is gone: `run` sees the end and finishes the invocation.
    private func timedOut(_ invocation: Invocation) {
        let isCurrent = state.withLockedValue { state in
            guard state.running?.invocation.id == invocation.id else { return false }
            state.running?.isOverdue = true
            state.isDoomed = true
            return true
        }
        guard isCurrent else { return }
        supervisor.submit { [self] in
            // The last reading, for the REPORT line.
            _ = await maxMemoryMiB(limitMiB: .max)
            await shutDown(.timeout)
        }
    }

    // MARK: End

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
        for release in resources.withLockedValue({ $0 }) { release() }
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

extension ExecutionEnvironment: RuntimeAPIDelegate {
    func next(_ request: RuntimeRequest) {
        switch state.withLockedValue({ $0.session.next(request) }) {
        case .hold: break
        case .holdInitialized: runtimeBecameReady()
        case .holdInsteadOf(let earlier): earlier.reject(.invalidTransition(from: "Ready", to: "Ready"))
        case .hand(let invocation): hand(invocation, to: request)
        case .holdAfterCut(let id): finish(id: id, .failure(.truncated(requestID: id)))
        case .reject(let error): request.reject(error)
        }
    }

    func response(_ request: RuntimeRequest, id: String, body: ByteBuffer, isTooLarge: Bool) {
        if let error = state.withLockedValue({ $0.session.answer(id, to: "InvocationResponse") }) {
            return request.reject(error)
        }
        guard !isTooLarge else {
            request.reject(.tooLarge)
            return finish(id: id, .failure(.responseTooLarge(limit: LambdaLimits.responseBytes)))
        }
        request.accept()
        finish(id: id, .success(body))
    }

    func error(_ request: RuntimeRequest, id: String, body: ByteBuffer, errorType: String?) {
        if let error = state.withLockedValue({ $0.session.answer(id, to: RuntimeSession<RuntimeRequest>.errorCall) }) {
            return request.reject(error)
        }
        request.accept()
        let type = errorType ?? "Runtime.UnknownReason"
        finish(id: id, .failure(FunctionError(payload: body, errorType: type, status: .error)))
    }

    func initError(_ request: RuntimeRequest, body: ByteBuffer, errorType: String?) {
        let type = errorType ?? "Runtime.Unknown"
        let failure = InitFailure(payload: body, errorType: type, status: .error, exit: nil)
        let error = state.withLockedValue { state -> RuntimeAPIError? in
            let error = state.session.initError()
            if error == nil { state.initError = failure }
            return error
        }
        if let error { return request.reject(error) }
        request.accept()
        log.telemetry.post(.initRuntimeDone(.error, errorType: type, beginning.initialization))
        finishInit(.failed(failure))
    }

    func restoreNext(_ request: RuntimeRequest) {
        let now = clock.monotonicMicroseconds
        let action = state.withLockedValue { state in
            let action = state.session.restoreNext(request)
            if action == .answer { state.copiedAt = now }
            return action
        }
        switch action {
        case .rest: runtimeBecameReady()
        case .answer:
            if beginning.role == .standIn { standInIsInitialized(.microseconds(now - startedMicroseconds)) }
            request.answer(status: .ok, body: ByteBuffer())
        case .reject(let error): request.reject(error)
        }
    }

    func restoreError(_ request: RuntimeRequest, body: ByteBuffer, errorType: String?) {
        let type = errorType ?? "Runtime.Unknown"
        var failure = InitFailure(payload: body, errorType: type, status: .error, exit: nil)
        failure.isOfRestore = true
        let error = state.withLockedValue { [failure] state -> RuntimeAPIError? in
            let error = state.session.restoreError()
            if error == nil { state.initError = failure }
            return error
        }
        if let error { return request.reject(error) }
        request.accept()
        log.telemetry.post(.restoreRuntimeDone(.error, errorType: type))
        finishInit(.failed(failure))
    }

    func credentials(_ request: RuntimeRequest, authorization: String?) {
        guard let credentials = beginning.credentials else { return request.reject(.notFound) }
        supervisor.submit {
            do {
                guard let document = try await credentials.document(for: authorization) else {
                    return request.reject(.noCredentials)
                }
                request.answer(status: .ok, body: document)
            } catch {
                request.reject(.failed("The role's credentials cannot be had now"))
            }
        }
    }

    func streamBegins(id: String) -> StreamReception {
        state.withLockedValue { state in
            guard let running = state.running?.invocation, running.id == id, let relay = running.relay else {
                return .gather
            }
            return state.session.beginStream(id).map { StreamReception.refuse($0) } ?? .relay(relay)
        }
    }

    func streamEnded(_ request: RuntimeRequest, id: String, _ end: StreamEnd) {
        if case .cut = end { return state.withLockedValue { $0.session.cutStream(id) } }
        if let error = state.withLockedValue({ $0.session.endStream(id) }) { return request.reject(error) }
        switch end {
        case .whole:
            request.accept()
            finish(id: id, .success(ByteBuffer()))
        case .failed(let errorType, let body):
            request.accept()
            finish(id: id, .failure(FunctionError(payload: body, errorType: errorType, status: .error)))
        case .tooLarge:
            request.reject(.streamTooLarge)
            finish(id: id, .failure(.responseTooLarge(limit: LambdaLimits.streamBytes)))
        case .cut: break
        }
    }

    func disconnected(_ request: RuntimeRequest) {
        state.withLockedValue { $0.session.disconnected(request) }
        extensionDisconnected(request)
    }
}
