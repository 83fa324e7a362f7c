// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

/// Processes beside the first one of a sandbox.
@Suite("Companions", .timeLimit(.minutes(TestMachines.areAllWanted ? 60 : 20))) struct CompanionTests {
    private static let sleeper = ["/bin/sh", "-c", "echo up; exec sleep 60"]

    private func attended(
        _ driver: any SandboxDriver,
        _ command: [String] = CompanionTests.sleeper,
        _ change: (inout SandboxSpecification) -> Void = { _ in }
    ) async throws -> any Sandbox {
        try await driver.start(
            specification(command) {
                $0.isAttended = true
                change(&$0)
            }
        )
    }

    private func companion(
        _ script: String,
        in sandbox: any Sandbox
    ) async throws -> (output: String, exit: SandboxExit) {
        let companion = try await sandbox.startCompanion(
            CompanionSpecification(command: ["/bin/sh", "-c", script], environment: ["PATH": "/usr/bin:/bin"])
        )
        let output = try await #require(companion.takeOutput()).readToEnd()
        return (output, await companion.waitForExit())
    }

    @Test(
        "a companion has the first process's namespaces, user, limits and lack of power, and an output of its own",
        arguments: await DriverKind.usable()
    )
    func sameInside(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                readlink /proc/self/ns/*; id -u; ulimit -n; pwd
                grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:)' /proc/self/status; cut -d: -f3 /proc/self/cgroup
                """
            let sandbox = try await attended(driver, ["/bin/sh", "-c", script + "; echo end; exec sleep 60"])
            let output = try #require(sandbox.takeOutput())
            var first = ""
            while !first.hasSuffix("end\n") { first += await output.readNext() }
            output.close()
            let (second, exit) = try await companion(script + "; exit 3", in: sandbox)
            #expect(second + "end\n" == first)
            #expect(second.contains("NoNewPrivs:\t1\n"))
            #expect(exit == .exited(status: 3))
            await sandbox.kill()
        }
    }

    @Test(
        "a companion cannot look into its parent or process 1, nor end them",
        arguments: await DriverKind.isolating()
    )
    func parentIsClosed(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await attended(driver)
            let script = """
                for p in 1 $PPID; do
                    cat /proc/$p/environ && echo read; cat /proc/$p/mem && echo read; ls /proc/$p/fd/ && echo read
                    (: >/proc/$p/mem && echo wrote)
                done 2>/dev/null; kill -9 1 2>/dev/null; [ -d /proc/$PPID ] && echo alive
                """
            #expect(try await companion(script, in: sandbox).output == "alive\n")
            await sandbox.kill()
        }
    }

    @Test("a companion ends with its sandbox, whatever it does", arguments: await DriverKind.usable())
    func endsWithSandbox(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await attended(driver)
            let companions = try await [
                "trap '' TERM INT HUP; echo on; while :; do sleep 1; done",
                "(setsid sleep 61 &); echo on; exec sleep 61",
            ].asyncMap { try await sandbox.startCompanion(CompanionSpecification(command: ["/bin/sh", "-c", $0])) }
            let outputs = companions.compactMap { $0.takeOutput() }
            for output in outputs { #expect(await output.readNext() == "on\n") }
            await sandbox.kill()
            for companion in companions { #expect(await companion.waitForExit() == .signalled(SIGKILL)) }
            // Nobody holds the other end any more.
            for output in outputs { #expect(await output.readToEnd() == "") }
            #expect(await sandbox.waitForExit() == .killed)
        }
    }

    @Test(
        "when the first process ends, its companions go on until the sandbox is killed",
        arguments: await DriverKind.usable()
    )
    func outlivesFirst(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await attended(driver, ["/bin/sh", "-c", "sleep 0.3; exit 7"])
            let companion = try await sandbox.startCompanion(
                CompanionSpecification(command: ["/bin/cat", "/dev/zero"])
            )
            #expect(await sandbox.waitForExit() == .exited(status: 7))
            let output = try #require(companion.takeOutput())
            #expect(await output.readNext().isEmpty == false)
            let late = CompanionSpecification(command: ["/bin/true"])
            await #expect(throws: SandboxError.self) { _ = try await sandbox.startCompanion(late) }
            await sandbox.kill()
            #expect(await companion.waitForExit() == .signalled(SIGKILL))
            #expect(await sandbox.waitForExit() == .exited(status: 7))
            output.close()
        }
    }

    @Test("and when nobody kills it, the jailer does after some seconds", arguments: await DriverKind.usable())
    func lingersOnlySoLong(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await attended(driver, ["/bin/sh", "-c", "sleep 0.3"])
            let companion = try await sandbox.startCompanion(CompanionSpecification(command: ["/bin/sleep", "62"]))
            #expect(await companion.waitForExit() == .signalled(SIGKILL))
            #expect(await sandbox.waitForExit() == .exited(status: 0))
        }
    }

    @Test("without companions an attended sandbox ends with its first process", arguments: await DriverKind.usable())
    func plainEnd(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let outcome = try await driver.shell("(setsid sleep 63 &); echo out; exit 5") { $0.isAttended = true }
            #expect(outcome.output == "out\n")
            #expect(outcome.exit == .exited(status: 5))
        }
    }

    @Test("the first process can be asked to end, and may refuse", arguments: await DriverKind.usable())
    func terminate(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = "trap 'echo asked; exit 9' TERM; echo up; while :; do sleep 0.1; done"
            let sandbox = try await attended(driver, ["/bin/sh", "-c", script])
            let output = try #require(sandbox.takeOutput())
            #expect(await output.readNext() == "up\n")
            try await sandbox.terminate(byForce: false)
            #expect(await output.readToEnd() == "asked\n")
            #expect(await sandbox.waitForExit() == .exited(status: 9))
            let stubborn = try await attended(driver, ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"])
            try await stubborn.terminate(byForce: true)
            #expect(await stubborn.waitForExit() == .signalled(SIGKILL))
        }
    }

    @Test("a connection into the sandbox's network reaches what listens there", arguments: await DriverKind.usable())
    func dial(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let name = kind.isolates ? "sandbox.localdomain" : "127.0.0.1"
            let script = """
                import socket
                s = socket.create_server(('\(name)', 0)); print(s.getsockname()[1], flush=True)
                c = s.accept()[0]; print(c.recv(5), flush=True)
                """
            let sandbox = try await attended(driver, [python, "-S", "-c", script])
            let output = try #require(sandbox.takeOutput())
            let port = try #require(UInt16(await output.readNext().dropLast()))
            let socket = try await sandbox.connectInside(to: port)
            #expect(
                await socket.offThread { number in
                    var event = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
                    return poll(&event, 1, 10_000) == 1 && write(number, "hello", 5) == 5
                }
            )
            #expect(await output.readToEnd() == "b'hello'\n")
            socket.close()
            _ = await sandbox.waitForExit()
        }
    }

    @Test(
        "a companion that cannot be started is refused by name and leaves the sandbox as it was",
        arguments: await DriverKind.usable()
    )
    func refused(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await attended(driver)
            for command in ["/no/such/program", "/etc/passwd", "relative"] {
                await #expect(throws: SandboxError.self) {
                    _ = try await sandbox.startCompanion(CompanionSpecification(command: [command]))
                }
            }
            #expect(try await companion("echo on", in: sandbox).output == "on\n")
            await sandbox.kill()
            let unattended = try await driver.start(specification(Self.sleeper))
            await #expect(throws: SandboxError.self) {
                _ = try await unattended.startCompanion(CompanionSpecification(command: ["/bin/true"]))
            }
            await #expect(throws: SandboxError.self) { try await unattended.terminate(byForce: false) }
            await unattended.kill()
        }
    }

    @Test("a sandbox has 32 companions at a time", arguments: await DriverKind.usable())
    func limit(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await attended(driver)
            let sleep = CompanionSpecification(command: ["/bin/sleep", "64"])
            for _ in 0..<32 { _ = try await sandbox.startCompanion(sleep) }
            let error = await #expect(throws: SandboxError.self) { _ = try await sandbox.startCompanion(sleep) }
            #expect(error?.code == .busy)
            await sandbox.kill()
            #expect(try await driver.shell("echo on").output == "on\n")
        }
    }

    @Test("an environment is frozen with its companions", arguments: await DriverKind.limiting())
    func freeze(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await attended(driver)
            let ticker = try await sandbox.startCompanion(
                CompanionSpecification(
                    command: ["/bin/sh", "-c", "while :; do echo tick; sleep 0.01; done"],
                    environment: ["PATH": "/bin:/usr/bin"]
                )
            )
            let output = try #require(ticker.takeOutput())
            #expect(await output.readNext().isEmpty == false)
            try await sandbox.freeze()
            while await output.becomesReadable(withinMilliseconds: 300) { _ = await output.readNext() }
            try await sandbox.thaw()
            #expect(await output.readNext().isEmpty == false)
            await sandbox.kill()
            output.close()
        }
    }
}

extension Array {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
