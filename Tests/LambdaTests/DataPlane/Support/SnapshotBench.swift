// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import Logging
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Sandbox
import Storage
import Testing

@testable import Lambda

/// What the runtime in a fake sandbox does.
enum FakeRuntime: Sendable {
    case well
    case failsInit
    case failsAfterRestore
    case exitsAfterRestore
    /// The process could not be made from the image.
    case isNoCopy
    /// For a reason that passes.
    case isNoCopyNow
}

/// An image without anything in it.
struct FakeSnapshot: SandboxSnapshot {
    var bytes = 1_000
    let onDiscard: @Sendable () -> Void
    func discard() async { onDiscard() }
}

/// A sandbox whose process is a task of the test: it asks to be restored, and answers events with the sandbox's id.
final class RestorableSandbox: FakeSandbox {
    let id: SandboxID
    let port: UInt16
    private let listener: NIOLockedValueBox<LinuxSystem.FileDescriptor?>
    let process = FakeProcess()
    let driver: RestoringDriver

    init(_ id: SandboxID, _ driver: RestoringDriver) throws {
        (self.id, self.driver) = (id, driver)
        let listener = try LinuxSystem.FileDescriptor.listeningOnLoopback()
        port = try listener.localPort()
        self.listener = NIOLockedValueBox(listener)
    }

    func takeListeners() -> [LinuxSystem.FileDescriptor] {
        listener.withLockedValue { listener in
            defer { listener = nil }
            return [listener].compactMap { $0 }
        }
    }

    func takeSnapshot(into folder: String) async throws -> any SandboxSnapshot {
        driver.note("snapshot")
        #expect(HostPath(folder).isDirectory)
        end(.killed)
        if let error = driver.state.withLockedValue({ $0.snapshotError }) { throw error }
        return driver.snapshot
    }

    func end(_ exit: SandboxExit) { process.end(exit) }

    /// One request on a connection of its own; empty when the server closes it without an answer.
    func call(_ line: String, _ headers: String = "", body: String = "") async throws -> String {
        let connection = try await RawConnection(to: Endpoint(host: "127.0.0.1", port: Int(port)))
        try await connection.send(
            "\(line) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        )
        return try await connection.receiveText()
    }

    fileprivate func run(_ runtime: FakeRuntime) async throws {
        if runtime == .isNoCopy { return end(.notExecuted(SandboxError(.badSpecification, "the image is broken"))) }
        if runtime == .isNoCopyNow { return end(.notExecuted(SandboxError(.failed, "out of memory"))) }
        let base = "/2018-06-01/runtime"
        if runtime == .failsInit {
            _ = try await call(
                "POST \(base)/init/error",
                "Lambda-Runtime-Function-Error-Type: Runtime.X\r\n",
                body: "{}"
            )
            return end(.exited(status: 1))
        }
        guard try await call("GET \(base)/restore/next").hasPrefix("HTTP/1.1 200") else { return }
        if runtime == .failsAfterRestore {
            let headers = "Lambda-Runtime-Function-Error-Type: Runtime.AfterRestoreError\r\n"
            _ = try await call("POST \(base)/restore/error", headers, body: #"{"errorType":"E"}"#)
        }
        guard runtime == .well else { return end(.exited(status: 65)) }
        while true {
            let event = try await call("GET \(base)/invocation/next")
            let line = event.split(separator: "\r\n").first { $0.hasPrefix("Lambda-Runtime-Aws-Request-Id: ") }
            guard let request = line?.dropFirst("Lambda-Runtime-Aws-Request-Id: ".count) else { return }
            _ = try await call("POST \(base)/invocation/\(request)/response", body: #""\#(id)""#)
        }
    }
}

/// Starts such sandboxes, and restores them.
final class RestoringDriver: SandboxDriver {
    struct State {
        var calls: [String] = []
        var specifications: [SandboxSpecification] = []
        var sandboxes: [RestorableSandbox] = []
        var runtime = FakeRuntime.well
        var restoredRuntime = FakeRuntime.well
        var snapshotError: SandboxError?
        var restoreError: SandboxError?
        /// Whether an earlier process has left an image.
        var hasImage = false
    }

    let name: String
    let mountsLate = false
    let restores: Bool
    let guarantee = "none"
    let state = NIOLockedValueBox(State())

    init(_ name: String = "fake", restores: Bool = true) { (self.name, self.restores) = (name, restores) }

    func note(_ call: String) { state.withLockedValue { $0.calls.append(call) } }

    var calls: [String] { state.withLockedValue { $0.calls } }
    var snapshot: FakeSnapshot { FakeSnapshot { [self] in note("discard") } }

    func examineHost() async -> [HostCheck] { [] }
    func shutDown() async {}

    func start(_ specification: SandboxSpecification) async throws -> any Sandbox {
        note("start")
        return try boot(specification, state.withLockedValue { $0.runtime })
    }

    func restore(
        _ snapshot: any SandboxSnapshot,
        _ specification: SandboxSpecification
    ) async throws -> any Sandbox {
        note("restore")
        if let error = state.withLockedValue({ $0.restoreError }) { throw error }
        return try boot(specification, state.withLockedValue { $0.restoredRuntime })
    }

    func openSnapshot(at folder: String) async -> (any SandboxSnapshot)? {
        note("open")
        return state.withLockedValue { $0.hasImage } ? snapshot : nil
    }

    private func boot(_ specification: SandboxSpecification, _ runtime: FakeRuntime) throws -> RestorableSandbox {
        let sandbox = try RestorableSandbox(specification.id, self)
        state.withLockedValue { state in
            state.specifications.append(specification)
            state.sandboxes.append(sandbox)
        }
        // Ends when the server closes its connection.
        Task { try? await sandbox.run(runtime) }
        return sandbox
    }
}

/// Vends credentials that say how many there were before.
final class CountingVendor: CredentialVendor {
    let clock: any WallClock
    let lifetimes = NIOLockedValueBox<[Duration]>([])

    init(clock: any WallClock) { self.clock = clock }

    func credentials(forRole role: ARN, sessionName: String, lifetime: Duration) async throws -> SessionCredentials {
        let number = lifetimes.withLockedValue { lifetimes in
            lifetimes.append(lifetime)
            return lifetimes.count
        }
        return SessionCredentials(
            accessKeyID: "AKID\(number)",
            secretAccessKey: "secret\(number)",
            sessionToken: "token\(number)",
            expiresAt: clock.now + lifetime
        )
    }
}

private final class Lines: LogQueue {
    let streams = NIOLockedValueBox<[String: [String]]>([:])

    func enqueue(_ records: [LogRecord], group: String, stream: String, scope: Scope) {
        streams.withLockedValue { $0[stream, default: []] += records.map(\.message).filter { !$0.isEmpty } }
    }
}

/// Everything that runs one version with SnapStart, over the fake driver.
struct SnapshotBench: Sendable {
    let driver = RestoringDriver()
    /// Of functions whose name begins with `hostile-`.
    let otherDriver = RestoringDriver("other", restores: false)
    /// Of `driver`, where a test boots them.
    let cells: StemCells
    let vendor: CountingVendor
    let shelf: SnapshotShelf
    let supply: EnvironmentSupply
    let runner: FunctionRunner
    let taker: SnapshotTaker
    let version: ExecutableVersion
    private let lines = Lines()

    static func run(_ body: @escaping @Sendable (SnapshotBench) async throws -> Void) async throws {
        let files = try DirectoryFileStore.temporary()
        let supervisor = Supervisor()
        let bench = try SnapshotBench(files.root, supervisor)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await supervisor.run() }
            let result: Result<Void, any Error>
            do { result = .success(try await body(bench)) } catch { result = .failure(error) }
            await bench.supply.pool.stopAll()
            for driver in [bench.driver, bench.otherDriver] {
                for sandbox in driver.state.withLockedValue({ $0.sandboxes }) { sandbox.end(.killed) }
            }
            group.cancelAll()
            try result.get()
        }
        await files.close()
    }

    private init(_ directory: String, _ supervisor: Supervisor) throws {
        let (clock, logger) = (SystemClock(), Logger(label: "test"))
        vendor = CountingVendor(clock: clock)
        try HostPath(directory + "-bin").makeDirectories()
        try HostPath(directory + "-bin/python3.12").makeLink(to: Array("/bin/false".utf8))
        let sandboxes = FunctionSandboxes(
            ofOthers: driver,
            rules: [.init(pattern: FunctionPattern(text: "hostile-*"), choice: otherDriver)]
        )
        let doors = DoorKeeper(gateway: nil, eventLoops: MultiThreadedEventLoopGroup.singleton)
        cells = StemCells(
            .init(),
            driver: driver,
            doors: doors,
            supervisor: supervisor,
            clock: clock,
            ids: SystemIDSource(),
            logger: logger
        )
        shelf = SnapshotShelf(
            folder: directory + "-snapshots",
            sandboxes: sandboxes,
            clock: clock,
            supervisor: supervisor,
            logger: logger
        )
        let pool = EnvironmentPool(configuration: .init(), clock: clock)
        let starter = EnvironmentStarter(
            sandboxes: sandboxes,
            cells: cells,
            planner: StartPlanner(
                locator: RuntimeLocator(
                    finder: InterpreterFinder(searchPath: [directory + "-bin"]),
                    allowsNearest: false
                ),
                runtimeFiles: try RuntimeFiles(in: directory + "-runtime"),
                credentials: vendor,
                logQueue: lines,
                clock: clock,
                ids: SystemIDSource(),
                hasEndpoint: false,
                sandboxes: sandboxes
            ),
            doors: doors,
            poller: .ofTests,
            supervisor: supervisor,
            clock: clock,
            ids: SystemIDSource(),
            shelf: shelf
        )
        supply = EnvironmentSupply(
            ledger: ConcurrencyLedger(),
            pool: pool,
            starter: starter,
            supervisor: supervisor,
            clock: clock,
            logger: logger
        )
        runner = FunctionRunner(ledger: supply.ledger, supply: supply)
        taker = SnapshotTaker(shelf: shelf, supply: supply, sandboxes: sandboxes, clock: clock, logger: logger)
        version = Self.version(directory)
    }

    private static func version(_ directory: String) -> ExecutableVersion {
        ExecutableVersion(
            key: VersionKey(
                scope: Scope(account: .local, region: .usEast1),
                functionName: "f",
                version: "1",
                generation: "0123456789abcdef"
            ),
            runtime: "python3.12",
            handler: "app.handler",
            timeoutSeconds: 30,
            memoryMiB: 128,
            temporaryMiB: 512,
            environment: [:],
            role: ARN(service: "iam", region: "", account: "000000000000", resource: "role/r"),
            codePath: directory,
            layersPath: nil,
            architecture: "x86_64",
            logging: FunctionLogging(format: "Text", applicationLevel: nil, systemLevel: nil, group: "/aws/lambda/f"),
            tracingMode: "PassThrough",
            lastModified: Instant(milliseconds: 0),
            snapStarts: true
        )
    }

    /// What the function answers.
    func invoke(_ version: ExecutableVersion? = nil) async throws -> String {
        let version = version ?? self.version
        let resolved = ResolvedInvocation(version: version, invokedARN: version.key.functionARN)
        let invocation = Invocation(
            id: "11111111-2222-4333-8444-555555555555",
            payload: ByteBuffer(string: "{}"),
            invokedARN: version.key.functionARN,
            clientContext: nil,
            traceHeader: "Root=1",
            timeout: .seconds(30)
        )
        let outcome = try await runner.run(resolved, invocation, claims: ClaimedConcurrency())
        guard case .success(let body) = outcome.result.outcome else { return "\(outcome.result.outcome)" }
        return String(buffer: body)
    }

    /// By log stream, in no order of theirs.
    var logs: [[String]] { lines.streams.withLockedValue { Array($0.values) } }

    func log(beginning mark: String) throws -> [String] {
        try #require(logs.first { $0.first?.hasPrefix(mark) == true }, "no log begins with \(mark)")
    }
}
