// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

/// What every driver does alike.
@Suite("SandboxCompatibility") struct SandboxCompatibilityTests {
    @Test(
        "a command runs and its output and error streams are read from one pipe",
        arguments: await DriverKind.usable()
    )
    func output(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let outcome = try await driver.shell("echo out; echo err >&2")
            #expect(outcome.output == "out\nerr\n")
            #expect(outcome.exit == .exited(status: 0))
        }
    }

    @Test("the exit status of the first process is told", arguments: await DriverKind.usable())
    func exitStatus(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            #expect(try await driver.shell("exit 42").exit == .exited(status: 42))
            #expect(try await driver.shell("exit 255").exit == .exited(status: 255))
        }
    }

    @Test("the signal that ended the first process is told", arguments: await DriverKind.usable())
    func signal(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            #expect(try await driver.shell("kill -SEGV $$").exit == .signalled(SIGSEGV))
            #expect(try await driver.shell("kill -KILL $$").exit == .signalled(SIGKILL))
        }
    }

    @Test("when the first process ends, those that it started end too", arguments: await DriverKind.usable())
    func orphansEnd(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            // A grandchild in a session of its own keeps the output open until it is killed.
            let outcome = try await driver.shell("(setsid sleep 600 &) ; exit 7")
            #expect(outcome.exit == .exited(status: 7))
        }
    }

    @Test(
        "the environment is exactly the given one, but for what stands in for /tmp, and the working directory the given one",
        arguments: await DriverKind.usable()
    )
    func environment(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let outcome = try await driver.run([
                python, "-S", "-c", "import os; print(sorted(os.environ.items()), os.getcwd())",
            ]) {
                $0.environment = ["A": "1=2", "LC_CTYPE": "C.UTF-8", "ÄÖ": "ü ü"]
                // Where /tmp is not the sandbox's own, the driver would add these.
                for name in ["TEMP", "TMP", "TMPDIR"] where !kind.isolates { $0.environment[name] = "/usr" }
                $0.workingDirectory = "/usr"
            }
            let temporary = kind.isolates ? "" : "('TEMP', '/usr'), ('TMP', '/usr'), ('TMPDIR', '/usr'), "
            #expect(outcome.output == "[('A', '1=2'), ('LC_CTYPE', 'C.UTF-8'), \(temporary)('ÄÖ', 'ü ü')] /usr\n")
        }
    }

    @Test("a command that is missing or no program is refused by name", arguments: await DriverKind.usable())
    func missingCommand(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            for command in ["/no/such/program", "/etc/passwd", "/usr"] {
                let error = await #expect(throws: SandboxError.self) {
                    try await driver.start(specification([command]))
                }
                #expect(error?.code == .cannotExecute)
                #expect(error?.message.contains(command) == true)
            }
            #expect(try await driver.shell("echo still here").output == "still here\n")
        }
    }

    @Test("a specification that cannot be carried out is refused", arguments: await DriverKind.usable())
    func badSpecification(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let bad: [SandboxSpecification] = [
                specification([]),
                specification(["relative"]),
                specification(["/usr/../bin/sh"]),
                specification(["/bin/sh"]) { $0.workingDirectory = "no" },
                specification(["/bin/sh"]) { $0.workingDirectory = "/no/such/directory" },
                specification(["/bin/sh"]) { $0.environment["A"] = "x\0y" },
                specification(["/bin/sh"]) { $0.environment["A=B"] = "x" },
                specification(["/bin/sh"]) { $0.limits.memoryBytes = 0 },
                specification(["/bin/sh"]) { $0.limits.processes = -1 },
                specification(["/bin/sh"]) { $0.mounts = [SandboxMount(source: "no", target: "/x")] },
                specification(["/bin/sh"]) { $0.mounts = [SandboxMount(source: "/usr", target: "/")] },
                specification(Array(repeating: "/bin/sh", count: 2_000)),
                specification(["/bin/sh"]) { $0.environment["A"] = String(repeating: "x", count: 200_000) },
            ]
            for specification in bad {
                let error = await #expect(throws: SandboxError.self) { try await driver.start(specification) }
                #expect(error?.code == .badSpecification, "\(error?.message ?? "")")
            }
        }
    }

    @Test("a mount whose source has gone is named by its target", arguments: await DriverKind.usable())
    func lostSource(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let asked = specification(["/bin/sh"]) {
                $0.mounts = [
                    SandboxMount(source: "/usr", target: "/opt"), SandboxMount(source: "/no/such", target: "/mnt/data"),
                ]
            }
            let error = await #expect(throws: SandboxError.self) { try await driver.start(asked) }
            #expect(error?.code == .cannotMount(target: "/mnt/data"), "\(error?.message ?? "")")
            #expect(error?.message.contains("/no/such") == true && error?.message.contains("/mnt/data") == true)
        }
    }

    @Test(
        "two sandboxes cannot have one id at a time, and can one after the other",
        arguments: await DriverKind.usable()
    )
    func ids(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let asked = specification(["/bin/sleep", "600"])
            let first = try await driver.start(asked)
            let error = await #expect(throws: SandboxError.self) { try await driver.start(asked) }
            #expect(error?.code == .badSpecification)
            await first.kill()
            await (try await driver.start(asked)).kill()
        }
    }

    @Test("kill ends everything, is told as killed, and may be repeated", arguments: await DriverKind.usable())
    func kill(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await driver.start(
                specification(["/bin/sh", "-c", "trap '' TERM HUP INT; sleep 600 & sleep 600"])
            )
            await sandbox.kill()
            #expect(await sandbox.waitForExit() == .killed)
            await sandbox.kill()
            await #expect(throws: SandboxError.self) { try await sandbox.freeze() }
            await #expect(throws: SandboxError.self) { try await sandbox.setCPUShare(nil) }
            // Reading to the end returns only when no process holds the pipe any more.
            _ = try await #require(sandbox.takeOutput()).readToEnd()
        }
    }

    @Test("kill of a sandbox that has ended by itself leaves its exit", arguments: await DriverKind.usable())
    func killAfterEnd(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await driver.start(specification(["/bin/sh", "-c", "exit 5"]))
            #expect(await sandbox.waitForExit() == .exited(status: 5))
            await sandbox.kill()
            #expect(await sandbox.waitForExit() == .exited(status: 5))
        }
    }

    @Test("a frozen sandbox does nothing until it is thawed", arguments: await DriverKind.usable())
    func freezing(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await driver.start(
                specification(["/bin/sh", "-c", "while :; do echo tick; sleep 0.005; done"])
            )
            let output = try #require(sandbox.takeOutput())
            #expect(await output.readNext().hasPrefix("tick"))
            try await sandbox.freeze()
            // What was under way when the freezer came; then silence.
            while await output.becomesReadable(withinMilliseconds: 60) { _ = await output.readNext() }
            #expect(await !output.becomesReadable(withinMilliseconds: 200))
            try await sandbox.thaw()
            #expect(await output.becomesReadable(withinMilliseconds: 5_000))
            output.close()
            await sandbox.kill()
        }
    }

    @Test("a frozen sandbox can be killed", arguments: await DriverKind.usable())
    func killFrozen(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await driver.start(specification(["/bin/sleep", "600"]))
            try await sandbox.freeze()
            await sandbox.kill()
            #expect(await sandbox.waitForExit() == .killed)
        }
    }

    @Test("a listener is reached from inside at the address in the environment", arguments: await DriverKind.usable())
    func listener(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await driver.start(
                specification([python, "-S", "-c", askRuntimeAPI]) {
                    $0.environment["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:9001"
                    $0.listeners = [SandboxListener(port: 9_001)]
                }
            )
            let listeners = sandbox.takeListeners()
            #expect(listeners.count == 1 && sandbox.listenerPorts.count == 1)
            #expect(sandbox.takeListeners().isEmpty)
            let listener = try #require(listeners.first)
            // A machine's is a Unix socket out here; inside it has the port that was asked for.
            let port = kind == .microvm ? 9_001 : try listener.localPort()
            #expect(sandbox.listenerPorts.first == port)
            #expect(await listener.acceptAndRead(answering: "hello") == "question")
            listener.close()
            #expect(await (try #require(sandbox.takeOutput())).readToEnd() == "hello\n")
        }
    }

    @Test("two sandboxes have the same port and cannot reach each other's", arguments: await DriverKind.usable())
    func samePort(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            func start(_ name: String) async throws -> any Sandbox {
                try await driver.start(
                    specification([python, "-S", "-c", askRuntimeAPI]) {
                        $0.environment["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:9001"
                        $0.listeners = [SandboxListener(port: 9_001)]
                    }
                )
            }
            let sandboxes = [try await start("one"), try await start("two")]
            for (index, sandbox) in sandboxes.enumerated() {
                let listener = try #require(sandbox.takeListeners().first)
                #expect(await listener.acceptAndRead(answering: "you are \(index)") == "question")
                listener.close()
            }
            for (index, sandbox) in sandboxes.enumerated() {
                #expect(await (try #require(sandbox.takeOutput())).readToEnd() == "you are \(index)\n")
            }
        }
    }

    @Test("a mounted directory is found at its path, read-only", arguments: await DriverKind.usable())
    func mounts(kind: DriverKind) async throws {
        try await withTemporaryDirectory { directory async throws in
            writeFile(directory + "/code.txt", "the code")
            try await kind.withDriver { driver async throws in
                let outcome = try await driver.shell(
                    "cat $LAMBDA_TASK_ROOT/code.txt; echo x 2>/dev/null >$LAMBDA_TASK_ROOT/new && echo WRITTEN"
                ) {
                    $0.environment["LAMBDA_TASK_ROOT"] = "/var/task"
                    $0.workingDirectory = "/var/task"
                    $0.mounts = [SandboxMount(source: directory, target: "/var/task")]
                }
                // Without mounts only Landlock keeps root from writing.
                if kind.isolates { #expect(outcome.output == "the code") }
                #expect(outcome.output.hasPrefix("the code"))
            }
        }
    }

    @Test("files in /tmp are the sandbox's own and go with it", arguments: await DriverKind.usable())
    func temporaryFiles(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            for _ in 0..<2 {
                let outcome = try await driver.shell("ls $TMPDIR; echo here > $TMPDIR/file && cat $TMPDIR/file") {
                    $0.environment["TMPDIR"] = "/tmp"
                }
                #expect(outcome.output == "here\n")
            }
        }
    }

    @Test("open files are limited for each process", arguments: await DriverKind.usable())
    func openFiles(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script =
                "import os\nn=0\ntry:\n while True: os.open('/dev/null',0); n+=1\nexcept OSError as e: print(n, e.errno)"
            #expect(try await driver.python(script) { $0.limits.openFiles = 50 }.output == "47 24\n")
        }
    }

    @Test("no descriptor but the standard three is inherited", arguments: await DriverKind.usable())
    func descriptors(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = "import os\nprint([n for n in range(4096) if os.path.exists(f'/proc/self/fd/{n}')])"
            #expect(try await driver.python(script).output == "[0, 1, 2]\n")
        }
    }

    @Test("/dev/stdout and /dev/stderr can be opened by name", arguments: await DriverKind.usable())
    func standardStreams(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            guard kind.isolates else { return }
            #expect(
                try await driver.shell("echo a > /dev/stdout; echo b > /dev/stderr; cat < /dev/stdin").output
                    == "a\nb\n"
            )
        }
    }

    @Test("usage shows CPU time and memory, while running and after the end", arguments: await DriverKind.usable())
    func usage(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script =
                "x = b'x' * (40 << 20)\nfor i in range(2_000_000): pass\nprint('ready', flush=True)\nimport time\ntime.sleep(600)"
            let sandbox = try await driver.start(specification([python, "-S", "-c", script]))
            let output = try #require(sandbox.takeOutput())
            #expect(await output.readNext() == "ready\n")
            let running = try await sandbox.usage()
            #expect(running.memoryPeakBytes > 40 << 20 && running.memoryBytes > 40 << 20)
            #expect(running.cpuMicroseconds > 5_000)
            await sandbox.kill()
            output.close()
            if kind.limits { #expect(try await sandbox.usage().memoryPeakBytes >= running.memoryPeakBytes) }
        }
    }

    @Test("many sandboxes start at once", arguments: await DriverKind.usable())
    func many(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let outputs = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<20 { group.addTask { try await driver.shell("echo \(number)").output } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(outputs) == Set((0..<20).map { "\($0)\n" }))
        }
    }

    @Test("shutting down ends what runs, and the driver can be used again", arguments: await DriverKind.usable())
    func shutDown(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await driver.start(specification(["/bin/sleep", "600"]))
            await driver.shutDown()
            #expect(await sandbox.waitForExit() == .killed)
            #expect(try await driver.shell("echo again").output == "again\n")
        }
    }

    @Test("the driver tells what it needs from the host and what it guarantees", arguments: await DriverKind.usable())
    func examination(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let checks = await driver.examineHost()
            #expect(checks.contains { $0.item == "kernel" && $0.result == .present && $0.detail.hasPrefix("Linux ") })
            #expect(checks.allSatisfy { !$0.detail.isEmpty })
            #expect(driver.guarantee.contains("NO ISOLATION") == !kind.isolates)
        }
    }
}

private let askRuntimeAPI = """
    import os, socket
    host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')
    s = socket.create_connection((host, int(port)), 600)
    s.sendall(b'question')
    s.shutdown(socket.SHUT_WR)
    print(s.makefile().read())
    """
