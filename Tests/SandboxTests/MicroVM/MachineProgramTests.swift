// SPDX-License-Identifier: Apache-2.0
import Egress
import Glibc
import LinuxSystem
import MartletCore
import NIOPosix
import Sandbox
import Testing

@testable import SandboxMicroVM

/// What runs beside a machine's monitor, without a machine: a script stands for the monitor, and does what a guest could have
/// it do.
@Suite("The program beside a machine's monitor", .timeLimit(.minutes(20))) struct MachineProgramTests {
    private let libraries: [String] = {
        guard let bytes = try? HostFile.contents(of: "/proc/self/maps") else { return [] }
        return LoadedLibraries.directories(in: String(decoding: bytes, as: UTF8.self))
    }()

    private func run(
        _ script: String,
        _ change: (inout MachineProgram) -> Void,
        _ front: EgressFront? = nil
    ) async throws -> (text: String, exit: SandboxExit) {
        var program = MachineProgram(command: [python, "-S", "-c", Self.prelude + script])
        change(&program)
        return try await DriverKind.namespace.withDriver { driver async throws in
            let sandbox = try await driver.start(
                specification(["/machine/\(MachineProgram.name)"] + program.arguments) { specification in
                    specification.mounts.append(
                        SandboxMount(source: jailerPath, target: "/machine/\(MachineProgram.name)")
                    )
                    for (index, path) in libraries.enumerated() {
                        specification.mounts.append(SandboxMount(source: path, target: "/export/lib/\(index)"))
                    }
                    specification.environment["LD_LIBRARY_PATH"] =
                        libraries.indices.map { "/export/lib/\($0)" }.joined(separator: ":")
                    specification.limits.memoryBytes = 256 << 20
                    specification.network = front == nil ? .none : .egress
                }
            )
            var stop: (@Sendable () -> Void)?
            if let egress = sandbox.takeEgress() { stop = try await front?.serve(egress) }
            let text = try await #require(sandbox.takeOutput()).readToEnd()
            let exit = await sandbox.waitForExit()
            stop?()
            return (text, exit)
        }
    }

    private static let prelude = """
        import os, random, select, socket, struct, sys, time
        def port(number):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(20)
            for _ in range(200):
                try: s.connect(f'/tmp/vsock_{number}')
                except FileNotFoundError: time.sleep(0.05)
                except BlockingIOError: time.sleep(0.05)
                else: return s
            sys.exit('nobody listens')
        def outward(host, number):
            s = port(3)
            s.sendall(struct.pack('=I4sHH', 1, socket.inet_aton(host), socket.htons(number), 0))
            return s
        def reach(host, number):
            with outward(host, number) as s:
                try: return s.recv(100).decode() or 'nothing'
                except OSError as e: return type(e).__name__

        """

    @Test(
        "ends as its monitor does",
        arguments: [
            ("sys.exit(42)", SandboxExit.exited(status: 42)), ("os.kill(os.getpid(), 9)", .signalled(SIGKILL)),
            ("os.kill(os.getpid(), 15)", .signalled(SIGTERM)),
        ]
    )
    func ending(script: String, exit: SandboxExit) async throws {
        #expect(try await run(script, { _ in }).exit == exit)
    }

    @Test("gives the monitor its files, a vsock's other end, and none of its own variables")
    func furniture() async throws {
        let script = """
            print(open('/tmp/x').read(), sorted(os.environ))
            s = socket.socket(fileno=3)
            s.sendall(struct.pack('=III', 1, 1, 0))  # VHOST_USER_GET_FEATURES
            print(struct.unpack('=IIIQ', s.recv(100))[3] >> 32 & 1)
            """
        let (text, exit) = try await run(script) {
            $0.files = [.init(path: "/tmp/x", text: "the text")]
            $0.givesVsock = true
        }
        #expect(
            text == "the text ['LC_CTYPE', 'PATH', 'TMPDIR']\n1\n" || text == "the text ['PATH', 'TMPDIR']\n1\n",
            "\(text)"
        )
        #expect(exit == .exited(status: 0))
    }

    @Test("ends a machine whose vsock breaks")
    func brokenVsock() async throws {
        let script = """
            s = socket.socket(fileno=3)
            s.sendall(struct.pack('=III', 999, 1, 0))
            time.sleep(60)
            """
        #expect(try await run(script) { $0.givesVsock = true }.exit == .signalled(SIGKILL))
    }

    @Test("leads outwards whoever says where to, and is not confused by who does not")
    func wayOut() async throws {
        try await OtherHost.run { host async throws in
            let front = EgressFront(
                policy: EgressPolicy(),
                clock: SystemClock(),
                group: MultiThreadedEventLoopGroup.singleton,
                resolverFile: host.resolverFile
            )
            let script = """
                print(reach('\(host.far)', 80))
                def look_up(question):
                    with port(3) as s:
                        s.sendall(struct.pack('=I4sHH', 2, bytes(4), 0, 0) + struct.pack('>H', len(question)) + question)
                        return s.recv(5000)
                name = b''.join(bytes([len(x)]) + x for x in [b'afar', b'test']) + bytes(1)
                question = struct.pack('>HHHHHH', 7, 256, 1, 0, 0, 0) + name + struct.pack('>HH', 1, 1)
                answer = b''
                for _ in range(5):
                    answer = answer or look_up(question)
                print(socket.inet_ntoa(answer[-4:]), struct.unpack('>H', answer[:2])[0] == len(answer) - 2)
                random.seed(7)
                for round in range(3000):
                    with port(3) as s:
                        kind = random.choice([0, 1, 2, 2, 3, 0xffffffff])
                        head = struct.pack('=I4sHH', kind, bytes([random.choice([0, 10, 127, 224, 255]), 0, 0, 1]), random.randrange(65536), 0)
                        tail = random.randbytes(random.choice([0, 1, 2, 3, 40, 5000]))
                        whole = head + tail
                        s.sendall(whole[:random.choice([0, 1, 11, 12, 13, 14, len(whole)])])
                # As many as are heard at a time, and more, who never say anything.
                idle = [port(3) for _ in range(100)]
                print(reach('\(host.far)', 80))
                print(reach('127.0.0.1', 9))
                """
            let (text, exit) = try await run(script, { $0.hasWayOut = true }, front)
            #expect(text == "hello from afar\n\(host.far) True\nhello from afar\nnothing\n", "\(text)")
            #expect(exit == .exited(status: 0))
        }
    }

    @Test("is no command of a person's")
    func arguments() async throws {
        let (text, exit) = try await run("", { $0.command = [] })
        #expect(exit != .exited(status: 0) && text.contains("martlet-machine"), "\(text)")
    }
}
