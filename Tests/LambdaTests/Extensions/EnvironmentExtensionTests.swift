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

/// A process that ends when the test says so.
private final class FakeProcess: SandboxCompanion {
    private let state = NIOLockedValueBox<(exit: SandboxExit?, waiters: [CheckedContinuation<SandboxExit, Never>])>(
        (nil, [])
    )

    func takeOutput() -> LinuxSystem.FileDescriptor? { nil }

    func end(_ exit: SandboxExit) {
        let waiters = state.withLockedValue { state in
            if state.exit == nil { state.exit = exit }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: exit) }
    }

    func waitForExit() async -> SandboxExit {
        await withCheckedContinuation { continuation in
            let exit = state.withLockedValue { state in
                if state.exit == nil { state.waiters.append(continuation) }
                return state.exit
            }
            if let exit { continuation.resume(returning: exit) }
        }
    }
}

/// Where the extensions are the test's own connections.
private final class FakeSandbox: Sandbox {
    let id: SandboxID
    let first = FakeProcess()
    let companions = NIOLockedValueBox<[String: FakeProcess]>([:])
    let calls = NIOLockedValueBox<[String]>([])

    init(_ id: SandboxID) { self.id = id }

    func takeListeners() -> [LinuxSystem.FileDescriptor] { [] }
    func takeOutput() -> LinuxSystem.FileDescriptor? { nil }
    func claim(_ claim: SandboxClaim) async throws {}
    func setCPUShare(_ share: CPUShare?) async throws {}
    func freeze() async throws {}
    func thaw() async throws {}
    func usage() async throws -> SandboxUsage { SandboxUsage(memoryPeakBytes: 0, memoryBytes: 0, cpuMicroseconds: 0) }
    func waitForExit() async -> SandboxExit { await first.waitForExit() }
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
        first.end(.signalled(byForce ? SIGKILL : SIGTERM))
    }

    func kill() async {
        calls.withLockedValue { $0.append("kill") }
        first.end(.killed)
        for process in companions.withLockedValue({ Array($0.values) }) { process.end(.signalled(SIGKILL)) }
    }
}

private final class LineQueue: LogQueue {
    let lines = NIOLockedValueBox<[String]>([])

    func enqueue(_ records: [LogRecord], group: String, stream: String, scope: Scope) {
        lines.withLockedValue { $0 += records.map(\.message) }
    }
}

/// One environment with its Runtime API on a socket of this host, and nothing behind it but the test.
private struct Bench {
    let sandbox: FakeSandbox
    let environment: ExecutionEnvironment
    let queue = LineQueue()
    let endpoint: Endpoint

    static func run(_ extensions: [String] = ["ext"], _ body: (Bench) async throws -> Void) async throws {
        let supervisor = Supervisor()
        let listener = try LinuxSystem.FileDescriptor.listeningOnLoopback()
        let bench = Bench(
            sandbox: FakeSandbox(try #require(SandboxID("bench"))),
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
            bench.environment.expectExtensions(extensions)
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

    private init(sandbox: FakeSandbox, _ supervisor: Supervisor, port: Int) {
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
        // A poller's thread lives as long as the process: one for all tests.
        environment = ExecutionEnvironment(
            key: key,
            sandbox: sandbox,
            log: log,
            poller: Self.poller,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            clock: clock,
            supervisor: supervisor,
            startedMicroseconds: 0,
            handler: "app.handler"
        )
    }

    private static let poller: OutputPoller = {
        do { return try OutputPoller() } catch { preconditionFailure("no epoll on this host: \(error)") }
    }()

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

@Suite("An environment with extensions", .timeLimit(.minutes(2))) struct EnvironmentExtensionTests {
    @Test("the init phase ends when the runtime and the extensions have asked, and the log says so")
    func initPhase() async throws {
        try await Bench.run { bench in
            let runtime = try await bench.runtimeNext()
            let id = try await bench.register()
            #expect(bench.environment.takeStart() == nil)
            let held = try await bench.next(id)
            guard case .ready = await bench.environment.initialized(within: .seconds(60)) else {
                Issue.record("the init phase must end well")
                return
            }
            let lines = bench.queue.lines.withLockedValue { $0 }
            #expect(lines == ["EXTENSION\tName: ext\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"])
            let late = try await bench.call(
                "POST /2020-01-01/extension/register",
                "Lambda-Extension-Name: late\r\n",
                body: #"{"events":[]}"#
            )
            #expect(late.hasPrefix("HTTP/1.1 403"))
            #expect(late.contains("Extension.RegistrationClosed"))
            _ = (runtime, held)
        }
    }

    @Test("an invocation goes to both, and is over when the extension asks again")
    func invoke() async throws {
        try await Bench.run { bench in
            let runtime = try await bench.runtimeNext()
            let id = try await bench.register()
            let held = try await bench.next(id)
            _ = await bench.environment.initialized(within: .seconds(60))
            async let result = bench.environment.invoke(bench.invocation)
            #expect(try await runtime.receiveText().hasSuffix("\r\n\r\n{}"))
            #expect(try await held.receiveText().contains(#""eventType":"INVOKE""#))
            _ = try await bench.call(
                "POST /2018-06-01/runtime/invocation/\(bench.invocation.id)/response",
                body: "42"
            )
            guard case .success = await result.outcome else {
                Issue.record("the answer is the runtime's")
                return
            }
            let settling = try #require(bench.environment.settling())
            #expect(!settling.isOpen)
            let again = try await bench.next(id)
            #expect(await settling.wait(atMost: .seconds(60), on: bench.environment.eventLoop))
            #expect(bench.environment.settling() == nil)
            _ = again
        }
    }

    @Test("an extension that ends spoils what is under way, with its exit as the reason")
    func crash() async throws {
        try await Bench.run { bench in
            let runtime = try await bench.runtimeNext()
            let held = try await bench.next(try await bench.register())
            _ = await bench.environment.initialized(within: .seconds(60))
            async let result = bench.environment.invoke(bench.invocation)
            _ = try await held.receiveText()
            bench.sandbox.companions.withLockedValue { $0.values.first }?.end(.exited(status: 2))
            guard case .failure(let error) = await result.outcome else {
                Issue.record("the invocation must fail")
                return
            }
            #expect(error.errorType == "Extension.Crash")
            #expect(String(buffer: error.payload).contains("Error: exit code 2"))
            #expect(!bench.environment.isUsable)
            _ = runtime
        }
    }

    @Test("an extension that ends before it registers fails the init phase")
    func crashInInit() async throws {
        try await Bench.run { bench in
            bench.sandbox.companions.withLockedValue { $0.values.first }?.end(.signalled(SIGSEGV))
            guard case .failed(let failure) = await bench.environment.initialized(within: .seconds(60)) else {
                Issue.record("the init phase must fail")
                return
            }
            #expect(failure.errorType == "Extension.Crash")
            #expect(failure.message == "signal: segmentation fault")
        }
    }

    @Test("the shutdown phase asks the runtime first, then tells the extension, and ends when that has ended")
    func shutdown() async throws {
        try await Bench.run { bench in
            let runtime = try await bench.runtimeNext()
            let held = try await bench.next(try await bench.register())
            _ = await bench.environment.initialized(within: .seconds(60))
            async let stopped: Void = bench.environment.stop()
            let event = try await held.receiveText()
            #expect(event.contains(#""eventType":"SHUTDOWN","shutdownReason":"spindown","deadlineMs":"#))
            bench.sandbox.companions.withLockedValue { $0.values.first }?.end(.exited(status: 0))
            await stopped
            #expect(bench.sandbox.calls.withLockedValue { $0.prefix(3) } == ["ask", "force", "kill"])
            _ = runtime
        }
    }

    @Test("an internal extension leaves the runtime half a second, and one without any none")
    func internalShutdown() async throws {
        try await Bench.run([]) { bench in
            _ = try await bench.register("inside", #""INVOKE""#)
            await bench.environment.stop()
            #expect(bench.sandbox.calls.withLockedValue { $0.first } == "ask")
        }
        try await Bench.run([]) { bench in
            await bench.environment.stop()
            #expect(bench.sandbox.calls.withLockedValue { $0.first } == "kill")
        }
    }

    /// Calls that are right but for the identifier, which nobody has, and for who registers.
    static let calls: [String] = {
        let identifier = "Lambda-Extension-Identifier: 11111111-2222-4333-8444-555555555555\r\n"
        let subscription =
            #"{"schemaVersion":"2022-12-13","types":["platform"],"buffering":{"timeoutMs":25,"maxItems":1000},"#
            + #""destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:9/x"}}"#
        let calls = [
            ("PUT /2022-07-01/telemetry", identifier, subscription), ("PUT /2020-08-15/logs", identifier, subscription),
            (
                "POST /2020-01-01/extension/register", "Lambda-Extension-Name: x\r\n",
                #"{"events":["INVOKE","SHUTDOWN"]}"#
            ),
            ("GET /2020-01-01/extension/event/next", identifier, ""),
            (
                "POST /2020-01-01/extension/exit/error",
                identifier + "Lambda-Extension-Function-Error-Type: A.B\r\n", "{}"
            ),
        ]
        return calls.map { line, headers, body in
            "\(line) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
    }()

    @Test("ten thousand broken calls of each kind leave the extensions' APIs healthy", arguments: calls)
    func rubbish(call: String) async throws {
        try await Bench.run { bench in
            try await Rubbish.send(10_000, like: call, to: bench.endpoint)
            let id = try await bench.register()
            #expect(id.utf8.count == 36)
            for (headers, expected) in [
                ("", "Extension.MissingExtensionIdentifier"),
                ("Lambda-Extension-Identifier: x\r\n", "Extension.InvalidExtensionIdentifier"),
                ("Lambda-Extension-Identifier: \(bench.invocation.id)\r\n", "Extension.UnknownExtensionIdentifier"),
            ] {
                let answer = try await bench.call("GET /2020-01-01/extension/event/next", headers)
                #expect(answer.hasPrefix("HTTP/1.1 403"))
                #expect(answer.contains(expected))
            }
            let error = try await bench.call(
                "POST /2020-01-01/extension/exit/error",
                "Lambda-Extension-Identifier: \(id)\r\n"
            )
            #expect(error.contains("Extension.MissingHeader"))
        }
    }
}
