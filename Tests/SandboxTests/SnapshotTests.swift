// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

/// A process is stopped, written to disk, and goes on in other sandboxes.
@Suite("Snapshots", .timeLimit(.minutes(20))) struct SnapshotTests {
    @Test(
        "a copy goes on where its original was, with its memory, number, environment, directory and files",
        arguments: await DriverKind.restoring()
    )
    func goesOn(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                value = {i: str(i) * 10 for i in range(20000)}
                open('/tmp/note', 'w').write('from before'); os.mkdir('/tmp/d'); os.chmod('/tmp/d', 0o750)
                os.symlink('note', '/tmp/d/link'); os.chdir('/usr/lib'); os.umask(0o027)
                print('before')
                f = open('/tmp/note'); f.read(5); r, w = os.pipe()
                error = rest()
                print(type(error).__name__, sum(map(len, value.values())), os.getpid(), os.environ['NAME'], os.getcwd())
                os.write(w, b'pipe'); print(os.read(r, 9), f.read(), os.readlink('/tmp/d/link'), oct(os.stat('/tmp/d').st_mode))
                print(oct(os.umask(0)), open('/tmp/note').read(), open('/proc/self/cmdline').read()[:16], end='')
                """
            let output = try await driver.snapshotAndGoOn(script) { $0.environment["NAME"] = "a b" }
            // What stood in Python's buffer is part of the memory.
            #expect(
                output == """
                    before
                    ConnectionResetError 888900 2 a b /usr/lib
                    b'pipe' before note 0o40750
                    0o27 from before /usr/bin/python3
                    """
            )
        }
    }

    @Test("two copies live at once and see nothing of each other", arguments: await DriverKind.restoring())
    func copiesAreApart(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                value = [0] * 5000
                rest()
                value[0] += 1
                with open('/tmp/count', 'a') as f: f.write('x')
                print(value[0], open('/tmp/count').read(), sorted(p for p in os.listdir('/proc') if p.isdigit()), flush=True)
                rest()
                """
            try await withImageFolder { folder async throws in
                let resting = try await driver.startResting(script)
                // One that is frozen is stopped all the same.
                if kind.limits { try await resting.sandbox.freeze() }
                let snapshot = try await resting.sandbox.takeSnapshot(into: folder)
                #expect(await resting.sandbox.waitForExit() == .killed)
                #expect(snapshot.bytes > 100_000)
                for _ in 0..<2 {
                    let copies = try await [
                        driver.restoreAgain(snapshot, resting.specification),
                        driver.restoreAgain(snapshot, resting.specification),
                    ]
                    for copy in copies {
                        let output = try #require(copy.takeOutput())
                        #expect(await output.readNext() == "1 x ['1', '2']\n")
                        output.close()
                    }
                    for copy in copies {
                        await copy.kill()
                        #expect(await copy.waitForExit() == .killed)
                    }
                }
                await snapshot.discard()
                #expect(access(folder, F_OK) != 0)
            }
        }
    }

    @Test("a copy is found again by a later server of the same boot only", arguments: await DriverKind.restoring())
    func isFoundAgain(kind: DriverKind) async throws {
        try await withImageFolder { folder async throws in
            let specification = try await kind.withDriver { driver async throws in
                #expect(await driver.openSnapshot(at: folder) == nil)
                let resting = try await driver.startResting("rest(); print('on')")
                _ = try await resting.sandbox.takeSnapshot(into: folder)
                return resting.specification
            }
            try await kind.withDriver { driver async throws in
                let found = try #require(await driver.openSnapshot(at: folder))
                #expect(found.bytes > 100_000)
                #expect(try await driver.goOn(found, specification).output == "on\n")
                writeFile(folder + "/origin", "another boot\n")
                #expect(await driver.openSnapshot(at: folder) == nil)
            }
        }
    }

    @Test(
        "a sandbox that was booted ahead becomes a copy when it is claimed, or tells why it cannot",
        arguments: await DriverKind.restoring()
    )
    func claimed(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            try await withImageFolder { folder async throws in
                let resting = try await driver.startResting("x = 41; rest(); print(x + 1, open('/opt/data').read())") {
                    $0.mounts = [SandboxMount(source: "/usr/lib", target: "/var/task")]
                }
                let snapshot = try await resting.sandbox.takeSnapshot(into: folder)
                try await withTemporaryDirectory { code async throws in
                    writeFile(code + "/data", "late")
                    for isBroken in [false, true] {
                        var empty = resting.specification
                        (empty.id, empty.command, empty.awaitsClaim) = (freshID(), [], true)
                        let cell = try await driver.start(empty)
                        if isBroken { writeFile(folder + "/table", "no table") }
                        let mounts = [SandboxMount(source: code, target: "/opt")]
                        let limits = resting.specification.limits
                        try await cell.claim(SandboxClaim(mounts: mounts, limits: limits, word: .snapshot(snapshot)))
                        let output = try await #require(cell.takeOutput()).readToEnd()
                        #expect(output == (isBroken ? "" : "42 late\n"))
                        guard case .notExecuted(let error) = await cell.waitForExit() else {
                            #expect(!isBroken)
                            continue
                        }
                        #expect(error.message.contains("the image is broken"))
                    }
                }
            }
        }
    }

    @Test("a copy has room for its files, however many sandboxes there are", arguments: await DriverKind.restoring())
    func roomForFiles(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            try await withImageFolder { folder async throws in
                let resting = try await driver.startResting("f = open('/usr/bin/env'); rest(); print(f.fileno())") {
                    $0.limits.openFiles = 24
                }
                let snapshot = try await resting.sandbox.takeSnapshot(into: folder)
                // Of each of them the jailer has something open.
                for _ in 0..<16 { _ = try await driver.start(specification(["/bin/sleep", "60"])) }
                var empty = resting.specification
                (empty.id, empty.command, empty.awaitsClaim) = (freshID(), [], true)
                let cell = try await driver.start(empty)
                let limits = resting.specification.limits
                try await cell.claim(SandboxClaim(mounts: [], limits: limits, word: .snapshot(snapshot)))
                for copy in [cell, try await driver.restoreAgain(snapshot, resting.specification)] {
                    #expect(try await #require(copy.takeOutput()).readToEnd() == "3\n")
                    #expect(await copy.waitForExit() == .exited(status: 0))
                }
            }
        }
    }

    @Test("threads go on, those that wait as those that run", arguments: await DriverKind.restoring())
    func threads(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                import queue
                q, done, local = queue.Queue(), [], threading.local()
                def work(n):
                    local.n = n
                    while (item := q.get()) is not None: done.append((local.n, item, threading.get_native_id()))
                for _ in range(3): t = threading.Thread(target=int); t.start(); t.join()
                workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
                for w in workers: w.start()
                ids = {n: w.native_id for n, w in enumerate(workers)}
                stop = []
                def spin():
                    while not stop: pass
                spinner = threading.Thread(target=spin); spinner.start()
                rest()
                for i in range(40): q.put(i)
                for _ in workers: q.put(None)
                stop.append(1); spinner.join()
                for w in workers: w.join()
                print(sorted(i for _, i, _ in done) == list(range(40)), all(ids[n] == t for n, _, t in done))
                t = threading.Thread(target=lambda: print('new')); t.start(); t.join()
                """
            #expect(try await driver.snapshotAndGoOn(script) == "True True\nnew\n")
        }
    }

    @Test("a Java virtual machine goes on", arguments: await DriverKind.restoring(), ["Serial", "G1"])
    func java(kind: DriverKind, collector: String) async throws {
        guard access("/usr/bin/java", X_OK) == 0, access("/usr/bin/javac", X_OK) == 0 else {
            print("SKIPPED: a snapshot of Java: there is no JDK at /usr/bin")
            return
        }
        try await withTemporaryDirectory { code async throws in
            writeFile(code + "/Main.java", javaSource)
            #expect(system("/usr/bin/javac -d \(code) \(code)/Main.java") == 0)
            try await kind.withDriver { driver async throws in
                try await withImageFolder { folder async throws in
                    let options = ["-XX:+Use\(collector)GC", "-Xmx64m", "-cp", "/opt"]
                    var specification = specification(["/usr/bin/java"] + options + ["Main"])
                    specification.mounts = [SandboxMount(source: code, target: "/opt")]
                    specification.listeners = [SandboxListener(port: 9_001)]
                    specification.isAttended = true
                    specification.limits.memoryBytes = 512 << 20
                    let resting = try await Resting(driver.start(specification), specification)
                    let snapshot = try await resting.sandbox.takeSnapshot(into: folder)
                    for _ in 0..<2 {
                        let outcome = try await driver.goOn(snapshot, specification)
                        #expect(outcome.output == "SocketException v777\n42\ncollected\n")
                        #expect(outcome.exit == .exited(status: 0))
                    }
                }
            }
        }
    }

    private var javaSource: String {
        """
        import java.net.*; import java.util.*; import java.util.concurrent.*;
        public class Main {
            static String rest() {
                try (Socket s = new Socket("127.0.0.1", 9001)) {
                    s.getOutputStream().write("rest".getBytes());
                    return "read " + s.getInputStream().read();
                } catch (Exception e) { return e.getClass().getSimpleName(); }
            }
            public static void main(String[] arguments) throws Exception {
                Map<Integer, String> values = new HashMap<>();
                for (int i = 0; i < 50000; i++) values.put(i, "v" + i);
                ExecutorService pool = Executors.newFixedThreadPool(3);
                pool.submit(() -> 1).get();
                System.out.println(rest() + " " + values.get(777));
                System.out.println(pool.submit(() -> 42).get());
                byte[][] blocks = new byte[20][];
                for (int i = 0; i < 100; i++) blocks[i % 20] = new byte[1 << 20];
                System.gc();
                Thread last = new Thread(() -> System.out.println("collected"));
                last.start(); last.join(); pool.shutdown();
            }
        }
        """
    }

    @Test("what polls, counts and pairs of sockets are again what they were", arguments: await DriverKind.restoring())
    func descriptors(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                import asyncio, select, signal, ctypes
                loop = asyncio.new_event_loop()
                hits = []
                signal.signal(signal.SIGUSR1, lambda *a: hits.append('signal'))
                signal.setitimer(signal.ITIMER_REAL, 1000, 7)
                a, b = socket.socketpair()
                a.setblocking(False)
                p = select.epoll(); p.register(b, select.EPOLLIN)
                d = os.dup(1); os.set_inheritable(d, False)
                u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 5353))
                server = socket.socket(); server.bind(('127.0.0.1', 8080)); server.listen()
                libc = ctypes.CDLL(None); e = libc.eventfd(3, 0)
                m = os.memfd_create('kept'); os.write(m, b'0123456789'); os.lseek(m, 4, 0)
                import tempfile; t = tempfile.TemporaryFile(); t.write(b'no name'); t.seek(3)
                rest()
                a.send(b'hello'); print(p.poll(1)[0][1], b.recv(9), a.getblocking(), int.from_bytes(os.read(e, 8), 'little'))
                os.kill(os.getpid(), signal.SIGUSR1); time.sleep(0); print(hits, signal.getitimer(signal.ITIMER_REAL)[1])
                print(loop.run_until_complete(asyncio.sleep(0.001, 'async')), u.getsockname(), os.read(m, 4))
                c = socket.create_connection(('127.0.0.1', 8080)); server.accept()[0].sendall(b'in'); print(c.recv(9), t.read(), os.listdir('/tmp'))
                sys.stdout.flush(); os.write(d, b'dup'); os.dup2(d, 1); print(os.get_inheritable(d), flush=True)
                """
            #expect(
                try await driver.snapshotAndGoOn(script) == """
                    1 b'hello' False 3
                    ['signal'] 7.0
                    async ('127.0.0.1', 5353) b'4567'
                    b'in' b'name' []
                    dupFalse

                    """
            )
        }
    }

    @Test("memory grows, shrinks and is given back as before", arguments: await DriverKind.restoring())
    func memory(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let script = """
                import mmap, ctypes
                libc = ctypes.CDLL(None, use_errno=True)
                libc.mremap.restype = libc.malloc.restype = libc.realloc.restype = ctypes.c_void_p
                libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
                m = mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); m[:4] = b'kept'; m[-4:] = b'tail'
                shared = mmap.mmap(-1, 65536); shared[:6] = b'shared'
                secret = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); secret.madvise(18); secret[:6] = b'secret'
                libc.syscall(324, 1 << 4, 0, 0)
                block = libc.malloc(300000); ctypes.memset(block, 7, 300000)
                rest()
                print(secret[:6] == bytes(6), libc.syscall(324, 1 << 3, 0, 0))
                m.resize(8 << 20); print(m[:4], m[(1 << 20) - 4:1 << 20], m[1 << 20:] == bytes(7 << 20))
                try: m.madvise(mmap.MADV_DONTNEED)
                except OSError as error: print(error.errno, m[:4])
                block = libc.realloc(block, 3000000)
                print(ctypes.string_at(block, 300000) == b'\\7' * 300000, shared[:6])
                if os.fork() == 0:
                    shared[:6] = b'child!'; m[:4] = b'gone'; os._exit(0)
                os.wait(); print(shared[:6], m[:4]); x = bytearray(40 << 20); del x
                def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
                sys.setrecursionlimit(20000); print(deep(9000))
                """
            #expect(
                try await driver.snapshotAndGoOn(script) { $0.limits.memoryBytes = 256 << 20 } == """
                    True 0
                    b'kept' b'tail' True
                    22 b'kept'
                    True b'shared'
                    b'child!' b'kept'
                    9000

                    """
            )
        }
    }
}
