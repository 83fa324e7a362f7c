// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Crypto
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
    var sandboxes: FunctionSandboxes
    /// Nil where no driver can mount late.
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
    var networks = NetworkRules()
    var egress: (any EgressGateway)? = nil
    var folders = HostFolders()
    /// Nil: each environment compiles its Python itself.
    var compiler: PythonCompiler? = nil
    /// Nil where there are no snapshots.
    var shelf: SnapshotShelf? = nil

    private static let credentialLifetime: Duration = .seconds(12 * 3_600)
    /// Of those that a snapshot may keep: SDKs renew them at the first use in a copy.
    private static let templateCredentialLifetime: Duration = .seconds(15 * 60)

    /// From the version's snapshot where it has one and it is there.
    /// Throws `RuntimeUnavailable`, `SandboxError`, EFSMountFailureException, or what the credential vendor throws.
    func start(
        _ version: ExecutableVersion,
        initialization: InitializationType = .onDemand
    ) async throws -> ExecutionEnvironment {
        guard version.snapStarts, initialization == .onDemand, let shelf else {
            return try await begin(version, initialization)
        }
        shelf.noteUse(version.key)
        if let snapshot = await shelf.snapshot(of: version.key) {
            do {
                return try await begin(version, .snapStart, .copy, from: snapshot)
            } catch let error as SandboxError where error.code != .busy {
                await shelf.condemn(version, because: error)
            }
        }
        shelf.renew(version)
        return try await begin(version, .snapStart, .standIn)
    }

    /// One that is to be snapshot.
    func startTemplate(_ version: ExecutableVersion) async throws -> ExecutionEnvironment {
        try await begin(version, .snapStart, .template)
    }

    private func begin(
        _ version: ExecutableVersion,
        _ initialization: InitializationType,
        _ part: SnapshotRole = .none,
        from snapshot: (any SandboxSnapshot)? = nil
    ) async throws -> ExecutionEnvironment {
        let startedAt = clock.monotonicMicroseconds
        let runtime = try version.image == nil ? locator.choose(version.runtime) : .image
        let log = makeLog(version)
        let format = PlatformLog(version.logging)
        let facts = initFacts(version, runtime, log, initialization)
        if part == .copy {
            log.platform(format.restoreStart(runtime: runtime.displayName, version: version, at: clock.now))
            log.telemetry.post(.restoreStart(facts))
        } else {
            // AWS knows no runtime version of an image, and says nothing.
            if version.image == nil {
                log.platform(
                    format.initStart(runtime: runtime.displayName, version: version, initialization, at: clock.now)
                )
            }
            log.telemetry.post(.initStart(facts))
            warnOfNearest(runtime, version, log)
        }
        let role = try await vend(version, part)
        let token = part == .none ? nil : Self.credentialsToken(version.key)
        var plan = launchPlan(version, runtime, logStream: log.stream, role, initialization, token)
        let fileSystem = try version.fileSystem.map { try SandboxMount($0, for: version.key.scope, folders) }
        if let fileSystem { plan.mounts.append(fileSystem) }
        let sandbox: any Sandbox
        do {
            sandbox = try await self.sandbox(version, plan, part, snapshot)
        } catch let error as SandboxError where fileSystem.map({ error.isAbout($0) }) ?? false {
            throw EFSMountFailureException.because(error.message)
        }
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
            ids: ids,
            beginning: .init(
                initialization: initialization,
                role: part,
                credentials: token.map { token in
                    EnvironmentCredentials(role, token: token, clock: clock) { try await vend(version, part) }
                }
            )
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
        if holdsRuntime(plan, sandboxes.choice(of: version.key)) {
            let command = SandboxClaim.Word.command(
                plan.command,
                environment: plan.environment,
                workingDirectory: plan.workingDirectory
            )
            let claim = SandboxClaim(mounts: [], limits: limits(version), word: command)
            supervisor.submit { await environment.startRuntime(claim) }
        }
        return environment
    }

    private func warnOfNearest(_ runtime: RuntimeChoice, _ version: ExecutableVersion, _ log: EnvironmentLog) {
        guard runtime.isNearest, let interpreter = runtime.interpreter else { return }
        log.platform(
            "[WARN] Martlet: \(version.runtime) is not on this host; running on \(interpreter.path) (version \(interpreter.version))\n"
        )
    }

    private func vend(_ version: ExecutableVersion, _ part: SnapshotRole) async throws -> SessionCredentials {
        try await credentials.credentials(
            forRole: version.role,
            sessionName: version.key.functionName,
            lifetime: part == .template ? Self.templateCredentialLifetime : Self.credentialLifetime
        )
    }

    /// Shared by the environments of a version, as it is in their snapshot. A version's generation is drawn at random and
    /// never leaves the server.
    private static func credentialsToken(_ key: VersionKey) -> String {
        Hex.encode(SHA256.hash(data: Array("credentials of \(key.functionARN):\(key.version) \(key.generation)".utf8)))
    }

    private func initFacts(
        _ version: ExecutableVersion,
        _ runtime: RuntimeChoice,
        _ log: EnvironmentLog,
        _ initialization: InitializationType
    ) -> TelemetryEvent.InitFacts {
        TelemetryEvent.InitFacts(
            initialization: initialization,
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
        guard let cells = cells(for: version), version.image == nil, let runtime = try? locator.choose(version.runtime)
        else { return }
        let nobody = SessionCredentials(accessKeyID: "", secretAccessKey: "", sessionToken: "", expiresAt: clock.now)
        let plan = launchPlan(version, runtime, logStream: "", nobody)
        if let kind = StemCellKind(plan, version) { cells.expect(kind, plan) }
    }

    /// Has cells booted that can become copies of the version's snapshot.
    func expectCopies(of version: ExecutableVersion) {
        guard let cells = cells(for: version), let runtime = try? locator.choose(version.runtime) else { return }
        let nobody = SessionCredentials(accessKeyID: "", secretAccessKey: "", sessionToken: "", expiresAt: clock.now)
        let plan = launchPlan(version, runtime, logStream: "", nobody, .snapStart, "")
        if let kind = StemCellKind(ofCopies: plan, version) { cells.expect(kind, plan) }
    }

    /// Those of the version's driver; a cell of another has other walls.
    private func cells(for version: ExecutableVersion) -> StemCells? {
        cells.flatMap { $0.driver.name == sandboxes.choice(of: version.key).name ? $0 : nil }
    }

    /// From the snapshot, or a stem cell that becomes the version's, or a new sandbox where none waits. A template is always
    /// new: its copies are to have the same mounts.
    private func sandbox(
        _ version: ExecutableVersion,
        _ plan: LaunchPlan,
        _ part: SnapshotRole,
        _ snapshot: (any SandboxSnapshot)?
    ) async throws -> any Sandbox {
        let (limits, driver, cells) = (limits(version), sandboxes.choice(of: version.key), cells(for: version))
        if let snapshot {
            let claim = SandboxClaim(plan, limits: limits, from: snapshot)
            if let cell = await claimed(cells, StemCellKind(ofCopies: plan, version), plan, { _ in claim }) {
                return cell
            }
            return try await driver.restore(snapshot, specification(plan, limits, driver))
        }
        let kind = part == .template ? nil : StemCellKind(plan, version)
        let cell = await claimed(cells, kind, plan) { SandboxClaim(plan, limits: limits, of: $0) }
        if let cell { return cell }
        return try await driver.start(specification(plan, limits, driver))
    }

    /// Nil where no cell of the kind waits.
    private func claimed(
        _ cells: StemCells?,
        _ kind: StemCellKind?,
        _ plan: LaunchPlan,
        _ claim: (StemCellKind) -> SandboxClaim
    ) async -> (any Sandbox)? {
        guard let cells, let kind, let cell = cells.take(kind, plan) else { return nil }
        do {
            try await cell.claim(claim(kind))
            return cell
        } catch {
            // It may have died while it waited. A plain start says what is wrong, if anything is.
            await cell.kill()
            return nil
        }
    }

    private func limits(_ version: ExecutableVersion) -> SandboxLimits {
        SandboxLimits(memoryBytes: version.memoryMiB << 20, temporaryBytes: version.temporaryMiB << 20)
    }

    /// Whether the sandbox stands short of the runtime's command until the extensions have registered. Where the driver
    /// cannot do that, they boot beside each other.
    private func holdsRuntime(_ plan: LaunchPlan, _ driver: any SandboxDriver) -> Bool {
        driver.mountsLate && plan.network != .host && !plan.extensions.isEmpty
    }

    private func launchPlan(
        _ version: ExecutableVersion,
        _ runtime: RuntimeChoice,
        logStream: String,
        _ role: SessionCredentials,
        _ initialization: InitializationType = .onDemand,
        _ credentialsToken: String? = nil
    ) -> LaunchPlan {
        let network = networks.choice(of: version.key)
        return LaunchPlan(
            version,
            runtime: runtime,
            runtimeFiles: runtimeFiles.path,
            instance: LaunchPlan.Instance(
                credentials: role,
                credentialsToken: credentialsToken,
                logStream: logStream,
                runtimeAPI: "127.0.0.1:\(LaunchPlan.runtimeAPIPort)",
                endpointURL: gateway == nil || !network.hasEndpoint
                    ? nil : "http://127.0.0.1:\(LaunchPlan.endpointPort)",
                bootstrap: bootstrap(version, runtime),
                initialization: initialization,
                // What is compiled may come between a template and its copy, and the copy has it in memory.
                compiled: initialization == .snapStart ? [] : compiled(version, runtime),
                network: network
            )
        )
    }

    /// What every environment listens on inside.
    static func listeners(_ network: FunctionNetwork, hasEndpoint: Bool) -> [SandboxListener] {
        let ports = [LaunchPlan.runtimeAPIPort] + (hasEndpoint && network.hasEndpoint ? [LaunchPlan.endpointPort] : [])
        return ports.map(SandboxListener.init)
    }

    private func specification(
        _ plan: LaunchPlan,
        _ limits: SandboxLimits,
        _ driver: any SandboxDriver
    ) throws -> SandboxSpecification {
        guard let id = SandboxID("lambda-\(ids.hex(24))") else {
            throw MartletError("lambda.start", "malformed sandbox id")
        }
        guard !plan.command.isEmpty else {
            throw SandboxError(.cannotExecute, "the image names no entry point: No such file or directory")
        }
        let isHeld = holdsRuntime(plan, driver)
        return SandboxSpecification(
            id: id,
            command: isHeld ? [] : plan.command,
            environment: isHeld ? [:] : plan.environment,
            workingDirectory: plan.workingDirectory,
            root: plan.root,
            mounts: plan.mounts,
            limits: limits,
            network: plan.network.sandbox,
            listeners: Self.listeners(plan.network, hasEndpoint: gateway != nil),
            awaitsClaim: isHeld,
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
        guard let way = environment.sandbox.takeEgress() else { return }
        guard let egress else { return way.close() }
        environment.onEnd(try await egress.serve(way))
    }
}

extension SandboxError {
    /// A directory may go, or turn out to be root's, between the look at it and the mount.
    fileprivate func isAbout(_ mount: SandboxMount) -> Bool {
        message.contains(mount.source) || message.contains("directory that functions may write")
            || message.contains("owner of a mount")
    }
}
