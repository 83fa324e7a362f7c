// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

/// What a copy may do, and what hostile processes and images can make of snapshots.
@Suite("Snapshot safety", .timeLimit(.minutes(20))) struct SnapshotSafetyTests {
    @Test(
        "a copy has no more power than a process that was started, and no file more",
        arguments: await DriverKind.restoring()
    )
    func powerless(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                fields = ('Uid', 'Gid', 'Groups', 'Cap', 'NoNewPrivs', 'Seccomp:', 'SigBlk', 'SigIgn', 'SigCgt', 'NSpid', 'Threads')
                def show():
                    print(*[l for l in open('/proc/self/status') if l.startswith(fields)], sep='', end='')
                    print(sorted((f, os.stat(int(f)).st_mode) for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + f)))
                    print(sorted(os.listdir('/proc/self/ns')), os.getsid(0), os.getpgid(0), os.getppid(), open('/proc/self/comm').read())
                show(); print('--', flush=True); rest(); show()
                """
            let output = try await driver.snapshotAndGoOn(script)
            let original = try await driver.startResting(script)
            let before = try await #require(original.sandbox.takeOutput()).readNext()
            await original.sandbox.kill()
            #expect(before == output + "--\n")
            for line in [
                "NoNewPrivs:\t1\n", "Seccomp:\t2\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n",
            ] {
                #expect(output.contains(line))
            }
        }
    }

    @Test("a copy cannot reach its image, nor look into what has made it", arguments: await DriverKind.restoring())
    func imageIsClosed(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                rest()
                maps = [l.split(maxsplit=5) for l in open('/proc/self/maps')]
                image = [m for m in maps if m[-1].strip().endswith('/image/memory')]
                print(len(image) > 0, all(m[1].endswith('p') for m in image))
                for m in image[:1]:
                    for path in ('/proc/self/map_files/' + m[0], m[-1].strip()):
                        try: open(path, 'r+b'); print('opened', path)
                        except OSError: pass
                for path in ('/proc/self/exe', '/proc/1/mem', '/proc/1/environ', '/proc/1/maps'):
                    try: open(path, 'r+b' if 'exe' in path else 'rb').read(1); print('opened', path)
                    except OSError: pass
                """
            #expect(try await driver.snapshotAndGoOn(script) == "True True\n")
        }
    }

    @Test("the limits of the new sandbox hold for a copy", arguments: await DriverKind.restoringAndLimiting())
    func limits(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            try await withImageFolder { folder async throws in
                let script = "rest()\nprint('on', flush=True)\nx = b'x' * (200 << 20)\nprint('all')"
                let resting = try await driver.startResting(script) { $0.limits.memoryBytes = 64 << 20 }
                let snapshot = try await resting.sandbox.takeSnapshot(into: folder)
                let outcome = try await driver.goOn(snapshot, resting.specification)
                #expect(outcome.output == "on\n")
                #expect(outcome.exit == .outOfMemory)
                var roomy = resting.specification
                roomy.limits.memoryBytes = 512 << 20
                #expect(try await driver.goOn(snapshot, roomy).output == "on\nall\n")
            }
        }
    }

    @Test(
        "what cannot be copied is refused by name, and the sandbox has ended",
        arguments: await DriverKind.restoring(),
        [
            ("import subprocess; p = subprocess.Popen(['sleep', '60'])", "it has started another process"),
            ("os.mkdir('/tmp/x'); f = os.open('/tmp/x', 0); os.rmdir('/tmp/x')", "a directory that has been deleted"),
            ("r, w = os.pipe(); os.write(w, b'x')", "descriptor 3 is a pipe that is not empty"),
            ("a, b = socket.socketpair(); a.send(b'x')", "a socket with bytes that have not been read"),
            ("u = socket.socket(socket.AF_UNIX); u.bind('/tmp/s')", "descriptor 3 is a Unix socket with a name"),
            ("f = open('/tmp/x', 'wb'); f.truncate(1 << 40)", "the files in /tmp are too large"),
            (
                "import signal; signal.pthread_sigmask(0, [10]); os.kill(os.getpid(), 10)", "a signal is pending"
            ),
        ]
    )
    func refusals(kind: DriverKind, refusal: (script: String, reason: String)) async throws {
        try await kind.withDriver { driver async throws in
            try await withImageFolder { folder async throws in
                let resting = try await driver.startResting(refusal.script + "\nrest(); print('went on')")
                let error = await #expect(throws: SandboxError.self) {
                    _ = try await resting.sandbox.takeSnapshot(into: folder)
                }
                #expect(error?.message.contains(refusal.reason) == true, "\(error?.message ?? "")")
                #expect(await resting.sandbox.waitForExit() == .killed)
                #expect(await driver.openSnapshot(at: folder) == nil)
                #expect(await resting.sandbox.takeOutput()?.readToEnd() == "")
            }
        }
    }

    @Test("sandboxes that are not attended, and copies, are not copied", arguments: await DriverKind.restoring())
    func copiesAreNotCopied(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            try await withImageFolder { folder async throws in
                let other = try await driver.startResting("rest()") { $0.isAttended = false }
                await #expect(throws: SandboxError.self) { _ = try await other.sandbox.takeSnapshot(into: folder) }
                let resting = try await driver.startResting("rest(); rest()")
                let snapshot = try await resting.sandbox.takeSnapshot(into: folder)
                let copy = try await Resting(
                    driver.restoreAgain(snapshot, resting.specification),
                    resting.specification
                )
                let error = await #expect(throws: SandboxError.self) {
                    _ = try await copy.sandbox.takeSnapshot(into: folder + "/..")
                }
                #expect(error?.message.contains("it began from a snapshot itself") == true)
            }
        }
    }

    @Test("a driver without namespaces has no snapshots")
    func processDriver() async throws {
        guard await DriverKind.usable().contains(.process) else { return }
        try await DriverKind.process.withDriver { driver async throws in
            #expect(!driver.restores)
            let sandbox = try await driver.start(specification(["/bin/sleep", "60"]) { $0.isAttended = true })
            await #expect(throws: SandboxError.self) { _ = try await sandbox.takeSnapshot(into: "/tmp") }
            await sandbox.kill()
        }
    }

    @Test("a file that has changed since keeps the image from being restored", arguments: await DriverKind.restoring())
    func changedFile(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            try await withTemporaryDirectory { code async throws in
                writeFile(code + "/data", String(repeating: "x", count: 8_192))
                try await withImageFolder { folder async throws in
                    let script =
                        "import mmap; f = open('/opt/data'); m = mmap.mmap(f.fileno(), 0, prot=1); rest(); print(m[:2])"
                    let resting = try await driver.startResting(script) {
                        $0.mounts = [SandboxMount(source: code, target: "/opt")]
                    }
                    let snapshot = try await resting.sandbox.takeSnapshot(into: folder)
                    #expect(try await driver.goOn(snapshot, resting.specification).output == "b'xx'\n")
                    writeFile(code + "/data", "changed")
                    let error = await #expect(throws: SandboxError.self) {
                        _ = try await driver.restoreAgain(snapshot, resting.specification)
                    }
                    #expect(error?.message.contains("/opt/data has changed since the snapshot") == true)
                }
            }
        }
    }

    @Test(
        "a broken image is an error or a process that fails, never a jailer that does",
        arguments: [1, 2, 3] as [UInt64]
    )
    func brokenImages(seed: UInt64) async throws {
        guard await DriverKind.restoring().contains(.namespace) else { return }
        try await DriverKind.namespace.withDriver { driver async throws in
            try await withImageFolder { folder async throws in
                let resting = try await driver.startResting(
                    "t = threading.Thread(target=time.sleep, args=(0.1,)); t.start(); open('/tmp/x', 'w').write('x'); p = os.pipe(); rest()"
                )
                let snapshot = try await resting.sandbox.takeSnapshot(into: folder)
                var noise = Noise(seed)
                let whole = ["table", "files"].map { ($0, readFile("\(folder)/\($0)")) }
                for _ in 0..<40 {
                    for (name, bytes) in whole { writeFile("\(folder)/\(name)", bytes: noise.changed(bytes)) }
                    guard let copy = try? await driver.restoreAgain(snapshot, resting.specification) else { continue }
                    await copy.kill()
                }
                #expect(try await driver.shell("echo alive").output == "alive\n")
                for (name, bytes) in whole { writeFile("\(folder)/\(name)", bytes: bytes) }
                #expect(try await driver.goOn(snapshot, resting.specification).exit == .exited(status: 0))
            }
        }
    }
}

// MARK: - noise

private struct Noise: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }

    /// Some bytes or numbers replaced, or the end cut off.
    mutating func changed(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        guard !bytes.isEmpty else { return bytes }
        if Int.random(in: 0..<6, using: &self) == 0 {
            return Array(bytes.prefix(Int.random(in: 0..<bytes.count, using: &self)))
        }
        for _ in 0..<Int.random(in: 1...8, using: &self) {
            let at = Int.random(in: 0..<bytes.count, using: &self)
            let extremes: [UInt8] = [0, 1, 0x7f, 0x80, 0xff, UInt8.random(in: 0...255, using: &self)]
            let byte = extremes.randomElement(using: &self) ?? 0
            for index in at..<min(bytes.count, at + [1, 1, 4, 8][Int.random(in: 0..<4, using: &self)]) {
                bytes[index] = byte
            }
        }
        return bytes
    }
}

private func readFile(_ path: String) -> [UInt8] {
    let file = open(path, O_RDONLY)
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(file, &buffer, buffer.count)
        guard count > 0 else { return bytes }
        bytes += buffer[..<count]
    }
}

private func writeFile(_ path: String, bytes: [UInt8]) {
    let file = open(path, O_WRONLY | O_TRUNC)
    _ = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    close(file)
}
