// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Sandbox
import Testing

@testable import Lambda

/// Where the extensions are the test's own connections.
final class BenchSandbox: FakeSandbox {
    let id: SandboxID
    let process = FakeProcess()
    let companions = NIOLockedValueBox<[String: FakeProcess]>([:])
    let calls = NIOLockedValueBox<[String]>([])

    init(_ id: SandboxID) { self.id = id }

    func connectInside(to port: UInt16) async throws -> LinuxSystem.FileDescriptor {
        let socket = try LinuxSystem.FileDescriptor.tcpSocket()
        try socket.beginConnecting(toLoopback: port)
        return socket
    }

    func startCompanion(_ companion: CompanionSpecification) async throws -> any SandboxCompanion {
        let process = FakeProcess()
        companions.withLockedValue { $0[companion.command[0]] = process }
        return process
    }

    func terminate(byForce: Bool) async throws {
        calls.withLockedValue { $0.append(byForce ? "force" : "ask") }
        process.end(.signalled(byForce ? SIGKILL : SIGTERM))
    }

    func kill() async {
        calls.withLockedValue { $0.append("kill") }
        process.end(.killed)
        for process in companions.withLockedValue({ Array($0.values) }) { process.end(.signalled(SIGKILL)) }
    }
}

final class BenchLines: LogQueue {
    let lines = NIOLockedValueBox<[String]>([])

    func enqueue(_ records: [LogRecord], group: String, stream: String, scope: Scope) {
        lines.withLockedValue { $0 += records.map(\.message) }
    }
}

/// One environment with its Runtime API on a socket of this host, and nothing behind it but the test.
struct ExtensionBench {
    let sandbox: BenchSandbox
    let environment: ExecutionEnvironment
    let queue = BenchLines()
    let endpoint: Endpoint

    /// `isHeld`: the runtime waits for the extensions.
    static func run(
        _ extensions: [String] = ["ext"],
        isHeld: Bool = false,
        _ body: (ExtensionBench) async throws -> Void
    ) async throws {
        let supervisor = Supervisor()
        let listener = try LinuxSystem.FileDescriptor.listeningOnLoopback()
        let bench = ExtensionBench(
            sandbox: BenchSandbox(try #require(SandboxID("bench"))),
            supervisor,
            port: Int(try listener.localPort())
        )
        let server = try await RuntimeAPIServer(
            listener: listener,
            on: bench.environment.eventLoop,
            delegate: bench.environment
        )
        defer { server.close() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await supervisor.run() }
            supervisor.submit { await bench.environment.run() }
            bench.environment.expectExtensions(extensions, holdsRuntime: isHeld)
            await bench.environment.launchExtensions(extensions, environment: [:])
            do {
                try await body(bench)
            } catch {
                await bench.end()
                group.cancelAll()
                throw error
            }
            await bench.end()
            group.cancelAll()
        }
    }

    private init(sandbox: BenchSandbox, _ supervisor: Supervisor, port: Int) {
        let key = VersionKey(
            scope: Scope(account: .local, region: .usEast1),
            functionName: "f",
            version: "3",
            generation: "1"
        )
        self.sandbox = sandbox
        endpoint = Endpoint(host: "127.0.0.1", port: port)
        let clock = SystemClock()
        let log = EnvironmentLog(group: "g", stream: "s", scope: key.scope, queue: queue, clock: clock)
        environment = ExecutionEnvironment(
            key: key,
            sandbox: sandbox,
            log: log,
            poller: .ofTests,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            clock: clock,
            supervisor: supervisor,
            startedMicroseconds: 0,
            handler: "app.handler"
        )
    }

    /// Its extensions leave when they are asked to.
    private func end() async {
        async let stopped: Void = environment.stop()
        for process in sandbox.companions.withLockedValue({ Array($0.values) }) { process.end(.exited(status: 0)) }
        await stopped
    }

    /// Sends a request; the answer is the connection's to receive.
    func begin(_ line: String, _ headers: String = "", body: String = "") async throws -> RawConnection {
        let connection = try await RawConnection(to: endpoint)
        try await connection.send(
            "\(line) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        )
        return connection
    }

    func call(_ line: String, _ headers: String = "", body: String = "") async throws -> String {
        try await begin(line, headers, body: body).receiveText()
    }

    /// The identifier.
    func register(_ name: String = "ext", _ events: String = #""INVOKE","SHUTDOWN""#) async throws -> String {
        let answer = try await call(
            "POST /2020-01-01/extension/register",
            "Lambda-Extension-Name: \(name)\r\n",
            body: #"{"events":[\#(events)]}"#
        )
        let line = answer.split(separator: "\r\n").first { $0.lowercased().hasPrefix("lambda-extension-identifier: ") }
        return String(try #require(line, "\(answer)").dropFirst("lambda-extension-identifier: ".count))
    }

    func next(_ id: String) async throws -> RawConnection {
        try await begin("GET /2020-01-01/extension/event/next", "Lambda-Extension-Identifier: \(id)\r\n")
    }

    func runtimeNext() async throws -> RawConnection { try await begin("GET /2018-06-01/runtime/invocation/next") }

    var invocation: Invocation {
        Invocation(
            id: "11111111-2222-4333-8444-555555555555",
            payload: ByteBuffer(string: "{}"),
            invokedARN: environment.key.functionARN,
            clientContext: nil,
            traceHeader: "Root=1",
            timeout: .seconds(30)
        )
    }
}
