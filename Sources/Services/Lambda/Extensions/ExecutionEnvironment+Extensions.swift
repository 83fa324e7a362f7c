// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import Sandbox
import Synchronization

/// What an environment knows of its extensions.
struct EnvironmentExtensions: Sendable {
    var session = ExtensionSession<RuntimeRequest>()
    var isRuntimeReady = false
    var isInitialized = false
    /// What ended the environment.
    var fault: FunctionFault?
    /// Open when every extension has asked for the next event after an invocation.
    var settled: Latch?
    /// Open when the shutdown phase is over.
    var ending: Latch?

    /// A failure that an extension has caused, before it is known whose invocation it spoils.
    struct FunctionFault: Sendable {
        var errorType: String
        var message: String
    }
}

// MARK: Init

extension ExecutionEnvironment {
    /// Says, before the runtime can be heard, which extensions the init phase has to wait for.
    func expectExtensions(_ names: [String]) {
        guard !names.isEmpty else { return }
        let refusal = extensions.withLockedValue { state -> ExtensionAPIError? in
            for name in names {
                if let refusal = state.session.launch(name) { return refusal }
            }
            return nil
        }
        isExtended.store(true, ordering: .relaxed)
        if let refusal { fault("Extension.TooManyExtensions", refusal.errorMessage) }
    }

    /// Starts them, one after the other. What goes wrong ends the environment.
    func launchExtensions(_ names: [String], environment: [String: String]) async {
        for name in names where isUsable {
            do {
                let command = [ExtensionFiles.folder + "/" + name]
                let companion = CompanionSpecification(command: command, environment: environment)
                adopt(try await sandbox.startCompanion(companion), named: name)
            } catch let error as SandboxError where error.code == .ended {
                return
            } catch {
                let isForbidden = (error as? SandboxError)?.message.contains("ermission denied") ?? false
                tell(name, "LaunchError", [], errorType: isForbidden ? "PermissionDenied" : "UnknownError")
                return fault(ExtensionFault.launchError.errorType, "\((error as? SandboxError)?.message.plain ?? "")")
            }
        }
    }

    /// Has a sandbox that stands short of its command execute it, once every extension that was launched has registered.
    /// AWS: the init phase's order is extensions, runtime, function.
    func startRuntime(_ claim: SandboxClaim) async {
        // The init phase ends earlier where one never does.
        let limit = Duration.seconds(LambdaLimits.provisionedInitSeconds)
        guard await extensionsRegistered.wait(atMost: limit, on: eventLoop), isUsable else { return }
        do {
            try await sandbox.claim(claim)
        } catch let error as SandboxError where error.code == .ended {
            return  // `run` says how
        } catch {
            failInit(errorType: "Runtime.InvalidEntrypoint", message: "\(error)")
            await stop(.failure)
        }
    }

    private func adopt(_ companion: any SandboxCompanion, named name: String) {
        let output = companion.takeOutput().map { poller.add($0, log: ExtensionOutput(log)) }
        supervisor.submit { [self] in
            let exit = await companion.waitForExit()
            output?.drain()
            output?.close()
            companionEnded(name, exit)
        }
    }

    private func companionEnded(_ name: String, _ exit: SandboxExit) {
        let (fault, events, awaitsMore) = extensions.withLockedValue { state in
            let events = state.session.members.first { $0.name == name }?.events ?? []
            return (state.session.exited(name), events, state.session.awaitsShutdown)
        }
        if !awaitsMore { extensionsGone.open() }
        guard let fault else { return }
        tell(name, fault.stateName, events, errorType: fault.errorType)
        self.fault(fault.errorType, Self.exitText(exit))
    }

    private static func exitText(_ exit: SandboxExit) -> String {
        switch exit {
        case .exited(let status): "exit code \(status)"
        case .signalled(let signal): "signal: \(SignalName.text(of: signal))"
        case .outOfMemory, .killed: "signal: killed"
        case .notExecuted(let error): error.message.plain
        }
    }

    /// The runtime has asked for its first event, or to be snapshot. The phase is over when the extensions have asked, too.
    func runtimeBecameReady() {
        log.telemetry.post(
            beginning.role.isRestored
                ? .restoreRuntimeDone(nil, errorType: nil)
                : .initRuntimeDone(nil, errorType: nil, beginning.initialization)
        )
        advance { $0.isRuntimeReady = true }
    }

    /// After a change: ends the phase that has waited for it.
    private func advance(_ change: (inout EnvironmentExtensions) -> Void = { _ in }) {
        typealias Members = [ExtensionSession<RuntimeRequest>.Member]
        let (isInitialized, settled, members) = extensions.withLockedValue { state -> (Bool, Latch?, Members) in
            change(&state)
            guard state.session.isSettled, state.fault == nil else { return (false, nil, []) }
            guard state.isInitialized || !state.isRuntimeReady else {
                state.isInitialized = true
                state.session.close()
                return (true, nil, state.session.members)
            }
            defer { state.settled = nil }
            return (false, state.settled, [])
        }
        settled?.open()
        guard isInitialized else { return }
        for member in members { tell(member.name, "Ready", member.events) }
        initPhaseEnded()
        log.telemetry.close()
    }

    /// One line of the log, and one event.
    private func tell(_ name: String, _ state: String, _ events: [ExtensionEventType], errorType: String? = nil) {
        log.platform(
            format.extensionState(name: name, state: state, events: events, errorType: errorType, at: clock.now)
        )
        log.telemetry.post(.extensionState(name: name, state: state, events: events, errorType: errorType))
    }

    /// An extension has failed: AWS ends the environment, and whatever it was doing.
    private func fault(_ errorType: String, _ message: String) {
        let (isFirst, settled) = extensions.withLockedValue { state -> (Bool, Latch?) in
            guard state.fault == nil, state.ending == nil else { return (false, nil) }
            state.fault = .init(errorType: errorType, message: message)
            defer { state.settled = nil }
            return (true, state.settled)
        }
        guard isFirst else { return }
        doom()
        failInit(errorType: errorType, message: message)
        settled?.open()
        supervisor.submit { [self] in await shutDown(.failure) }
    }
}

// MARK: Calls

extension ExecutionEnvironment {
    func extensionCall(_ call: ExtensionCall, _ request: RuntimeRequest) {
        switch call {
        case .refused(let error): request.reject(error)
        case .register(let name, let events, let wantsAccount):
            register(name, events, wantsAccount: wantsAccount, request)
        case .next(let id): next(id, request)
        case .fail(let id, let kind, let errorType): failed(id, kind, errorType, request)
        case .subscribe(let id, let subscription): subscribe(id, subscription, request)
        }
    }

    private func register(_ name: String, _ events: [String], wantsAccount: Bool, _ request: RuntimeRequest) {
        let id = ids.uuid()
        let (error, areRegistered) = extensions.withLockedValue { state in
            (state.session.register(name, events: events, id: id), state.session.areRegistered)
        }
        if let error { return request.reject(error) }
        if areRegistered { extensionsRegistered.open() }
        isExtended.store(true, ordering: .relaxed)
        var members: [JSONValue.Member] = [
            .init("functionName", .string(key.functionName)), .init("functionVersion", .string(key.version)),
            .init("handler", .string(handler)),
        ]
        if wantsAccount { members.append(.init("accountId", .string("\(key.scope.account)"))) }
        request.answer(
            status: .ok,
            headers: [("Lambda-Extension-Identifier", id)],
            body: JSONValue.object(members).compactBuffer
        )
    }

    private func next(_ id: String, _ request: RuntimeRequest) {
        switch extensions.withLockedValue({ $0.session.next(id, request) }) {
        case .hold: break
        case .holdInsteadOf(let earlier):
            earlier.reject(.invalidTransition(of: "", from: "Ready", to: "Ready"))
        case .hand(let event): hand(event, to: request)
        case .reject(let error): request.reject(error)
        }
        advance()
    }

    private func hand(_ event: ExtensionEvent, to request: RuntimeRequest) {
        request.answer(
            status: .ok,
            headers: [("Lambda-Extension-Event-Identifier", ids.uuid())],
            body: event.body
        )
    }

    private func failed(_ id: String, _ kind: ExtensionFault, _ errorType: String, _ request: RuntimeRequest) {
        let (error, member) = extensions.withLockedValue { state in
            (state.session.fail(id, kind), state.session.members.first { $0.id == id })
        }
        if let error { return request.reject(error) }
        request.accept()
        if let member { tell(member.name, kind.stateName, member.events, errorType: errorType) }
        fault(kind.errorType, errorType)
    }

    private func subscribe(_ id: String, _ subscription: TelemetrySubscription, _ request: RuntimeRequest) {
        guard let name = extensions.withLockedValue({ $0.session.name(of: id) }) else {
            return request.reject(.unknownIdentifier(id))
        }
        let courier = TelemetryCourier(
            subscription,
            keepsObjects: format.isJSON,
            clock: clock,
            eventLoop: eventLoop,
            supervisor: supervisor,
            connect: { [sandbox] port in try await sandbox.connectInside(to: port) }
        )
        guard log.telemetry.subscribe(name, courier) else {
            return request.reject(subscription.api == .logs ? .logsClosed : .telemetryClosed)
        }
        request.answer(status: .ok, body: ByteBuffer(string: #""OK""#))
        log.telemetry.post(.subscription(name: name, subscription.api, subscription.types))
    }

    func extensionDisconnected(_ request: RuntimeRequest) {
        guard isExtended.load(ordering: .relaxed) else { return }
        extensions.withLockedValue { $0.session.disconnected(request) }
    }
}

// MARK: Invoke

extension ExecutionEnvironment {
    /// The runtime is about to get the event; those extensions that want to know get it too.
    func tellExtensions(of invocation: Invocation, deadline: Instant) {
        guard isExtended.load(ordering: .relaxed) else { return }
        dispatch(
            .invoke(
                requestID: invocation.id,
                invokedARN: invocation.invokedARN.description,
                deadlineMilliseconds: deadline.milliseconds,
                traceHeader: invocation.traceHeader
            )
        )
    }

    private func dispatch(_ event: ExtensionEvent) {
        for (ticket, event) in extensions.withLockedValue({ $0.session.dispatch(event) }) { hand(event, to: ticket) }
    }

    /// After the runtime's answer: nil when no extension is still at work, so that the invocation is over.
    func settling() -> Latch? {
        guard isExtended.load(ordering: .relaxed), isUsable else { return nil }
        return extensions.withLockedValue { state in
            guard state.fault == nil, !state.session.isSettled else { return nil }
            let latch = state.settled ?? Latch()
            state.settled = latch
            return latch
        }
    }

    /// What an extension has done to the environment, as the error of an invocation.
    func extensionError(requestID: String) -> FunctionError? {
        guard let fault = extensions.withLockedValue({ $0.fault }) else { return nil }
        return .platform(fault.errorType, fault.message, requestID: requestID, status: .error)
    }
}

// MARK: Shutdown

extension ExecutionEnvironment {
    /// AWS's limits of the shutdown phase, and the runtime's share of it.
    private static let internalLimit: Duration = .milliseconds(500)
    private static let externalLimit: Duration = .milliseconds(2_000)
    private static let runtimeLimit: Duration = .milliseconds(600)
    private static let telemetryLimit: Duration = .milliseconds(300)

    /// Ends the sandbox, at once or, with extensions, after the shutdown phase. A second call waits for the first.
    func shutDown(_ reason: ShutdownReason) async {
        guard isExtended.load(ordering: .relaxed) else { return await sandbox.kill() }
        let (ending, isFirst, hasExternal) = extensions.withLockedValue { state in
            let ending = state.ending ?? Latch()
            defer {
                state.ending = ending
                state.session.beginEnding()
            }
            return (ending, state.ending == nil, state.session.members.contains(where: \.isExternal))
        }
        guard isFirst else {
            _ = await ending.wait(atMost: Self.externalLimit * 2, on: eventLoop)
            return
        }
        // A frozen one could do nothing; thawing one that is not changes nothing, and one that has ended needs nothing.
        try? await thaw()
        if hasExternal {
            await endExternally(reason)
        } else if reason == .spindown {
            try? await sandbox.terminate(byForce: false)
            _ = await runtimeGone.wait(atMost: Self.internalLimit, on: eventLoop)
        }
        await sandbox.kill()
        ending.open()
    }

    /// First the runtime, then the extensions that want to know, all within the limit.
    private func endExternally(_ reason: ShutdownReason) async {
        let began = clock.monotonicMicroseconds
        let deadline = clock.now + Self.externalLimit
        if reason == .spindown {
            try? await sandbox.terminate(byForce: false)
            _ = await runtimeGone.wait(atMost: Self.runtimeLimit, on: eventLoop)
        }
        try? await sandbox.terminate(byForce: true)
        await log.telemetry.drain(within: Self.telemetryLimit)
        dispatch(.shutdown(reason, deadlineMilliseconds: deadline.milliseconds))
        guard extensions.withLockedValue({ $0.session.awaitsShutdown }) else { return }
        let spent = Duration.microseconds(clock.monotonicMicroseconds - began)
        _ = await extensionsGone.wait(atMost: Self.externalLimit - spent, on: eventLoop)
    }

    /// As `stop`, but only begins the shutdown phase where there is one.
    func dismiss() async {
        guard isExtended.load(ordering: .relaxed) else { return await stop() }
        supervisor.submit { [self] in await stop() }
    }

    func freeze() async throws {
        log.telemetry.pause()
        try await sandbox.freeze()
    }

    func thaw() async throws {
        try await sandbox.thaw()
        log.telemetry.resume()
    }
}

/// What one extension writes: lines of the environment's log, told apart for subscribers.
final class ExtensionOutput: OutputSink {
    private let log: EnvironmentLog
    private let splitter = NIOLockedValueBox(LineSplitter())

    init(_ log: EnvironmentLog) { self.log = log }

    func write(_ bytes: UnsafeRawBufferPointer) {
        log.writeExtension(splitter.withLockedValue { $0.append(bytes) })
    }
}
