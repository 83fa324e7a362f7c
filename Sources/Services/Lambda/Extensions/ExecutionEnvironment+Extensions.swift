// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers
import Sandbox
import Synchronization

extension ExecutionEnvironment {
    /// Says, before the runtime can be heard, which extensions the init phase has to wait for.
    /// `holdsRuntime`: `startRuntime` will be called.
    func expectExtensions(_ names: [String], holdsRuntime: Bool = false) {
        guard !names.isEmpty else { return }
        state.withLockedValue { $0.isRuntimeHeld = holdsRuntime }
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
                return fault(
                    ExtensionFault.launchError.errorType,
                    "\((error as? SandboxError)?.message.plain ?? "")",
                    by: ExtensionNotice(
                        name: name,
                        state: "LaunchError",
                        events: [],
                        errorType: isForbidden ? "PermissionDenied" : "UnknownError"
                    )
                )
            }
        }
    }

    /// Has a sandbox that stands short of its command execute it, once every extension that was launched has registered.
    /// AWS: the init phase's order is extensions, runtime, function.
    func startRuntime(_ claim: SandboxClaim) async {
        // The init phase ends earlier where one never does.
        let limit = Duration.seconds(LambdaLimits.provisionedInitSeconds)
        guard await extensionsRegistered.wait(atMost: limit, on: eventLoop), isUsable else { return }
        state.withLockedValue { $0.isRuntimeHeld = false }
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
        self.fault(
            fault.errorType,
            Self.exitText(exit),
            by: ExtensionNotice(name: name, state: fault.stateName, events: events, errorType: fault.errorType)
        )
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
        tellRuntimeReady(.success)
        advance { $0.isRuntimeReady = true }
    }

    /// After a change: ends the phase that has waited for it.
    func advance(_ change: (inout EnvironmentExtensions) -> Void = { _ in }) {
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
        for member in members { tell(ExtensionNotice(member)) }
        initPhaseEnded()
        log.telemetry.close()
    }

    /// An extension has failed: AWS ends the environment, and whatever it was doing.
    func fault(_ errorType: String, _ message: String, by culprit: ExtensionNotice? = nil) {
        let (isFirst, settled) = extensions.withLockedValue { state -> (Bool, Latch?) in
            guard state.fault == nil, state.ending == nil else { return (false, nil) }
            state.fault = .init(errorType: errorType, message: message, culprit: culprit)
            defer { state.settled = nil }
            return (true, state.settled)
        }
        guard isFirst else {
            if let culprit { tell(culprit) }
            return
        }
        doom()
        // In the init phase its notice has its place among those of the end.
        if !failInit(errorType: errorType, message: message), let culprit { tell(culprit) }
        settled?.open()
        supervisor.submit { [self] in await shutDown(.failure) }
    }
}

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

    func dispatch(_ event: ExtensionEvent) {
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
