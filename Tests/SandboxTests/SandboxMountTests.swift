// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

/// What only a sandbox with a root of its own can do.
@Suite("Sandbox mounts and roots") struct SandboxMountTests {
    @Test("a missing source is refused and named", arguments: await DriverKind.isolating())
    func missingSource(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let error = await #expect(throws: SandboxError.self) {
                try await driver.start(
                    specification(["/bin/sh"]) { $0.mounts = [SandboxMount(source: "/no/such", target: "/var/task")] }
                )
            }
            #expect(error?.code == .cannotMount(target: "/var/task"))
            #expect(
                error?.message
                    == "The sandbox cannot be made as specified: mount /no/such at /var/task: No such file or directory"
            )
        }
    }

    @Test("a later mount lies in an earlier one, and files can be mounted", arguments: await DriverKind.isolating())
    func nested(kind: DriverKind) async throws {
        try await withTemporaryDirectory { directory async throws in
            mkdir(directory + "/a", 0o755)
            mkdir(directory + "/a/inner", 0o755)
            mkdir(directory + "/b", 0o755)
            writeFile(directory + "/b/file", "from b")
            writeFile(directory + "/single", "a single file")
            try await kind.withDriver { driver async throws in
                let outcome = try await driver.shell(
                    "cat /opt/inner/file; echo; cat /deep/down/file; ls / | grep -c deep"
                ) {
                    $0.mounts = [
                        SandboxMount(source: directory + "/a", target: "/opt"),
                        SandboxMount(source: directory + "/b", target: "/opt/inner"),
                        SandboxMount(source: directory + "/single", target: "/deep/down/file"),
                    ]
                }
                #expect(outcome.output == "from b\na single file1\n")
            }
        }
    }

    @Test(
        "a link in mounted code cannot move a later mount out of the sandbox",
        arguments: await DriverKind.isolating()
    )
    func hostileLink(kind: DriverKind) async throws {
        try await withTemporaryDirectory { directory async throws in
            mkdir(directory + "/code", 0o755)
            mkdir(directory + "/layer", 0o755)
            symlink("../../../../../../tmp", directory + "/code/lib")
            writeFile(directory + "/layer/file", "layer")
            try await kind.withDriver { driver async throws in
                let outcome = try await driver.shell("cat /tmp/file") {
                    $0.mounts = [
                        SandboxMount(source: directory + "/code", target: "/var/task"),
                        SandboxMount(source: directory + "/layer", target: "/var/task/lib"),
                    ]
                }
                // The link leads to the sandbox's own /tmp; the host's has no such file.
                #expect(outcome.output == "layer")
                #expect(access("/tmp/file", F_OK) != 0)
            }
        }
    }

    @Test(
        "a sandbox that awaits its code is claimed once, and then has code and limits",
        arguments: await DriverKind.claiming()
    )
    func claim(kind: DriverKind) async throws {
        try await withTemporaryDirectory { directory async throws in
            writeFile(directory + "/code.txt", "late code\n")
            try await kind.withDriver { driver async throws in
                let wait =
                    "while [ ! -e /var/task/code.txt ]; do sleep 0.01; done; cat /var/task/code.txt; df -k /tmp | tail -1; touch /var/x"
                let sandbox = try await driver.start(specification(["/bin/sh", "-c", wait]) { $0.awaitsClaim = true })
                let claim = SandboxClaim(
                    mounts: [
                        SandboxMount(source: directory, target: "/var/task"),
                        SandboxMount(source: directory, target: "/opt/layer"),
                    ],
                    limits: SandboxLimits(memoryBytes: 64 << 20, temporaryBytes: 7 << 20)
                )
                try await sandbox.claim(claim)
                let output = await (try #require(sandbox.takeOutput())).readToEnd()
                #expect(output.hasPrefix("late code\n") && output.contains(" 7168 "))
                #expect(output.contains("Read-only file system"))
                await #expect(throws: SandboxError.self) { try await sandbox.claim(claim) }
            }
        }
    }

    @Test("a claim's text reaches the process once, behind its mounts", arguments: await DriverKind.claiming())
    func claimText(kind: DriverKind) async throws {
        try await withTemporaryDirectory { directory async throws in
            writeFile(directory + "/code.txt", "late code")
            try await kind.withDriver { driver async throws in
                let script = "read word <&3; echo $word; cat /var/task/code.txt; cat <&3; ls /proc/self/fd | wc -l"
                let sandbox = try await driver.start(
                    specification(["/bin/sh", "-c", script]) { $0.awaitsClaim = true }
                )
                let mounts = [SandboxMount(source: directory, target: "/var/task")]
                try await sandbox.claim(SandboxClaim(mounts: mounts, limits: .init(), word: .text(Array("now\n".utf8))))
                let output = await (try #require(sandbox.takeOutput())).readToEnd()
                // Standard files, the claim's and the directory that ls reads.
                #expect(output == "now\nlate code5\n")
            }
        }
    }

    @Test(
        "a claim brings the command of a sandbox that was booted without one",
        arguments: await DriverKind.claiming()
    )
    func claimCommand(kind: DriverKind) async throws {
        try await withTemporaryDirectory { directory async throws in
            writeFile(directory + "/run", "#!/bin/sh\necho $NAME $PWD $1; ls /proc/self/fd | wc -l\n")
            #expect(chmod(directory + "/run", 0o755) == 0)
            try await kind.withDriver { driver async throws in
                let sandbox = try await driver.start(specification([]) { $0.awaitsClaim = true })
                let word = SandboxClaim.Word.command(
                    ["/var/task/run", "one"],
                    environment: ["NAME": "late"],
                    workingDirectory: "/var/task"
                )
                let mounts = [SandboxMount(source: directory, target: "/var/task")]
                try await sandbox.claim(SandboxClaim(mounts: mounts, limits: .init(), word: word))
                let output = await (try #require(sandbox.takeOutput())).readToEnd()
                #expect(output == "late /var/task one\n4\n")
                #expect(await sandbox.waitForExit() == .exited(status: 0))
            }
        }
    }

    @Test("a claim's command that cannot be executed is told with its reason", arguments: await DriverKind.claiming())
    func claimOfMissingCommand(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await driver.start(specification([]) { $0.awaitsClaim = true })
            let word = SandboxClaim.Word.command(["/var/task/none"], environment: [:], workingDirectory: "/")
            try await sandbox.claim(SandboxClaim(mounts: [], limits: .init(), word: word))
            let exit = await sandbox.waitForExit()
            guard case .notExecuted(let error) = exit else {
                Issue.record("it ended with \(exit)")
                return
            }
            #expect(error.code == .cannotExecute)
            #expect(error.message.hasSuffix("execute /var/task/none: No such file or directory"))
        }
    }

    @Test("a word that is too long, or holds a zero, is refused", arguments: await DriverKind.claiming())
    func badWords(kind: DriverKind) async throws {
        let words: [SandboxClaim.Word] = [
            .text([UInt8](repeating: 0x20, count: 70_000)),
            .command(["/bin/true"], environment: ["A": "b\0c"], workingDirectory: "/"),
            .command(["/bin/true"], environment: ["A=B": "c"], workingDirectory: "/"),
        ]
        try await kind.withDriver { driver async throws in
            for word in words {
                let sandbox = try await driver.start(specification([]) { $0.awaitsClaim = true })
                await #expect(throws: SandboxError.self) {
                    try await sandbox.claim(SandboxClaim(mounts: [], limits: .init(), word: word))
                }
                await sandbox.kill()
            }
        }
    }

    @Test("a sandbox that does not await a claim refuses one", arguments: await DriverKind.isolating())
    func unwantedClaim(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await driver.start(specification(["/bin/sleep", "600"]))
            let error = await #expect(throws: SandboxError.self) {
                try await sandbox.claim(SandboxClaim(mounts: [], limits: SandboxLimits()))
            }
            #expect(error?.code == .badSpecification)
            await sandbox.kill()
        }
    }

    @Test("a directory can be the root; it stays as it is", arguments: await DriverKind.isolating())
    func imageRoot(kind: DriverKind) async throws {
        try await withTemporaryDirectory { directory async throws in
            // A shell with its libraries makes the smallest image.
            let copy =
                "cd '\(directory)' && mkdir root && for f in /bin/sh $(ldd /bin/sh | grep -o '/[^ ]*'); do cp --parents -L $f root; done"
            try #require(system(copy) == 0)
            try await kind.withDriver { driver async throws in
                let outcome = try await driver.shell(
                    "echo *; echo x > /tmp/x && read y < /tmp/x && echo $y; while read l; do echo $l; done < /var/task/f; echo > /new"
                ) {
                    $0.root = .directory(directory + "/root")
                    $0.mounts = [SandboxMount(source: directory + "/root/f", target: "/var/task/f")]
                    writeFile(directory + "/root/f", "mounted\n")
                }
                #expect(outcome.output.contains("bin dev etc f"))
                #expect(outcome.output.contains("proc tmp") && !outcome.output.contains("usr"))
                #expect(outcome.output.contains("\nx\nmounted\n"))
                #expect(outcome.output.contains("Read-only file system"))
                #expect(access(directory + "/root/var", F_OK) != 0)
            }
        }
    }

    @Test("links of an image in the places of mounts lead nowhere", arguments: await DriverKind.isolating())
    func hostileImage(kind: DriverKind) async throws {
        try await withTemporaryDirectory { directory async throws in
            // A colon and a comma in the path must mean nothing to overlayfs either.
            let root = directory + "/a:b,c"
            let copy = """
                cd '\(directory)' && mkdir a:b,c outside && echo secret > outside/f && echo code > task
                for f in /bin/sh $(ldd /bin/sh | grep -o '/[^ ]*'); do cp --parents -L $f a:b,c; done
                cd a:b,c && mkdir -p real && ln -s /real tmp && ln -s '\(directory)/outside' dev && ln -s /real proc \
                && ln -s ../../../../../../etc etc && ln -s '\(directory)/outside' var && ln -s /proc/1/root opt
                """
            try #require(system(copy) == 0)
            try await kind.withDriver { driver async throws in
                let outcome = try await driver.shell(
                    """
                    echo "$(cd /tmp && pwd -P) $(cd /dev && pwd -P) $(cd /proc && pwd -P) $(cd /etc && pwd -P) $(cd /var && pwd -P)"
                    read code < /var/task/f; echo $code; echo /real/*; [ -e /var/f ] && echo leaked; [ -e /dev/f ] && echo leaked
                    [ -c /dev/null ] && echo device; read host < /etc/hostname; echo "host $host"; echo x > /tmp/x && echo written
                    """
                ) {
                    $0.root = .directory(root)
                    $0.mounts = [SandboxMount(source: directory + "/task", target: "/var/task/f")]
                }
                #expect(outcome.output.contains("/tmp /dev /proc /etc /var\ncode\n/real/*\ndevice\n"), "\(outcome)")
                #expect(outcome.output.contains("written") && !outcome.output.contains("leaked"))
                #expect(access(directory + "/outside/task", F_OK) != 0)
            }
        }
    }

    @Test("the host's network is there when it is asked for by name", arguments: await DriverKind.sharingNetwork())
    func hostNetwork(kind: DriverKind) async throws {
        let listener = try FileDescriptor.listeningOnLoopback()
        let port = try listener.localPort()
        defer { listener.close() }
        try await kind.withDriver { driver async throws in
            let sandbox = try await driver.start(
                specification([python, "-S", "-c", connect(to: port)]) { $0.network = .host }
            )
            #expect(await listener.acceptAndRead() == "inside")
            #expect(await sandbox.waitForExit() == .exited(status: 0))
        }
    }
}

func connect(to port: UInt16) -> String {
    "import socket; s = socket.create_connection(('127.0.0.1', \(port)), 5); s.sendall(b'inside')"
}
