// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import Logging
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Sandbox
import ServiceLifecycle

/// Compiles each package's Python once, in the background, so that no environment does it again. A version that is not
/// compiled yet, or cannot be, runs all the same: its imports are slower.
///
/// The compiler runs in a sandbox: it sees the package read-only and answers over a pipe, and what it answers is checked by
/// `CompiledStream`. The result belongs to the content that was compiled, and to no other.
final class PythonCompiler: Service {
    struct Limits: Sendable {
        /// Sources that wait. One more is not remembered; its next cold start asks again.
        var waiting = 256
        /// Sources that could not be compiled, which are not tried again while the server runs.
        var failures = 1_000
        var memoryBytes = 512 << 20
        var time = Duration.seconds(120)

        init() {}
    }

    /// Where functions find what was compiled, as `MARTLET_COMPILED` tells the bootstrap.
    static let visibleRoot = "/var/martlet/compiled"

    /// In it: what belongs to the code, to the layers, to the interpreter's library.
    static let folders = ["task", "opt", "lib"]

    struct Job: Sendable, Hashable {
        var source: String
        /// Where the function sees it: tracebacks show these paths.
        var target: String
        var interpreter: InterpreterName
        /// Folders that are not compiled, by name.
        var skipped: [String] = []
        var place: String
        /// Whose code it is, and in whose kind of sandbox it is compiled; nil: nobody's.
        var function: VersionKey?
    }

    struct InterpreterName: Sendable, Hashable {
        var path: String
        var prefixes: [String]
    }

    private struct State {
        var waiting: Set<String> = []
        var failed: Set<String> = []
    }

    private let sandboxes: FunctionSandboxes
    private let runtimeFiles: String
    private let code: CompiledCode
    private let eventLoops: any EventLoopGroup
    private let clock: any WallClock
    private let ids: any IDSource
    private let logger: Logger
    private let limits: Limits
    private let jobs: AsyncStream<Job>
    private let queue: AsyncStream<Job>.Continuation
    private let state = NIOLockedValueBox(State())

    init(
        sandboxes: FunctionSandboxes,
        runtimeFiles: String,
        directory: String,
        eventLoops: any EventLoopGroup,
        clock: any WallClock,
        ids: any IDSource,
        logger: Logger,
        limits: Limits = Limits()
    ) {
        (self.sandboxes, self.runtimeFiles, self.eventLoops) = (sandboxes, runtimeFiles, eventLoops)
        (self.clock, self.ids, self.logger, self.limits) = (clock, ids, logger, limits)
        code = CompiledCode(directory: directory)
        // Bounded by `waiting`.
        (jobs, queue) = AsyncStream.makeStream()
    }

    /// What is compiled of a version by now, as mounts. What is not will be, some time after.
    func mounts(for version: ExecutableVersion, _ interpreter: Interpreter) -> [SandboxMount] {
        guard let name = CompiledCode.name(of: interpreter) else { return [] }
        return jobs(for: version, interpreter, name).compactMap { job, folder in
            let place = HostPath(job.place)
            guard place.exists else {
                request(job)
                return nil
            }
            // A file stands for what was not worth it.
            guard place.isDirectory else { return nil }
            return SandboxMount(source: job.place, target: "\(Self.visibleRoot)/\(folder)")
        }
    }

    /// Code and layers apart: the same layers serve other code, which must not have a say in what they are compiled to.
    private func jobs(
        for version: ExecutableVersion,
        _ interpreter: Interpreter,
        _ name: String
    ) -> [(Job, folder: String)] {
        let identity = InterpreterName(path: interpreter.path, prefixes: interpreter.prefixes)
        func job(_ source: String, _ target: String) -> Job {
            Job(
                source: source,
                target: target,
                interpreter: identity,
                place: code.place(of: source, for: name).description,
                function: version.key
            )
        }
        var jobs = [(job(version.codePath, LaunchPlan.taskRoot), folder: "task")]
        if let layers = version.layersPath { jobs.append((job(layers, LaunchPlan.layersRoot), folder: "opt")) }
        if let library = HostLibrary.uncompiled(of: interpreter) {
            var job = job(library, library)
            job.skipped = HostLibrary.skipped
            job.function = nil
            job.place = code.root.appending(name).appending("library").description
            jobs.append((job, folder: "lib"))
        }
        return jobs
    }

    private func request(_ job: Job) {
        let isNew = state.withLockedValue { state in
            guard state.waiting.count < limits.waiting, !state.failed.contains(job.place) else { return false }
            return state.waiting.insert(job.place).inserted
        }
        if isNew { queue.yield(job) }
    }

    func run() async throws {
        for await job in jobs.cancelOnGracefulShutdown() {
            let isDone = await cancelWhenGracefulShutdown { [self] in await attempt(job) }
            state.withLockedValue { state in
                state.waiting.remove(job.place)
                if !isDone, state.failed.count < limits.failures { state.failed.insert(job.place) }
            }
        }
    }

    private func attempt(_ job: Job) async -> Bool {
        do {
            try await compile(job)
            return true
        } catch {
            logger.debug("Python code stays uncompiled", metadata: ["source": "\(job.source)", "cause": "\(error)"])
            return false
        }
    }

    /// Leaves the compiled files at `job.place`, all at once.
    func compile(_ job: Job) async throws {
        let (source, place) = (HostPath(job.source), HostPath(job.place))
        let draft = code.unfinished.appending(ids.hex(32))
        guard try await onThread({ try Self.begin(source, place, draft) }) else { return }
        do {
            try await fill(CompiledDraft(source: source, draft: draft), job)
            try await onThread {
                if try !draft.move(to: place) { try draft.remove() }
                // The source may have left meanwhile, and took with it what was compiled by then.
                if !source.isDirectory { try place.remove() }
            }
        } catch {
            // The first failure is the one to report; the next start removes what stays.
            try? await onThread { try draft.remove() }
            throw error
        }
    }

    /// False when there is nothing to do; then an empty file says so.
    private static func begin(_ source: HostPath, _ place: HostPath, _ draft: HostPath) throws -> Bool {
        try place.parent.makeDirectories()
        try draft.parent.makeDirectories()
        guard try CompiledCode.isWorthwhile(source) else {
            if !place.exists { try place.createFile(mode: 0o644) { _ in } }
            return false
        }
        try draft.makeDirectory()
        return true
    }

    private func fill(_ draft: CompiledDraft, _ job: Job) async throws {
        let began = clock.monotonicMicroseconds
        let driver = job.function.map(sandboxes.choice(of:)) ?? sandboxes.ofOthers
        let sandbox = try await driver.start(specification(job))
        // Also when this task is cancelled, or ends: then at once.
        async let _: Void = kill(sandbox, after: limits.time)
        guard let output = sandbox.takeOutput() else { throw SandboxError(.failed, "the sandbox has no output") }
        let isComplete: Bool
        do {
            isComplete = try await receive(output, draft)
        } catch let fault as CompiledStream.Fault {
            return logger.debug(
                "compiled code is not taken whole",
                metadata: ["source": "\(job.source)", "reason": "\(fault.reason)"]
            )
        }
        try Task.checkCancellation()
        if isComplete { return }
        // One file too many for the compiler: what came before it is good. Unless the server ended it.
        let isOverdue = clock.monotonicMicroseconds - began >= limits.time.wholeMicroseconds
        if await sandbox.waitForExit() == .killed, !isOverdue { throw SandboxError(.ended, "the sandbox was stopped") }
    }

    private func kill(_ sandbox: any Sandbox, after time: Duration) async {
        // Cancellation ends the wait.
        try? await clock.sleep(for: time)
        await sandbox.kill()
    }

    /// Until the output ends, which it does with the sandbox. Whether all that there was has come.
    private func receive(_ output: LinuxSystem.FileDescriptor, _ draft: CompiledDraft) async throws -> Bool {
        let channel = try await NIOPipeBootstrap(group: eventLoops).takingOwnershipOfDescriptor(input: output.number) {
            channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, Never>(wrappingChannelSynchronously: channel)
            }
        }
        return try await channel.executeThenClose { [self] inbound in
            var stream = CompiledStream()
            for try await bytes in inbound {
                let files = stream.feed(bytes)
                if !files.isEmpty { try await onThread { try draft.write(files) } }
                if let fault = stream.fault { throw fault }
            }
            return stream.isComplete
        }
    }

    private func specification(_ job: Job) throws -> SandboxSpecification {
        guard let id = SandboxID("compile-\(ids.hex(24))") else {
            throw MartletError("lambda.compile", "malformed sandbox id")
        }
        let script = "\(LaunchPlan.runtimeRoot)/compile.py"
        var mounts = [SandboxMount(source: runtimeFiles, target: LaunchPlan.runtimeRoot)]
        if job.source != job.target { mounts.append(SandboxMount(source: job.source, target: job.target)) }
        mounts += job.interpreter.prefixes.map { SandboxMount(source: $0, target: $0) }
        return SandboxSpecification(
            id: id,
            command: [job.interpreter.path, "-I", "-S", "-B", "-W", "ignore", script, job.target] + job.skipped,
            environment: ["PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"],
            mounts: mounts,
            limits: SandboxLimits(
                memoryBytes: limits.memoryBytes,
                temporaryBytes: 1 << 20,
                processes: 16,
                cpu: CPUShare(cpus: 1)
            )
        )
    }

    private func onThread<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await NIOThreadPool.singleton.runIfActive(work)
    }
}
