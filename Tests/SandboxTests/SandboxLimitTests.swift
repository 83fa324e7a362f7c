// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

/// Limits that need cgroups.
@Suite("Sandbox limits") struct SandboxLimitTests {
    @Test(
        "a process that wants more memory than the limit is ended as out of memory",
        arguments: await DriverKind.limiting()
    )
    func outOfMemory(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let outcome = try await driver.python("x = bytearray(300 << 20)\nprint('got it')") {
                $0.limits.memoryBytes = 64 << 20
            }
            #expect(outcome.exit == .outOfMemory)
            #expect(outcome.output == "")
            #expect(outcome.usage.memoryPeakBytes > 32 << 20 && outcome.usage.memoryPeakBytes <= 64 << 20)
        }
    }

    @Test("memory up to the limit is there", arguments: await DriverKind.limiting())
    func memory(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let outcome = try await driver.python("x = bytearray(100 << 20)\nprint(len(x))") {
                $0.limits.memoryBytes = 128 << 20
            }
            #expect(outcome.output == "104857600\n")
            #expect(outcome.exit == .exited(status: 0))
            #expect(outcome.usage.memoryPeakBytes > 100 << 20)
        }
    }

    @Test("a child that is ended for memory is not the function's end", arguments: await DriverKind.limiting())
    func childOutOfMemory(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let outcome = try await driver.shell(
                "\(python) -S -c 'x = bytearray(300 << 20)'; echo ended with $?; exit 0"
            ) {
                $0.limits.memoryBytes = 64 << 20
            }
            #expect(outcome.output.hasSuffix("ended with 137\n"))
            #expect(outcome.exit == .exited(status: 0))
        }
    }

    @Test("a fork bomb stops at the process limit", arguments: await DriverKind.limiting())
    func processes(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                import os, time
                n = 0
                try:
                    while n < 500:
                        if os.fork() == 0: time.sleep(600)
                        n += 1
                except OSError as e: print(n, e.errno, flush=True)
                os._exit(0)
                """
            // One is the function itself.
            #expect(try await driver.python(script) { $0.limits.processes = 40 }.output == "39 11\n")
        }
    }

    @Test("threads count as processes", arguments: await DriverKind.limiting())
    func threads(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                import _thread, time
                n = 0
                try:
                    while n < 500: _thread.start_new_thread(time.sleep, (600,)); n += 1
                except RuntimeError: print(n, flush=True)
                """
            #expect(try await driver.python(script) { $0.limits.processes = 40 }.output == "39\n")
        }
    }

    @Test("/tmp is full at its size", arguments: await DriverKind.isolating())
    func temporarySize(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                import os
                f = open('/tmp/x', 'wb', 0)
                n = 0
                try:
                    while True: n += f.write(bytes(1 << 20))
                except OSError as e: print(n >> 20, e.errno)
                """
            #expect(try await driver.python(script) { $0.limits.temporaryBytes = 10 << 20 }.output == "10 28\n")
        }
    }

    @Test("a CPU share slows a busy process, and lifting it makes it fast", arguments: await DriverKind.limiting())
    func cpuShare(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                import time
                def busy():
                    start, cpu = time.monotonic(), time.process_time()
                    while time.process_time() - cpu < 0.1: pass
                    return time.monotonic() - start
                while True: print(f'{busy():.2f}', flush=True)
                """
            // A guest does not see when its machine stands still, and counts that time as its processes': there, work is
            // what is measured.
            let work = """
                import time
                while True:
                    start = time.monotonic()
                    for _ in range(200_000): pass
                    print(f'{time.monotonic() - start:.2f}', flush=True)
                """
            let sandbox = try await driver.start(
                specification([python, "-S", "-c", kind == .microvm ? work : script]) {
                    $0.limits.cpu = CPUShare(cpus: 0.1)
                }
            )
            let output = try #require(sandbox.takeOutput())
            // 100 ms of CPU at a tenth of one take a second; the first tenth of that is free.
            let slow = try #require(Double(await output.readNext().split(separator: "\n")[0]))
            #expect(slow > 0.6 || kind == .microvm)
            try await sandbox.setCPUShare(nil)
            // The round under way was still slow at its beginning.
            _ = await output.readNext()
            let fast = try #require(Double(await output.readNext().split(separator: "\n")[0]))
            #expect(fast < slow)
            output.close()
            await sandbox.kill()
        }
    }
}
