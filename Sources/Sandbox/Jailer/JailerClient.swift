// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Logging
internal import Synchronization

/// The server's side of one jailer process: requests out, answers back to who asked, exit notices to their sandboxes.
///
/// Answers are read by a thread of its own, since they carry file descriptors, which SwiftNIO's channels do not.
final class JailerClient: Sendable {
    private struct State {
        var isOver = false
        /// `shutDown` was called, so the jailer's end is no surprise.
        var isShuttingDown = false
        var nextRequest: UInt32 = 1
        var waiting: [UInt32: CheckedContinuation<JailerMessage, any Error>] = [:]
        var sandboxes: [UInt64: any JailedLife] = [:]
        /// Exits that were told before their sandbox was registered.
        var early: [UInt64: JailerExit] = [:]
        var atEnd: [CheckedContinuation<Void, Never>] = []
    }

    private let line: any JailerLine
    private let logger: Logger
    private let state = Mutex(State())
    /// Holds the directories that stand for `/tmp` in plain sandboxes, each named like its sandbox.
    let scratch: String
    let isPlain: Bool
    /// The jailer's executable; empty where it runs in a machine of its own.
    let program: String
    var carriesFiles: Bool { line.carriesFiles }
    func finish(_ socket: FileDescriptor, to port: UInt16) throws { try line.connect(socket, to: port) }

    private init(_ line: any JailerLine, program: String, scratch: String, isPlain: Bool, _ logger: Logger) {
        self.line = line
        self.program = program
        self.isPlain = isPlain
        self.scratch = scratch
        self.logger = logger
    }

    /// Starts a jailer and waits for its greeting, some 20 ms. Throws `SandboxError`.
    static func launch(command: [String], options: JailerOptions, logger: Logger) throws -> JailerClient {
        do {
            let process = try JailerProcess.start(command)
            logger.debug("jailer started", metadata: ["pid": "\(process.processID)"])
            return try open(process, program: command.first ?? "", options: options, logger: logger)
        } catch {
            throw SandboxError(jailer: error)
        }
    }

    /// Greets the jailer at the other end of `line`, which is disposed of when that fails. Throws `SandboxError`.
    static func open(
        _ line: any JailerLine,
        program: String = "",
        options: JailerOptions,
        logger: Logger
    ) throws -> JailerClient {
        do {
            let (cgroups, scratch) = try greet(line, options)
            logger.debug("jailer greeted", metadata: ["cgroups": "\(cgroups)"])
            let client = JailerClient(line, program: program, scratch: scratch, isPlain: options.isPlain, logger)
            try detachThread(named: "jailer") { client.listen() }
            return client
        } catch {
            line.hangUp()
            line.dispose()
            throw SandboxError(jailer: error)
        }
    }

    /// Starts a jailer only to have it look at the host. Blocks for some 50 ms.
    static func examine(command: [String]) throws -> [HostCheck] {
        do {
            let process = try JailerProcess.start(command)
            defer {
                process.hangUp()
                process.reap()
            }
            process.setPatience(seconds: 30)
            try process.send(.examine, request: 1, body: [])
            guard let answer = process.receive() else { throw SandboxError(.failed, "The jailer ended at once") }
            var contents = try answer.contents()
            return contents.checks()
        } catch {
            throw SandboxError(jailer: error)
        }
    }

    private static func greet(
        _ line: any JailerLine,
        _ options: JailerOptions
    ) throws -> (cgroups: String, scratch: String) {
        line.setPatience(seconds: 30)
        try line.send(.hello, request: 0, body: options.body)
        guard let answer = line.receive() else { throw SandboxError(.failed, "The jailer ended at once") }
        var contents = try answer.contents()
        line.setPatience(seconds: nil)
        _ = contents.u32()
        return (contents.string(), contents.string())
    }

    // MARK: - asking

    /// Sends a request and waits for its answer. Throws `SandboxError`.
    /// - Parameter mounts: those that the request asks for.
    func call(
        _ operation: JailerOperation,
        _ body: [UInt8],
        mounts: [SandboxMount] = []
    ) async throws -> JailerMessage {
        guard body.count < JailerNumber.maximumMessage else {
            throw SandboxError(
                .badSpecification,
                "The sandbox's command, environment and mounts are larger than \(JailerNumber.maximumMessage) bytes"
            )
        }
        do {
            let message = try await withCheckedThrowingContinuation { continuation in
                send(operation, body, continuation)
            }
            do {
                _ = try message.contents()
            } catch {
                message.descriptors.closeAll()
                throw error
            }
            return message
        } catch {
            throw SandboxError(jailer: error, mounts: mounts)
        }
    }

    private func send(
        _ operation: JailerOperation,
        _ body: [UInt8],
        _ continuation: CheckedContinuation<JailerMessage, any Error>
    ) {
        let request: UInt32? = state.withLock { state in
            guard !state.isOver else { return nil }
            // Numbers of answered requests come round again after four billion.
            while state.nextRequest == 0 || state.waiting[state.nextRequest] != nil { state.nextRequest &+= 1 }
            defer { state.nextRequest &+= 1 }
            state.waiting[state.nextRequest] = continuation
            return state.nextRequest
        }
        guard let request else { return continuation.resume(throwing: SandboxError(.ended, "The jailer has ended")) }
        do {
            try line.send(operation, request: request, body: body)
        } catch {
            // Whoever takes the continuation out resumes it; the end of the jailer may have been quicker.
            state.withLock { $0.waiting.removeValue(forKey: request) }?.resume(throwing: error)
        }
    }

    /// Directs the exit notice of `sandbox` to it.
    func register(_ sandbox: some JailedLife, handle: UInt64) {
        let exit: JailerExit? = state.withLock { state in
            if let exit = state.early.removeValue(forKey: handle) { return exit }
            if state.isOver { return .lost }
            state.sandboxes[handle] = sandbox
            return nil
        }
        if let exit { sandbox.ended(exit) }
    }

    var isOver: Bool { state.withLock { $0.isOver } }

    /// Ends the jailer and with it every sandbox. Returns when they are gone.
    func shutDown() async {
        let sandboxes = state.withLock { state in
            state.isShuttingDown = true
            return state.sandboxes.values
        }
        for sandbox in sandboxes { sandbox.willBeKilled() }
        line.hangUp()
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.isOver { state.atEnd.append(continuation) }
                return state.isOver
            }
            if isOver { continuation.resume() }
        }
    }

    // MARK: - listening

    private func listen() {
        while let message = line.receive() {
            switch message.kind {
            case .answer: answered(message)
            case .exit: exited(message)
            case .ending: ending(message)
            }
        }
        line.hangUp()
        line.dispose()
        end()
    }

    private func answered(_ message: JailerMessage) {
        guard let continuation = state.withLock({ $0.waiting.removeValue(forKey: message.request) }) else {
            message.descriptors.closeAll()
            return
        }
        continuation.resume(returning: message)
    }

    private func exited(_ message: JailerMessage) {
        message.descriptors.closeAll()
        guard let (handle, exit) = JailerExit.read(message.body) else { return }
        let sandbox = state.withLock { state in
            let sandbox = state.sandboxes.removeValue(forKey: handle)
            // A guest may tell of what never was.
            if sandbox == nil, state.early.count < JailerNumber.maximumSandboxes { state.early[handle] = exit }
            return sandbox
        }
        sandbox?.ended(exit)
    }

    private func ending(_ message: JailerMessage) {
        message.descriptors.closeAll()
        guard let (handle, exit) = JailerExit.read(message.body) else { return }
        state.withLock { $0.sandboxes[handle] }?.firstEnded(exit)
    }

    private func end() {
        let (waiting, sandboxes, atEnd, isSurprise) = state.withLock { state in
            state.isOver = true
            defer {
                state.waiting = [:]
                state.sandboxes = [:]
                state.atEnd = []
            }
            return (state.waiting, state.sandboxes, state.atEnd, !state.isShuttingDown)
        }
        if isSurprise && !sandboxes.isEmpty {
            logger.warning("the jailer ended with sandboxes running", metadata: ["count": "\(sandboxes.count)"])
        }
        for continuation in waiting.values {
            continuation.resume(throwing: SandboxError(.ended, "The jailer has ended"))
        }
        for sandbox in sandboxes.values { sandbox.ended(.lost) }
        for continuation in atEnd { continuation.resume() }
    }
}
