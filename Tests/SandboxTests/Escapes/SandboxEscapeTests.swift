// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

/// Hostile functions. Each prints what it has reached, and nothing when it has reached nothing.
@Suite("Sandbox escape attempts") struct SandboxEscapeTests {
    @Test("what a function may not do fails", arguments: await DriverKind.isolating(), EscapeAttempt.all)
    func attempt(kind: DriverKind, attempt: EscapeAttempt) async throws {
        guard !attempt.needsOtherNumbers else {
            withKnownIssue("the numbers of the system calls are x86-64's, so nothing is tried") {
                Issue.record("\(attempt.name) is not tried on this processor")
            }
            return
        }
        try await withTemporaryDirectory { directory async throws in
            writeFile(directory + "/secret", "the server's secret", mode: 0o666)
            try await kind.withDriver { driver async throws in
                let outcome = try await driver.python(EscapeAttempt.prelude + attempt.script) {
                    $0.environment["SECRET_DIRECTORY"] = directory
                    $0.environment["SERVER_PID"] = "\(getpid())"
                }
                #expect(outcome.output == "", "\(attempt.name)")
                // The attempt itself ran to its end.
                #expect(outcome.exit == .exited(status: 0), "\(attempt.name)")
                #expect(try await driver.shell("echo alive").output == "alive\n")
            }
        }
    }

    @Test("the same attempts reach their goals where nothing isolates")
    func control() async throws {
        guard await DriverKind.usable().contains(.process) else { return }
        // Landlock keeps a directory of somebody else's shut there, too, where the kernel has it.
        let harmless = [
            "see the host's directories", "read the host's secrets in /etc",
            "see the server's process", "see more than its own processes", "see cgroups",
        ]
        try await withTemporaryDirectory { directory async throws in
            writeFile(directory + "/secret", "the server's secret", mode: 0o666)
            try await DriverKind.process.withDriver { driver async throws in
                for attempt in EscapeAttempt.all where harmless.contains(attempt.name) {
                    let outcome = try await driver.python(EscapeAttempt.prelude + attempt.script) {
                        $0.environment["SECRET_DIRECTORY"] = directory
                        $0.environment["SERVER_PID"] = "\(getpid())"
                    }
                    #expect(outcome.output.hasPrefix("REACHED"), "\(attempt.name)")
                }
            }
        }
    }

    @Test(
        "a call that the kernel makes, or refuses for another reason than the wall, is told",
        arguments: await DriverKind.usable()
    )
    func deniedIsACheck(kind: DriverKind) async throws {
        guard !EscapeAttempt("", "denied(").needsOtherNumbers else { return }
        try await kind.withDriver { driver async throws in
            let script = "denied('getppid', 110, (), (1,))\ndenied('close', 3, (-1,), (1,))\n"
            let output = try await driver.python(EscapeAttempt.prelude + script).output
            let lines = output.split(separator: "\n")
            #expect(lines.count == 2 && lines.allSatisfy { $0.hasPrefix("NOT DENIED") }, "\(output)")
        }
    }

    @Test("a sandbox cannot reach the host's loopback", arguments: await DriverKind.isolating())
    func hostLoopback(kind: DriverKind) async throws {
        let listener = try FileDescriptor.listeningOnLoopback()
        let port = try listener.localPort()
        defer { listener.close() }
        try await kind.withDriver { driver async throws in
            let outcome = try await driver.python("try:\n \(connect(to: port))\nexcept OSError as e: print(e.errno)")
            #expect(outcome.output == "111\n")
            #expect(await !listener.becomesReadable(withinMilliseconds: 0))
        }
    }

    @Test("a sandbox cannot reach another's listener, processes or files", arguments: await DriverKind.isolating())
    func neighbour(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let neighbour = try await driver.start(
                specification(["/bin/sh", "-c", "echo mine > /tmp/mine; echo ready; exec sleep 600"]) {
                    $0.environment["TOKEN"] = "the neighbour's credentials"
                    $0.listeners = [SandboxListener(port: 9_001)]
                }
            )
            let output = try #require(neighbour.takeOutput())
            #expect(await output.readNext() == "ready\n")
            let script = """
                \(EscapeAttempt.prelude)
                import socket
                def dial():
                    socket.create_connection(('127.0.0.1', 9001), 2)
                    return 'the listener'
                attempt(dial)
                print(*[p for p in os.listdir('/tmp')], end='')
                others = [p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid())]
                print(*others, end='')
                for p in os.listdir('/proc'):
                    if p.isdigit():
                        attempt(lambda: b'neighbour' in open(f'/proc/{p}/environ', 'rb').read() and 'its environment')
                        if p not in ('1', str(os.getpid())): attempt(lambda: os.kill(int(p), 9) or 'a kill')
                """
            #expect(try await driver.python(script).output == "")
            #expect(try await neighbour.usage().memoryPeakBytes > 0)
            #expect(await !(try #require(neighbour.takeListeners().first)).becomesReadable(withinMilliseconds: 0))
            await neighbour.kill()
            #expect(await neighbour.waitForExit() == .killed)
            output.close()
        }
    }

    @Test(
        "a process that fills disk, memory and process table disturbs nobody",
        arguments: await DriverKind.isolatingAndLimiting()
    )
    func exhaustion(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                import os
                try:
                    f = open('/tmp/x', 'wb', 0)
                    while True: f.write(bytes(1 << 16))
                except OSError: pass
                try:
                    while True: os.mkdir(f'/tmp/{len(os.listdir("/tmp"))}')
                except OSError: pass
                while True:
                    try: os.fork()
                    except OSError: pass
                """
            let bomb = try await driver.start(
                specification([python, "-S", "-c", script]) {
                    $0.limits.processes = 64
                    $0.limits.temporaryBytes = 4 << 20
                    $0.limits.memoryBytes = 64 << 20
                    $0.limits.cpu = CPUShare(cpus: 0.3)
                }
            )
            #expect(try await eventually { ((try? await bomb.usage().cpuMicroseconds) ?? 0) > 300_000 })
            #expect(try await driver.shell("echo unharmed").output == "unharmed\n")
            await bomb.kill()
            let output = try #require(bomb.takeOutput())
            _ = await output.readToEnd()
        }
    }

    @Test(
        "a function has no capability, no new privileges and a filter, and is nobody on the host",
        arguments: await DriverKind.isolating()
    )
    func powerless(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let status = try await driver.shell("cat /proc/self/status").output
            for line in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                #expect(status.contains("\(line):\t0000000000000000\n"))
            }
            #expect(status.contains("NoNewPrivs:\t1\n") && status.contains("Seccomp:\t2\n"))
            #expect(!status.contains("Uid:\t0"))
            #expect(try await driver.shell("id -u; id -un; hostname").output == "993\nsbx_user1051\nmartlet\n")
        }
    }

    @Test("the root shows what programs need and nothing else", arguments: await DriverKind.isolating())
    func visibleFiles(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let allowed: Set<String> = [
                "bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "tmp", "usr",
            ]
            let shown = try await driver.shell("ls /").output.split(separator: "\n").map(String.init)
            #expect(Set(shown).isSubset(of: allowed))
            let devices = try await driver.shell("ls /dev").output.split(separator: "\n").map(String.init)
            #expect(
                Set(devices) == ["fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"]
            )
            let writable =
                "{ find / -xdev -writable ! -type l 2>/dev/null; for m in $(cut -d' ' -f2 /proc/mounts); do [ -w $m ] && [ -d $m ] && echo $m; done; } | sort -u"
            #expect(try await driver.shell(writable).output == "/dev/shm\n/tmp\n")
        }
    }
}
