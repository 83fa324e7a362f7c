// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

/// Hostile functions. Each prints what it has reached, and nothing when it has reached nothing.
@Suite("Sandbox escape attempts") struct SandboxEscapeTests {
    @Test("what a function may not do fails", arguments: await DriverKind.isolating(), escapeAttempts)
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
                for attempt in escapeAttempts where harmless.contains(attempt.name) {
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

struct EscapeAttempt: Sendable, CustomTestStringConvertible {
    var name: String
    var script: String
    var testDescription: String { name }

    /// It makes system calls by number, and those here are x86-64's.
    var needsOtherNumbers: Bool {
        #if arch(x86_64)
        false
        #else
        script.contains("denied(")
        #endif
    }

    init(_ name: String, _ script: String) {
        self.name = name
        self.script = script
    }

    /// `attempt(f)` prints what `f` returns, if it returns at all. `call` makes a system call and returns it when the
    /// kernel agreed; `denied` demands one of the given error numbers, so that a wrong argument is not taken for a
    /// wall.
    static let prelude = """
        import ctypes, os, platform
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
        server = int(os.environ.get('SERVER_PID', '1'))
        secret = os.environ.get('SECRET_DIRECTORY', '/nowhere') + '/secret'
        def attempt(f):
            try: result = f()
            except OSError: return
            if result: print('REACHED', result, flush=True)
        def denied(name, number, arguments, errors):
            if platform.machine() != 'x86_64': return
            ctypes.set_errno(0)
            result = libc.syscall(ctypes.c_long(number), *arguments)
            if result != -1 or ctypes.get_errno() not in errors: print('NOT DENIED', name, result, ctypes.get_errno())
        def exists(*paths): return [p for p in paths if os.path.lexists(p)]
        def writable(*paths):
            done = []
            for p in paths:
                try: os.close(os.open(p, os.O_WRONLY)); done.append(p)
                except OSError: pass
            return done
        def readable(*paths):
            done = []
            for p in paths:
                try:
                    if os.read(os.open(p, os.O_RDONLY), 64): done.append(p)
                except OSError: pass
            return done

        """
}

let escapeAttempts: [EscapeAttempt] = [
    EscapeAttempt("read the server's files", "attempt(lambda: exists(secret, os.path.dirname(secret)))"),
    EscapeAttempt(
        "see the host's directories",
        """
        attempt(lambda: exists('/root', '/home', '/var', '/srv', '/run', '/mnt', '/boot', '/sys/kernel', '/opt', '/work'))
        """
    ),
    EscapeAttempt(
        "read the host's secrets in /etc",
        """
        attempt(lambda: exists('/etc/shadow', '/etc/ssh', '/etc/sudoers', '/etc/machine-id', '/etc/fstab'))
        attempt(lambda: os.path.exists('/etc/ssl/private') and os.listdir('/etc/ssl/private'))
        """
    ),
    EscapeAttempt(
        "write to shared directories",
        "attempt(lambda: [p for p in ('/', '/usr', '/etc', '/dev', '/usr/bin', '/usr/lib') if os.access(p, os.W_OK)])"
    ),
    EscapeAttempt("create a file in the root", "attempt(lambda: open('/new', 'w') and 'the root')"),
    EscapeAttempt(
        "climb out by ..",
        """
        fd = os.open('/', os.O_RDONLY)
        for _ in range(64): fd = os.open('..', os.O_RDONLY, dir_fd=fd)
        attempt(lambda: [n for n in os.listdir(fd) if n in ('root', 'home', 'var', 'boot')])
        """
    ),
    EscapeAttempt(
        "look through other processes' links",
        """
        for p in os.listdir('/proc'):
            if p.isdigit() and int(p) != os.getpid():
                for link in ('root', 'cwd', 'exe', 'fd/0', 'fd/3', 'ns/mnt'):
                    attempt(lambda: os.readlink(f'/proc/{p}/{link}'))
        """
    ),
    EscapeAttempt(
        "read process 1",
        "attempt(lambda: readable('/proc/1/environ', '/proc/1/mem', '/proc/1/maps', '/proc/1/auxv', '/proc/1/stack'))"
    ),
    EscapeAttempt(
        "write process 1",
        "attempt(lambda: writable('/proc/1/mem', '/proc/1/oom_score_adj', '/proc/1/uid_map', '/proc/1/comm'))"
    ),
    EscapeAttempt(
        "see the server's process",
        "attempt(lambda: server not in (1, os.getpid()) and exists(f'/proc/{server}'))"
    ),
    EscapeAttempt(
        "see more than its own processes",
        "attempt(lambda: [p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid())])"
    ),
    EscapeAttempt(
        "kill others",
        """
        attempt(lambda: os.kill(server, 0) or (server not in (1, os.getpid()) and 'the server'))
        import signal
        for s in (9, 15, 19, 11):
            try: os.kill(1, s)
            except OSError: pass
        """
    ),
    EscapeAttempt("stop process 1 through its group", "attempt(lambda: os.killpg(1, 9) or 'the group of process 1')"),
    EscapeAttempt(
        "mount",
        """
        denied('mount', 165, (b'none', b'/tmp', b'tmpfs', 0, 0), (1,))
        denied('open_tree', 428, (-100, b'/', 1), (1,))
        denied('fsopen', 430, (b'tmpfs', 0), (1,))
        """
    ),
    EscapeAttempt("unmount", "denied('umount2', 166, (b'/proc/sys', 2), (1,))"),
    EscapeAttempt(
        "remount writable",
        """
        denied('mount', 165, (0, b'/', 0, 32, 0), (1,))
        denied('mount_setattr', 442, (-100, b'/', 0, 0, 0), (1,))
        """
    ),
    EscapeAttempt(
        "pivot_root and chroot",
        """
        denied('pivot_root', 155, (b'/tmp', b'/tmp'), (1,))
        denied('chroot', 161, (b'/tmp',), (1,))
        """
    ),
    EscapeAttempt(
        "make namespaces",
        """
        for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x4000000, 0x8000000, 0x2000000):
            denied('unshare', 272, (flag,), (1,))
            denied('clone', 56, (flag | 17, 0, 0, 0, 0), (1, 38))
        denied('clone3', 435, (0, 0), (38,))
        """
    ),
    EscapeAttempt(
        "enter namespaces",
        """
        fd = os.open('/proc/self/ns/net', os.O_RDONLY)
        denied('setns', 308, (fd, 0), (1,))
        """
    ),
    EscapeAttempt(
        "trace",
        """
        denied('ptrace', 101, (0, 0, 0, 0), (1,))
        denied('process_vm_readv', 310, (1, 0, 0, 0, 0, 0), (1,))
        denied('kcmp', 312, (1, 2, 0, 0, 0), (1,))
        """
    ),
    EscapeAttempt(
        "load code into the kernel",
        """
        denied('bpf', 321, (0, 0, 0), (1,))
        denied('init_module', 175, (0, 0, b''), (1,))
        denied('finit_module', 313, (0, b'', 0), (1,))
        denied('kexec_load', 246, (0, 0, 0, 0), (1,))
        """
    ),
    EscapeAttempt(
        "use keyrings",
        """
        denied('keyctl', 250, (0, -3, 0), (1,))
        denied('add_key', 248, (b'user', b'a', b'b', 1, -3), (1,))
        denied('request_key', 249, (b'user', b'a', 0, -3), (1,))
        """
    ),
    EscapeAttempt(
        "use io_uring, userfaultfd, perf",
        """
        denied('io_uring_setup', 425, (8, 0), (1,))
        denied('userfaultfd', 323, (0,), (1,))
        denied('perf_event_open', 298, (0, 0, -1, -1, 0), (1,))
        """
    ),
    EscapeAttempt(
        "open files by handle",
        """
        denied('open_by_handle_at', 304, (-100, 0, 0), (1,))
        denied('name_to_handle_at', 303, (-100, b'/', 0, 0, 0), (1,))
        """
    ),
    EscapeAttempt("take descriptors of others", "denied('pidfd_getfd', 438, (0, 0, 0), (1,))"),
    EscapeAttempt(
        "change the clock, the name, reboot",
        """
        denied('settimeofday', 164, (0, 0), (1,))
        denied('sethostname', 170, (b'x', 1), (1,))
        denied('reboot', 169, (0xfee1dead, 672274793, 0, 0), (1,))
        denied('swapon', 167, (b'/tmp/x', 0), (1,))
        """
    ),
    EscapeAttempt("reach I/O ports", "denied('iopl', 172, (3,), (1,))\ndenied('ioperm', 173, (0, 1, 1), (1,))"),
    EscapeAttempt(
        "read the kernel's log",
        """
        denied('syslog', 103, (3, 0, 0), (1,))
        attempt(lambda: readable('/dev/kmsg', '/proc/kmsg', '/proc/kcore', '/proc/kallsyms', '/dev/mem', '/proc/keys', '/proc/timer_list'))
        """
    ),
    EscapeAttempt(
        "steer the kernel",
        """
        attempt(lambda: writable('/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern', '/proc/sys/vm/overcommit_memory', '/proc/sys/net/ipv4/ip_forward', '/proc/sys/kernel/hostname', '/proc/irq/default_smp_affinity'))
        """
    ),
    EscapeAttempt(
        "open sockets below IP",
        """
        import socket
        for family, kind in ((socket.AF_PACKET, socket.SOCK_RAW), (socket.AF_INET, socket.SOCK_RAW), (socket.AF_INET6, socket.SOCK_RAW), (38, socket.SOCK_SEQPACKET), (40, socket.SOCK_STREAM), (44, socket.SOCK_RAW), (31, socket.SOCK_RAW)):
            attempt(lambda: socket.socket(family, kind, 1 if kind == socket.SOCK_RAW else 0) and f'family {family}')
        """
    ),
    EscapeAttempt(
        "reach another network",
        """
        import socket
        attempt(lambda: [n for _, n in socket.if_nameindex() if n != 'lo'])
        attempt(lambda: socket.create_connection(('8.8.8.8', 53), 1) and 'the internet')
        """
    ),
    EscapeAttempt(
        "find abstract sockets of the host",
        "attempt(lambda: [l for l in open('/proc/net/unix').read().splitlines()[1:] if '@' in l])"
    ),
    EscapeAttempt(
        "become somebody else",
        """
        attempt(lambda: os.setuid(0) or 'root')
        attempt(lambda: os.setgid(0) or 'group root')
        attempt(lambda: os.setgroups([0]) or 'groups')
        """
    ),
    EscapeAttempt(
        "gain from setuid programs",
        """
        import subprocess
        for p in ('/usr/bin/su', '/usr/bin/mount', '/usr/bin/passwd'):
         if os.path.exists(p) and os.stat(p).st_mode & 0o4000: attempt(lambda: b'0\
        ' == subprocess.run([p, '-c', 'id -u'], capture_output=True, stdin=subprocess.DEVNULL).stdout and 'root')
        """
    ),
    EscapeAttempt(
        "make a setuid or device file in /tmp",
        """
        import stat
        attempt(lambda: os.mknod('/tmp/disk', stat.S_IFBLK | 0o666, os.makedev(8, 0)) or 'a disk')
        attempt(lambda: os.mknod('/tmp/mem', stat.S_IFCHR | 0o666, os.makedev(1, 1)) or 'memory')
        attempt(lambda: [l for l in open('/proc/mounts') if ' /tmp ' in l and not ('nosuid' in l and 'nodev' in l)])
        """
    ),
    EscapeAttempt(
        "escape from a chroot with a descriptor",
        """
        fd = os.open('/', os.O_RDONLY)
        try: os.chroot('/tmp')
        except OSError: pass
        os.fchdir(fd)
        for _ in range(32): os.chdir('..')
        attempt(lambda: [n for n in os.listdir('.') if n in ('root', 'home', 'var', 'boot')])
        """
    ),
    EscapeAttempt(
        "find descriptors of the server",
        "attempt(lambda: [n for n in range(3, 1024) if os.path.lexists(f'/proc/self/fd/{n}')])"
    ),
    EscapeAttempt(
        "raise its limits",
        """
        import resource
        for r in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE):
         try: resource.setrlimit(r, (1 << 20, 1 << 20)); print('REACHED limit', r)
         except (ValueError, OSError): pass
        """
    ),
    EscapeAttempt(
        "see cgroups",
        """
        attempt(lambda: exists('/sys/fs/cgroup'))
        attempt(lambda: [l for l in open('/proc/self/cgroup') if 'martlet' in l])
        """
    ),
    EscapeAttempt(
        "write into the user map",
        """
        attempt(lambda: os.write(os.open('/proc/self/uid_map', os.O_WRONLY), b'0 0 1') and 'the map')
        attempt(lambda: os.write(os.open('/proc/self/setgroups', os.O_WRONLY), b'allow') and 'groups')
        """
    ),
]
