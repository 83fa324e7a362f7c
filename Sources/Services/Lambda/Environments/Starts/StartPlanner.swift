// SPDX-License-Identifier: Apache-2.0
import Crypto
import MartletCore
import Sandbox

/// Plans starts: the runtime, the log with its first lines, the role's credentials, the variables and mounts.
struct StartPlanner: Sendable {
    var locator: RuntimeLocator
    var runtimeFiles: RuntimeFiles
    var credentials: any CredentialVendor
    var logQueue: any LogQueue
    var clock: any WallClock
    var ids: any IDSource
    /// There is an AWS endpoint inside.
    var hasEndpoint: Bool
    /// Not all of them can stand short of their command.
    var sandboxes: FunctionSandboxes
    var networks = NetworkRules()
    var folders = HostFolders()
    /// Nil: each environment compiles its Python itself.
    var compiler: PythonCompiler? = nil
    var sdks = RuntimeSDKs()

    private static let credentialLifetime: Duration = .seconds(12 * 3_600)
    /// Of those that a snapshot may keep: SDKs renew them at the first use in a copy.
    private static let templateCredentialLifetime: Duration = .seconds(15 * 60)

    /// Throws `RuntimeUnavailable`, EFSMountFailureException, or what the credential vendor throws.
    func plan(
        _ version: ExecutableVersion,
        _ initialization: InitializationType,
        _ role: SnapshotRole = .none,
        from snapshot: (any SandboxSnapshot)? = nil,
        isSecondTry: Bool = false
    ) async throws -> StartPlan {
        let startedAt = clock.monotonicMicroseconds
        let runtime = try version.image == nil ? locator.choose(version.runtime) : .image
        let log = makeLog(version)
        let format = PlatformLog(version.logging)
        let phase = InitPhase(initialization: initialization, isSecondTry: isSecondTry)
        tellStart(version, runtime, log, format, phase, role)
        let own = try await vend(version, role)
        let token = role == .none ? nil : Self.credentialsToken(version.key)
        var launch = launchPlan(version, runtime, logStream: log.stream, own, initialization, token)
        let fileSystem = try version.fileSystem.map { try SandboxMount($0, for: version.key.scope, folders) }
        if let fileSystem { launch.mounts.append(fileSystem) }
        let renewed = token.map { token in
            EnvironmentCredentials(own, token: token, clock: clock) { try await vend(version, role) }
        }
        return StartPlan(
            version: version,
            launch: launch,
            log: log,
            format: format,
            startedMicroseconds: startedAt,
            beginning: .init(
                initialization: initialization,
                role: role,
                isSecondTry: isSecondTry,
                credentials: renewed
            ),
            snapshot: snapshot,
            fileSystem: fileSystem,
            // Where the driver cannot hold them, extensions and runtime boot beside each other.
            isHeld: sandboxes.choice(of: version.key).mountsLate && launch.network != .host
                && !launch.extensions.isEmpty
        )
    }

    private func tellStart(
        _ version: ExecutableVersion,
        _ runtime: RuntimeChoice,
        _ log: EnvironmentLog,
        _ format: PlatformLog,
        _ phase: InitPhase,
        _ role: SnapshotRole
    ) {
        let facts = initFacts(version, log, phase)
        if role == .copy {
            log.platform(format.restoreStart(version, at: clock.now))
            return log.telemetry.post(.restoreStart(facts))
        }
        // AWS knows no runtime version of an image, and says nothing.
        if version.image == nil {
            log.platform(format.initStart(version, phase, at: clock.now))
        }
        log.telemetry.post(.initStart(facts))
        warnOfNearest(runtime, version, log)
    }

    private func warnOfNearest(_ runtime: RuntimeChoice, _ version: ExecutableVersion, _ log: EnvironmentLog) {
        guard runtime.isNearest, let interpreter = runtime.interpreter else { return }
        log.platform(
            "[WARN] Martlet: \(version.runtime) is not on this host; running on \(interpreter.path) (version \(interpreter.version))\n"
        )
    }

    private func vend(_ version: ExecutableVersion, _ role: SnapshotRole) async throws -> SessionCredentials {
        try await credentials.credentials(
            forRole: version.role,
            sessionName: version.key.functionName,
            lifetime: role == .template ? Self.templateCredentialLifetime : Self.credentialLifetime
        )
    }

    /// Shared by the environments of a version, as it is in their snapshot. A version's generation is drawn at random and
    /// never leaves the server.
    private static func credentialsToken(_ key: VersionKey) -> String {
        Hex.encode(SHA256.hash(data: Array("credentials of \(key.functionARN):\(key.version) \(key.generation)".utf8)))
    }

    private func initFacts(
        _ version: ExecutableVersion,
        _ log: EnvironmentLog,
        _ phase: InitPhase
    ) -> TelemetryEvent.InitFacts {
        TelemetryEvent.InitFacts(
            phase: phase,
            functionName: version.key.functionName,
            functionVersion: version.key.version,
            runtimeVersion: version.image == nil ? RuntimeCatalog.versionName(of: version.runtime) : "",
            runtimeVersionARN: version.image == nil ? version.runtimeVersionARN : "",
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
}
