// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Logging
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOPosix
import Sandbox
import Storage
import Testing

@testable import Lambda

@Suite("Python compiled ahead") struct PythonCompilerTests {
    private let source = String(repeating: "# a line of source\n", count: 300)

    @Test("what the sandbox answers for files of the package is kept, under the package's name and the interpreter's")
    func kept() async throws {
        try await run(CompiledFrames.of([("a.py", "code of a"), ("b/c.py", "code of c"), ("no-such.py", "x")])) {
            ground in
            try ground.write("a.py", source)
            try ground.write("b/c.py", source)
            #expect(ground.compiler.mounts(for: try ground.version, ground.interpreter) == [])
            try await ground.compiler.compile(ground.job())
            let mounts = ground.compiler.mounts(for: try ground.version, ground.interpreter)
            #expect(mounts.map(\.target) == ["/var/martlet/compiled/task"])
            #expect(mounts.allSatisfy { $0.isReadOnly })
            let place = try #require(mounts.first).source
            #expect(ground.text("\(place)/a.pyc") == "code of a")
            #expect(ground.text("\(place)/b/c.pyc") == "code of c")
            #expect(!HostPath("\(place)/no-such.pyc").exists)
        }
    }

    @Test("the compiler sees the package read-only, where the function sees it, and has limits")
    func specification() async throws {
        try await run(CompiledFrames.of([])) { ground in
            try ground.write("a.py", source)
            try await ground.compiler.compile(ground.job())
            let specification = try #require(ground.driver.started.first)
            #expect(specification.mounts.contains(SandboxMount(source: ground.package, target: "/var/task")))
            #expect(specification.mounts.allSatisfy { $0.isReadOnly })
            #expect(specification.command.first == ground.interpreter.path)
            #expect(specification.network == .none && specification.listeners.isEmpty)
            #expect(specification.limits.memoryBytes == 512 << 20)
        }
    }

    @Test("a function's code is compiled in a sandbox of its own kind")
    func kinds() async throws {
        try await run([]) { ground in
            try ground.write("a.py", source)
            var job = ground.job()
            job.function = try ground.version.key
            job.function?.functionName = "hostile-1"
            try await ground.compiler.compile(job)
            #expect(ground.driver.started.isEmpty && ground.hostileDriver.started.count == 1)
            #expect(ground.text("\(job.place)/a.pyc") == "x")
        }
    }

    @Test("a link in the package takes no code")
    func link() async throws {
        try await run(CompiledFrames.of([("a.py", "x"), ("link.py", "y"), ("a.py/b.py", "z")])) { ground in
            try ground.write("a.py", source)
            symlink("a.py", "\(ground.package)/link.py")
            try await ground.compiler.compile(ground.job())
            let place = ground.job().place
            #expect(ground.text("\(place)/a.pyc") == "x")
            #expect(!HostPath("\(place)/link.pyc").exists)
        }
    }

    @Test("a stream that goes wrong keeps what was good before")
    func partly() async throws {
        try await run(CompiledFrames.frame("a.py", "x") + CompiledFrames.frame("../b.py", "y")) { ground in
            try ground.write("a.py", source)
            try await ground.compiler.compile(ground.job())
            #expect(ground.text("\(ground.job().place)/a.pyc") == "x")
        }
    }

    @Test("a compiler that dies half-way leaves what it had done; one that the server ends leaves nothing")
    func died() async throws {
        try await run(CompiledFrames.frame("a.py", "x"), exit: .outOfMemory) { ground in
            try ground.write("a.py", source)
            try await ground.compiler.compile(ground.job())
            #expect(ground.text("\(ground.job().place)/a.pyc") == "x")
        }
        try await run(CompiledFrames.frame("a.py", "x"), exit: .killed) { ground in
            try ground.write("a.py", source)
            await #expect(throws: SandboxError.self) { try await ground.compiler.compile(ground.job()) }
            #expect(!HostPath(ground.job().place).exists)
            #expect(try HostPath("\(ground.root)/unfinished").names().isEmpty)
        }
    }

    @Test("little source starts no sandbox")
    func little() async throws {
        try await run(CompiledFrames.of([("a.py", "x")])) { ground in
            try ground.write("a.py", "def handler(e, c): return e")
            try await ground.compiler.compile(ground.job())
            #expect(ground.driver.started.isEmpty)
            #expect(HostPath(ground.job().place).exists)
            #expect(ground.compiler.mounts(for: try ground.version, ground.interpreter) == [])
        }
    }

    @Test("what was compiled leaves with its package")
    func leaves() async throws {
        try await run(CompiledFrames.of([("a.py", "x")])) { ground in
            try ground.write("a.py", source)
            try await ground.compiler.compile(ground.job())
            #expect(HostPath(ground.job().place).isDirectory)
            try CompiledCode(directory: ground.root).remove(named: "package")
            #expect(!HostPath(ground.job().place).exists)
        }
    }

    @Test("another interpreter at the same place is another interpreter")
    func names() async throws {
        try await run([]) { ground in
            let path = "\(ground.root)/python"
            try HostPath(path).createFile(mode: 0o755) { _ in }
            let interpreter = Interpreter(path: path, prefixes: [], version: "3.12")
            let first = CompiledCode.name(of: interpreter)
            try HostPath(path).remove()
            try HostPath(path).createFile(mode: 0o755) { append in try [1].withUnsafeBytes(append) }
            #expect(first != nil && CompiledCode.name(of: interpreter) != first)
            #expect(CompiledCode.name(of: Interpreter(path: "/no/such", prefixes: [], version: "3.12")) == nil)
        }
    }

    @Test("a library that came without compiled files is known; one with them, or none at all, needs nothing")
    func library() async throws {
        try await run([]) { ground in
            let interpreter = Interpreter(path: "\(ground.root)/bin/python3.99", prefixes: [], version: "3.99")
            #expect(HostLibrary.uncompiled(of: interpreter) == nil)
            let library = HostPath("\(ground.root)/lib/python3.99")
            try library.appending("__pycache__").makeDirectories()
            try library.appending("os.py").createFile(mode: 0o644) { _ in }
            #expect(HostLibrary.uncompiled(of: interpreter) == library.description)
            try library.appending("__pycache__/os.cpython-399.pyc").createFile(mode: 0o644) { _ in }
            #expect(HostLibrary.uncompiled(of: interpreter) == nil)
        }
    }

    @Test("the bootstrap hears of each place apart, in order, the missing ones empty")
    func variable() async throws {
        try await run([]) { ground in
            let plan = LaunchPlan(
                try ground.version,
                runtime: RuntimeChoice(interpreter: ground.interpreter, isNearest: false, displayName: "python:3.99"),
                runtimeFiles: "/runtime",
                instance: LaunchPlan.Instance(
                    credentials: SessionCredentials(
                        accessKeyID: "a",
                        secretAccessKey: "b",
                        sessionToken: "c",
                        expiresAt: Instant(milliseconds: 0)
                    ),
                    logStream: "s",
                    runtimeAPI: "127.0.0.1:9001",
                    bootstrap: "/var/runtime/python.py",
                    compiled: [SandboxMount(source: "/x", target: "/var/martlet/compiled/opt")]
                )
            )
            #expect(plan.environment["MARTLET_COMPILED"] == ":/var/martlet/compiled/opt:")
            #expect(plan.mounts.last == SandboxMount(source: "/x", target: "/var/martlet/compiled/opt"))
        }
    }

    // MARK: Ground

    private func run(
        _ output: [UInt8],
        exit: SandboxExit = .exited(status: 0),
        _ body: (Ground) async throws -> Void
    ) async throws {
        let ground = try Ground(ScriptedDriver(output: output, exit: exit))
        try await body(ground)
        try HostPath(ground.root).remove()
    }

    private struct Ground {
        let root: String
        let driver: ScriptedDriver
        let hostileDriver = ScriptedDriver(
            output: CompiledFrames.of([("a.py", "x")]),
            exit: .exited(status: 0)
        )
        let compiler: PythonCompiler
        let interpreter = Interpreter(path: "/bin/sh", prefixes: [], version: "3.99")
        var package: String { "\(root)/unpacked/package" }

        init(_ driver: ScriptedDriver) throws {
            var template = Array("/tmp/martlet-compiler-XXXXXX".utf8CString)
            _ = try #require(mkdtemp(&template))
            root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            self.driver = driver
            try HostPath("\(root)/unpacked/package").makeDirectories()
            compiler = PythonCompiler(
                sandboxes: FunctionSandboxes(
                    ofOthers: driver,
                    rules: [.init(pattern: FunctionPattern(text: "hostile-*"), choice: hostileDriver)]
                ),
                runtimeFiles: root,
                directory: root,
                eventLoops: MultiThreadedEventLoopGroup.singleton,
                clock: MemoryClock(),
                ids: SystemIDSource(),
                logger: Logger(label: "test")
            )
        }

        func write(_ path: String, _ text: String) throws {
            let place = HostPath("\(package)/\(path)")
            try place.parent.makeDirectories()
            try place.createFile(mode: 0o644) { append in try Array(text.utf8).withUnsafeBytes(append) }
        }

        func text(_ path: String) -> String? {
            HostPath(path).contents(limit: 1_000).map { String(decoding: $0, as: UTF8.self) }
        }

        func job() -> PythonCompiler.Job {
            PythonCompiler.Job(
                source: package,
                target: "/var/task",
                interpreter: .init(path: interpreter.path, prefixes: []),
                place: CompiledCode(directory: root)
                    .place(of: package, for: CompiledCode.name(of: interpreter) ?? "").description
            )
        }

        var version: ExecutableVersion {
            get throws {
                ExecutableVersion(
                    key: VersionKey(
                        scope: Scope(account: .local, region: .usEast1),
                        functionName: "f",
                        version: "$LATEST",
                        generation: "1"
                    ),
                    runtime: "python3.12",
                    handler: "a.handler",
                    timeoutSeconds: 3,
                    memoryMiB: 128,
                    temporaryMiB: 512,
                    environment: [:],
                    role: try #require(ARN("arn:aws:iam::000000000000:role/r")),
                    codePath: package,
                    layersPath: nil,
                    architecture: "x86_64",
                    logging: FunctionLogging(format: "Text", group: "/aws/lambda/f"),
                    tracingMode: "PassThrough",
                    lastModified: Instant(milliseconds: 0)
                )
            }
        }
    }
}

/// A driver whose sandboxes have written `output` when they start, and ended so.
final class ScriptedDriver: SandboxDriver {
    let mountsLate = false
    let name = "scripted"
    let guarantee = "none"
    private let output: [UInt8]
    private let exit: SandboxExit
    private let specifications = NIOLockedValueBox<[SandboxSpecification]>([])

    init(output: [UInt8], exit: SandboxExit) { (self.output, self.exit) = (output, exit) }

    var started: [SandboxSpecification] { specifications.withLockedValue { $0 } }

    func examineHost() async -> [HostCheck] { [] }
    func shutDown() async {}

    func start(_ specification: SandboxSpecification) async throws -> any Sandbox {
        specifications.withLockedValue { $0.append(specification) }
        var ends: [Int32] = [0, 0]
        // What the tests write fits into the pipe.
        guard pipe(&ends) == 0, write(ends[1], output, output.count) == output.count else {
            throw SandboxError(.failed, "no pipe")
        }
        close(ends[1])
        return ScriptedSandbox(id: specification.id, output: FileDescriptor(ends[0]), exit: exit)
    }
}

struct ScriptedSandbox: FakeSandbox {
    let id: SandboxID
    let process = FakeProcess()
    let output: FileDescriptor
    let exit: SandboxExit

    func takeOutput() -> FileDescriptor? { output }
    func kill() async {}
    func waitForExit() async -> SandboxExit { exit }
}
