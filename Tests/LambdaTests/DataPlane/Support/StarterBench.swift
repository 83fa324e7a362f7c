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

/// A sandbox without a process, whose sockets are real.
final class HollowSandbox: FakeSandbox {
    private struct State {
        var listeners: [LinuxSystem.FileDescriptor]
        var claims = 0
    }

    let id: SandboxID
    let awaitsClaim: Bool
    let ports: [Int]
    let process = FakeProcess()
    private let driver: HollowDriver
    private let state: NIOLockedValueBox<State>

    init(_ specification: SandboxSpecification, _ driver: HollowDriver) throws {
        (id, awaitsClaim, self.driver) = (specification.id, specification.awaitsClaim, driver)
        let listeners = try specification.listeners.map { _ in
            try LinuxSystem.FileDescriptor.listeningOnLoopback()
        }
        ports = try listeners.map { Int(try $0.localPort()) }
        state = NIOLockedValueBox(State(listeners: listeners))
    }

    var isKilled: Bool { process.exit != nil }
    var claims: Int { state.withLockedValue { $0.claims } }

    func takeListeners() -> [LinuxSystem.FileDescriptor] {
        state.withLockedValue { state in
            defer { state.listeners = [] }
            return state.listeners
        }
    }

    func claim(_ claim: SandboxClaim) async throws {
        state.withLockedValue { $0.claims += 1 }
        if let error = driver.state.withLockedValue({ $0.claimError }) { throw error }
    }

    func begin(_ request: String) async throws -> RawConnection {
        let connection = try await RawConnection(to: Endpoint(host: "127.0.0.1", port: ports[0]))
        try await connection.send("\(request) HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection
    }

    /// Returns when nothing listens any more.
    func untilClosed() async {
        for port in ports {
            while (try? await RawConnection(to: Endpoint(host: "127.0.0.1", port: port))) != nil { await Task.yield() }
        }
    }
}

final class HollowDriver: SandboxDriver {
    struct State {
        var sandboxes: [HollowSandbox] = []
        var claimError: SandboxError?
    }

    let name = "hollow"
    let mountsLate = true
    let restores = false
    let guarantee = "none"
    let state = NIOLockedValueBox(State())
    let started: AsyncStream<HollowSandbox>
    private let start: AsyncStream<HollowSandbox>.Continuation

    init() { (started, start) = AsyncStream.makeStream() }

    var sandboxes: [HollowSandbox] { state.withLockedValue { $0.sandboxes } }

    func examineHost() async -> [HostCheck] { [] }
    func shutDown() async {}
    func openSnapshot(at folder: String) async -> (any SandboxSnapshot)? { nil }

    func start(_ specification: SandboxSpecification) async throws -> any Sandbox {
        let sandbox = try HollowSandbox(specification, self)
        state.withLockedValue { $0.sandboxes.append(sandbox) }
        start.yield(sandbox)
        return sandbox
    }

    func restore(
        _ snapshot: any SandboxSnapshot,
        _ specification: SandboxSpecification
    ) async throws -> any Sandbox {
        throw SandboxError(.hostLacks, "no snapshots")
    }
}

/// An endpoint that can be out of order.
final class FakeGateway: EndpointGateway {
    let isBroken = NIOLockedValueBox(false)
    let open = NIOLockedValueBox(0)

    func serve(listener: LinuxSystem.FileDescriptor) async throws -> @Sendable () -> Void {
        guard !isBroken.withLockedValue({ $0 }) else {
            listener.close()
            throw MartletError("gateway.closed", "the front door does not stand yet")
        }
        open.withLockedValue { $0 += 1 }
        return { [open] in
            open.withLockedValue { $0 -= 1 }
            listener.close()
        }
    }
}

/// Starts environments of one custom runtime over the hollow driver, with one stem cell.
struct StarterBench: Sendable {
    let driver = HollowDriver()
    let gateway = FakeGateway()
    let clock = MemoryClock()
    let cells: StemCells
    let supply: EnvironmentSupply
    let version: ExecutableVersion

    var starter: EnvironmentStarter { supply.starter }

    private struct NoLogs: LogQueue {
        func enqueue(_ records: [LogRecord], group: String, stream: String, scope: Scope) {}
    }

    static func run(
        pool: EnvironmentPool.Configuration = .init(),
        _ body: @escaping @Sendable (StarterBench) async throws -> Void
    ) async throws {
        let files = try DirectoryFileStore.temporary()
        let supervisor = Supervisor()
        let bench = try StarterBench(files.root, supervisor, pool)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await supervisor.run() }
            group.addTask { try await bench.cells.run() }
            let result: Result<Void, any Error>
            do { result = .success(try await body(bench)) } catch { result = .failure(error) }
            for sandbox in bench.driver.sandboxes { await sandbox.kill() }
            group.cancelAll()
            try result.get()
        }
        await files.close()
    }

    private init(_ directory: String, _ supervisor: Supervisor, _ pool: EnvironmentPool.Configuration) throws {
        let (logger, ids) = (Logger(label: "test"), SystemIDSource())
        let doors = DoorKeeper(gateway: gateway, eventLoops: MultiThreadedEventLoopGroup.singleton)
        var configuration = StemCellStock.Configuration()
        configuration.leastOfKind = 1
        configuration.mostOfKind = 1
        cells = StemCells(
            configuration,
            driver: driver,
            doors: doors,
            supervisor: supervisor,
            clock: clock,
            ids: ids,
            logger: logger
        )
        let starter = EnvironmentStarter(
            sandboxes: FunctionSandboxes(ofOthers: driver),
            cells: cells,
            planner: StartPlanner(
                locator: RuntimeLocator(finder: InterpreterFinder(searchPath: []), allowsNearest: false),
                runtimeFiles: try RuntimeFiles(in: directory + "-runtime"),
                credentials: CountingVendor(clock: clock),
                logQueue: NoLogs(),
                clock: clock,
                ids: ids,
                hasEndpoint: true,
                sandboxes: FunctionSandboxes(ofOthers: driver)
            ),
            doors: doors,
            poller: .ofTests,
            supervisor: supervisor,
            clock: clock,
            ids: ids
        )
        supply = EnvironmentSupply(
            ledger: ConcurrencyLedger(),
            pool: EnvironmentPool(configuration: pool, clock: clock),
            starter: starter,
            supervisor: supervisor,
            clock: clock,
            logger: logger
        )
        version = ExecutableVersion(
            key: VersionKey(
                scope: Scope(account: .local, region: .usEast1),
                functionName: "f",
                version: "1",
                generation: "0123456789abcdef"
            ),
            runtime: "provided.al2023",
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
            lastModified: Instant(milliseconds: 0)
        )
    }

    /// The stem cell, once it waits.
    func cell() async throws -> HollowSandbox {
        starter.expect(version)
        // One looks, one pauses before it boots.
        await clock.untilSleepers(2)
        await clock.advance(by: .milliseconds(20))
        while cells.figures.waiting == 0 { await Task.yield() }
        return try #require(driver.sandboxes.first)
    }
}
