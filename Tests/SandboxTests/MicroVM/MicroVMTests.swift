// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import SandboxMicroVM
import Testing

/// Real machines, mostly emulated: each costs some seconds, so each shows much. The whole compatibility suite runs on them
/// with MARTLET_TEST_MICROVM=all.
@Suite("microVMs", .serialized, .enabled(if: TestMachines.areThere), .timeLimit(.minutes(20))) struct MicroVMTests {
    @Test("a function has a kernel of its own, its files, its user, and nothing of the host's")
    func guest() async throws {
        try await withTemporaryDirectory { directory async throws in
            writeFile("\(directory)/code.txt", "the code")
            try await DriverKind.microvm.withDriver { driver async throws in
                let script = """
                    cat /proc/uptime | cut -d. -f1; uname -n; id -u; cat /var/task/code.txt; echo; echo $A; pwd
                    echo x 2>/dev/null >/var/task/new && echo WRITTEN
                    echo here >/tmp/file && cat /tmp/file
                    ls /; ls /sys /share 2>/dev/null; tail -n +3 /proc/net/dev | grep -vc lo:
                    echo error >&2; exit 42
                    """
                let outcome = try await driver.shell(script) {
                    $0.environment["A"] = "1=2 ü"
                    $0.workingDirectory = "/var/task"
                    $0.mounts = [SandboxMount(source: directory, target: "/var/task")]
                }
                let lines = outcome.output.split(separator: "\n").map(String.init)
                #expect(outcome.exit == .exited(status: 42))
                #expect(Int(lines.first ?? "").map { $0 < 300 } == true, "the uptime is not the host's")
                #expect(
                    Array(lines.dropFirst().prefix(6)) == ["martlet", "993", "the code", "1=2 ü", "/var/task", "here"]
                )
                #expect(!lines.contains("WRITTEN") && !lines.contains("share") && !lines.contains("export"))
                #expect(Array(lines.suffix(2)) == ["0", "error"])
                #expect(outcome.usage.memoryPeakBytes > 100_000 && outcome.usage.cpuMicroseconds > 1_000)
            }
        }
    }

    @Test("listeners, companions, connections inside, freezing and killing are as in any sandbox") func life()
        async throws
    {
        try await DriverKind.microvm.withDriver { driver async throws in
            let sandbox = try await driver.start(
                specification(["/usr/bin/python3", "-S", "-c", serveAndTick]) {
                    $0.listeners = [SandboxListener(port: 9_001)]
                    $0.isAttended = true
                }
            )
            let output = try #require(sandbox.takeOutput())
            let listener = try #require(sandbox.takeListeners().first)
            #expect(sandbox.listenerPorts == [9_001])
            #expect(await listener.acceptAndRead(answering: "hello") == "question")
            #expect(await output.readNext().hasPrefix("hello"))

            let companion = try await sandbox.startCompanion(
                CompanionSpecification(command: ["/bin/sh", "-c", "id -u; exit 7"])
            )
            #expect(await companion.takeOutput()?.readToEnd() == "993\n")
            #expect(await companion.waitForExit() == .exited(status: 7))
            let missing = await #expect(throws: SandboxError.self) {
                try await sandbox.startCompanion(CompanionSpecification(command: ["/no/such/program"]))
            }
            #expect(missing?.code == .cannotExecute)

            let inside = try await sandbox.connectInside(to: 5_000)
            #expect(await inside.becomesReadable(withinMilliseconds: 20_000))
            #expect(await inside.readNext() == "from inside")
            inside.close()

            #expect(try await sandbox.usage().memoryPeakBytes > 1 << 20)
            try await sandbox.setCPUShare(CPUShare(cpus: 0.8))
            try await sandbox.freeze()
            while await output.becomesReadable(withinMilliseconds: 100) { _ = await output.readNext() }
            #expect(await !output.becomesReadable(withinMilliseconds: 300))
            #expect(try await sandbox.usage().memoryPeakBytes > 1 << 20)
            try await sandbox.thaw()
            #expect(await output.becomesReadable(withinMilliseconds: 20_000))

            await sandbox.kill()
            #expect(await sandbox.waitForExit() == .killed)
            await #expect(throws: SandboxError.self) { try await sandbox.freeze() }
            [output, listener].closeAll()
        }
    }

    @Test("a machine of Firecracker's is the same to its function")
    func firecracker() async throws {
        try await withTemporaryDirectory { directory async throws in
            writeFile("\(directory)/code.txt", "the code")
            let driver = MicroVMDriver(TestMachines.fakeFirecracker, jailerCommand: jailerCommand)
            let sandbox = try await driver.start(
                specification(["/usr/bin/python3", "-S", "-c", serveAndTick]) {
                    $0.listeners = [SandboxListener(port: 9_001)]
                    $0.mounts = [SandboxMount(source: directory, target: "/var/task")]
                    $0.isAttended = true
                }
            )
            let output = try #require(sandbox.takeOutput())
            let listener = try #require(sandbox.takeListeners().first)
            #expect(await listener.acceptAndRead(answering: "hello") == "question")
            #expect(await output.readNext().hasPrefix("hello"))
            let companion = try await sandbox.startCompanion(
                CompanionSpecification(command: ["/bin/sh", "-c", "cat /var/task/code.txt; exit 7"])
            )
            #expect(await companion.takeOutput()?.readToEnd() == "the code")
            #expect(await companion.waitForExit() == .exited(status: 7))
            await sandbox.kill()
            [output, listener].closeAll()
            await driver.shutDown()
        }
    }

    @Test("all of a large output arrives, and what the memory limit ends is told as such") func outOfMemory()
        async throws
    {
        try await DriverKind.microvm.withDriver { driver async throws in
            let script = "print('x' * 3_000_000, flush=True)\nx = []\nwhile True: x.append(b'y' * (1 << 20))"
            let outcome = try await driver.python(script) { $0.limits.memoryBytes = 64 << 20 }
            #expect(outcome.output.utf8.count == 3_000_001)
            #expect(outcome.exit == .outOfMemory)
        }
    }

    @Test("an image is the function's root", .enabled(if: access("/bin/busybox", X_OK) == 0)) func image() async throws
    {
        try await withTemporaryDirectory { directory async throws in
            try #require(system("mkdir '\(directory)/bin' && cp /bin/busybox '\(directory)/bin/'") == 0)
            try await DriverKind.microvm.withDriver { driver async throws in
                let outcome = try await driver.run(["/bin/busybox", "ls", "/", "/bin"]) {
                    $0.root = .directory(directory)
                }
                #expect(outcome.output == "/:\nbin\ndev\netc\nproc\ntmp\n\n/bin:\nbusybox\n")
            }
        }
    }

    @Test("a command that is missing is refused by name, and a machine that dies takes its function along")
    func failures() async throws {
        try await DriverKind.microvm.withDriver { driver async throws in
            let error = await #expect(throws: SandboxError.self) {
                try await driver.start(specification(["/no/such/program"]))
            }
            #expect(error?.code == .cannotExecute && error?.message.contains("/no/such/program") == true)
            let sandbox = try await driver.start(specification(["/bin/sleep", "600"]))
            await driver.shutDown()
            #expect(await sandbox.waitForExit() == .killed)
        }
    }
}

private let serveAndTick = """
    import socket, threading, time
    server = socket.create_server(('127.0.0.1', 5000))
    threading.Thread(target=lambda: server.accept()[0].sendall(b'from inside'), daemon=True).start()
    s = socket.create_connection(('127.0.0.1', 9001), 20)
    s.sendall(b'question')
    s.shutdown(socket.SHUT_WR)
    print(s.makefile().read(), flush=True)
    while True:
        print('tick', flush=True)
        time.sleep(0.02)
    """
