// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem
import Logging
import MartletCore
import NIOCore
import Sandbox

/// Serves the AWS endpoint on a socket that was made inside a sandbox. The front door is one.
package protocol EndpointGateway: Sendable {
    /// Takes ownership of the listening socket. The returned closure stops serving.
    func serve(listener: LinuxSystem.FileDescriptor) async throws -> @Sendable () -> Void
}

/// Starts execution environments: credentials, sandbox, Runtime API, log. Does not wait for the runtime to come up.
struct EnvironmentStarter: Sendable {
    var driver: any SandboxDriver
    /// Nil where the driver cannot mount late.
    var cells: StemCells?
    var locator: RuntimeLocator
    var runtimeFiles: RuntimeFiles
    var credentials: any CredentialVendor
    var gateway: (any EndpointGateway)?
    var poller: OutputPoller
    var logQueue: any LogQueue
    var eventLoops: any EventLoopGroup
    var supervisor: Supervisor
    var clock: any WallClock
    var ids: any IDSource
    /// Nil: each environment compiles its Python itself.
    var compiler: PythonCompiler? = nil

    private static let credentialLifetime: Duration = .seconds(12 * 3_600)

    /// Throws `RuntimeUnavailable`, `SandboxError`, or what the credential vendor throws.
    func start(
        _ version: ExecutableVersion,
        initialization: InitializationType = .onDemand
    ) async throws -> ExecutionEnvironment {
        let startedAt = clock.monotonicMicroseconds
        let runtime = try version.image == nil ? locator.choose(version.runtime) : .image
        let log = makeLog(version)
        let format = PlatformLog(version.logging)
        // AWS knows no runtime version of an image, and says nothing.
        if version.image == nil {
            log.platform(format.initStart(runtime: runtime.displayName, version: version, at: clock.now))
        }
        log.telemetry.post(.initStart(initFacts(version, runtime, log)))
        if runtime.isNearest, let interpreter = runtime.interpreter {
            log.platform(
                "[WARN] Martlet: \(version.runtime) is not on this host; running on \(interpreter.path) (version \(interpreter.version))\n"
            )
        }
        let role = try await credentials.credentials(
            forRole: version.role,
            sessionName: version.key.functionName,
            lifetime: Self.credentialLifetime
        )
        let plan = launchPlan(version, runtime, logStream: log.stream, role, initialization)
        let sandbox = try await sandbox(version, plan)
        let environment = ExecutionEnvironment(
            key: version.key,
            sandbox: sandbox,
            log: log,
            poller: poller,
            eventLoop: eventLoops.next(),
            clock: clock,
            supervisor: supervisor,
            startedMicroseconds: startedAt,
            handler: version.handler,
            format: format,
            ids: ids
        )
        environment.expectExtensions(plan.extensions)
        do {
            try await listen(environment)
        } catch {
            await sandbox.kill()
            throw error
        }
        await environment.launchExtensions(
            plan.extensions,
            environment: ExtensionFiles.variables(from: plan.environment)
        )
        return environment
    }

    private func initFacts(
        _ version: ExecutableVersion,
        _ runtime: RuntimeChoice,
        _ log: EnvironmentLog
    ) -> TelemetryEvent.InitFacts {
        TelemetryEvent.InitFacts(
            functionName: version.key.functionName,
            functionVersion: version.key.version,
            runtimeVersion: runtime.displayName,
            runtimeVersionARN: PlatformLog.runtimeARN(version),
            instanceID: String(log.stream.suffix(32)),
            memoryMiB: version.memoryMiB
        )
    }

    /// A new log stream of the version.
    func makeLog(_ version: ExecutableVersion) -> EnvironmentLog {
        let date = UTCDate(clock.now)
        let day = "\(date.year.padded(4))/\(date.month.padded(2))/\(date.day.padded(2))"
        // A group that the function chose is shared, so its streams name the function.
        let isOwnGroup = version.logging.group == "/aws/lambda/\(version.key.functionName)"
        let name = isOwnGroup ? "[\(version.key.version)]" : "\(version.key.functionName)[\(version.key.version)]"
        return EnvironmentLog(
            group: version.logging.group,
            stream: "\(day)/\(name)\(ids.hex(32))",
            scope: version.key.scope,
            queue: logQueue,
            clock: clock,
            filter: ApplicationLogFilter(version)
        )
    }

    /// Has stem cells booted for the version's runtime, if it is one that they can serve.
    func expect(_ version: ExecutableVersion) {
        guard let cells, version.image == nil, let runtime = try? locator.choose(version.runtime) else { return }
        let nobody = SessionCredentials(accessKeyID: "", secretAccessKey: "", sessionToken: "", expiresAt: clock.now)
        let plan = launchPlan(version, runtime, logStream: "", nobody)
        if let kind = StemCellKind(plan, version) { cells.expect(kind, plan) }
    }

    /// A stem cell that becomes the version's, or a new sandbox where none waits.
    private func sandbox(_ version: ExecutableVersion, _ plan: LaunchPlan) async throws -> any Sandbox {
        let limits = SandboxLimits(memoryBytes: version.memoryMiB << 20, temporaryBytes: version.temporaryMiB << 20)
        if let cells, let kind = StemCellKind(plan, version), let cell = cells.take(kind, plan) {
            do {
                try await cell.claim(SandboxClaim(plan, limits: limits, of: kind))
                return cell
            } catch {
                // It may have died while it waited. A plain start says what is wrong, if anything is.
                await cell.kill()
            }
        }
        return try await driver.start(specification(plan, limits))
    }

    private func launchPlan(
        _ version: ExecutableVersion,
        _ runtime: RuntimeChoice,
        logStream: String,
        _ role: SessionCredentials,
        _ initialization: InitializationType = .onDemand
    ) -> LaunchPlan {
        LaunchPlan(
            version,
            runtime: runtime,
            runtimeFiles: runtimeFiles.path,
            instance: LaunchPlan.Instance(
                credentials: role,
                logStream: logStream,
                runtimeAPI: "127.0.0.1:\(LaunchPlan.runtimeAPIPort)",
                endpointURL: gateway == nil ? nil : "http://127.0.0.1:\(LaunchPlan.endpointPort)",
                bootstrap: bootstrap(version, runtime),
                initialization: initialization,
                compiled: compiled(version, runtime)
            )
        )
    }

    /// What every environment listens on inside.
    static func listeners(hasEndpoint: Bool) -> [SandboxListener] {
        let ports = [LaunchPlan.runtimeAPIPort] + (hasEndpoint ? [LaunchPlan.endpointPort] : [])
        return ports.map(SandboxListener.init)
    }

    private func specification(_ plan: LaunchPlan, _ limits: SandboxLimits) throws -> SandboxSpecification {
        guard let id = SandboxID("lambda-\(ids.hex(24))") else {
            throw MartletError("lambda.start", "malformed sandbox id")
        }
        guard !plan.command.isEmpty else {
            throw SandboxError(.cannotExecute, "the image names no entry point: No such file or directory")
        }
        return SandboxSpecification(
            id: id,
            command: plan.command,
            environment: plan.environment,
            workingDirectory: plan.workingDirectory,
            root: plan.root,
            mounts: plan.mounts,
            limits: limits,
            listeners: Self.listeners(hasEndpoint: gateway != nil),
            isAttended: true
        )
    }

    /// Asks for what is missing too, so that the next environment has it.
    func compiled(_ version: ExecutableVersion, _ runtime: RuntimeChoice) -> [SandboxMount] {
        guard let compiler, case .python = RuntimeFamily(version.runtime), runtime.image == nil,
            let interpreter = runtime.interpreter
        else { return [] }
        return compiler.mounts(for: version, interpreter)
    }

    private func bootstrap(_ version: ExecutableVersion, _ runtime: RuntimeChoice) -> String {
        switch (RuntimeFamily(version.runtime), runtime.interpreter) {
        // An interpreter of an image cannot be asked to compile here.
        case (.python, _?) where runtime.image != nil: "\(LaunchPlan.runtimeRoot)/python.py"
        case (.python, let interpreter?): "\(LaunchPlan.runtimeRoot)/\(runtimeFiles.pythonBootstrap(for: interpreter))"
        case (.node, _?): "\(LaunchPlan.runtimeRoot)/node.cjs"
        case (.ruby, _?): "\(LaunchPlan.runtimeRoot)/ruby.rb"
        case (.java, _?): "\(LaunchPlan.runtimeRoot)/java.jar"
        case (.provided, _):
            // Where there is none, the sandbox says so.
            CustomBootstrap.path(in: version) ?? CustomBootstrap.paths[0]
        // The runtime of an image that brings its own.
        default: "\(LaunchPlan.runtimeRoot)/bootstrap"
        }
    }

    private func listen(_ environment: ExecutionEnvironment) async throws {
        var listeners = environment.sandbox.takeListeners()
        guard !listeners.isEmpty else { throw SandboxError(.failed, "the sandbox has no Runtime API socket") }
        let runtimeAPI = try await RuntimeAPIServer(
            listener: listeners.removeFirst(),
            on: environment.eventLoop,
            delegate: environment
        )
        environment.onEnd { runtimeAPI.close() }
        for listener in listeners {
            guard let gateway else {
                listener.close()
                continue
            }
            environment.onEnd(try await gateway.serve(listener: listener))
        }
    }
}
