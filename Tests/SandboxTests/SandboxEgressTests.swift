// SPDX-License-Identifier: Apache-2.0
import Egress
import Glibc
import LinuxSystem
import MartletCore
import NIOPosix
import Sandbox
import Testing

@Suite("The way out of a sandbox") struct SandboxEgressTests {
    /// Runs a script of Python in a sandbox whose way out leads to `front`; nil: nobody serves it.
    private func run(
        _ script: String,
        on driver: any SandboxDriver,
        _ front: EgressFront?,
        network: SandboxNetwork = .egress
    ) async throws -> String {
        let sandbox = try await driver.start(
            specification([python, "-S", "-c", Self.prelude + script]) { $0.network = network }
        )
        let egress = sandbox.takeEgress()
        #expect((egress != nil) == (network == .egress))
        var stop: (@Sendable () -> Void)?
        if let egress { stop = try await front?.serve(egress) }
        let text = try await #require(sandbox.takeOutput()).readToEnd()
        _ = await sandbox.waitForExit()
        stop?()
        return text
    }

    private func front(
        _ policy: EgressPolicy = EgressPolicy(),
        _ resolverFile: String? = nil,
        _ change: (inout EgressLimits) -> Void = { _ in }
    ) -> EgressFront {
        var limits = EgressLimits()
        change(&limits)
        return EgressFront(
            policy: policy,
            limits: limits,
            clock: SystemClock(),
            group: MultiThreadedEventLoopGroup.singleton,
            resolverFile: resolverFile
        )
    }

    /// `reach` says what a connection has brought, or the error's name.
    private static let prelude = """
        import errno, os, socket, struct, sys, time
        def reach(host, port, seconds=10):
            try:
                with socket.create_connection((host, port), seconds) as s: return s.recv(100).decode() or 'nothing'
            except OSError as e: return errno.errorcode.get(e.errno, type(e).__name__)

        """

    @Test("it reaches another host, which without it is out of reach", arguments: await DriverKind.lettingOut())
    func reaches(kind: DriverKind) async throws {
        try await OtherHost.run { host async throws in
            let script = "print(reach('\(host.far)', 80))"
            try await kind.withDriver { driver async throws in
                #expect(try await run(script, on: driver, front()) == "hello from afar\n")
                #expect(try await run(script, on: driver, front(), network: .none) == "ENETUNREACH\n")
            }
        }
    }

    @Test("streams pass whole in both directions, however slow one end is", arguments: await DriverKind.lettingOut())
    func streams(kind: DriverKind) async throws {
        try await OtherHost.run { host async throws in
            let script = """
                import hashlib, threading
                s = socket.socket()
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
                s.connect(('\(host.far)', 7))
                block = bytes(range(256)) * 4096
                sent = 0
                def send():
                    global sent
                    for _ in range(16):
                        s.sendall(block)
                        sent += len(block)
                    s.shutdown(socket.SHUT_WR)
                threading.Thread(target=send).start()
                # Long enough for every buffer between to fill.
                time.sleep(0.3)
                got, count = hashlib.sha256(), 0
                while piece := s.recv(65536):
                    # So slow that much is still on its way here when the other end has long ended.
                    time.sleep(0.002)
                    got.update(piece)
                    count += len(piece)
                isWhole = got.hexdigest() == hashlib.sha256(block * 16).hexdigest()
                print("whole" if isWhole else f"{count} bytes of {16 * len(block)}, {sent} sent")
                """
            try await kind.withDriver { driver async throws in
                let text = try await run(script, on: driver, front())
                #expect(text == "whole\n")
            }
        }
    }

    @Test("names are the host's name server's to answer", arguments: await DriverKind.lettingOut())
    func names(kind: DriverKind) async throws {
        try await OtherHost.run { host async throws in
            let script = """
                # Datagrams may be late where many tests share a processor; who asks for a name asks again.
                def asked(ask, hoped):
                    for _ in range(10):
                        try: answer = ask()
                        except OSError as e: answer = str(e)
                        if answer == hoped: break
                    return answer
                print(asked(lambda: socket.gethostbyname('afar.test'), '\(host.far)'))
                print(asked(lambda: reach('afar.test', 80), 'hello from afar'))
                try: socket.gethostbyname('nowhere.test')
                except socket.gaierror as e: print(e.errno in (socket.EAI_NONAME, socket.EAI_AGAIN))
                """
            try await kind.withDriver { driver async throws in
                let resolving = front(EgressPolicy(), host.resolverFile)
                let text = try await run(script, on: driver, resolving)
                #expect(text == "\(host.far)\nhello from afar\nTrue\n")
            }
        }
    }

    @Test(
        "the host itself and metadata services are out of reach, unless allowed",
        arguments: await DriverKind.lettingOut()
    )
    func closed(kind: DriverKind) async throws {
        try await OtherHost.run { host async throws in
            let listener = try FileDescriptor.listeningOnLoopback()
            let port = try listener.localPort()
            defer { listener.close() }
            let served = try await serveHere(at: host.near)
            defer { _ = system("kill \(served.process)") }
            let script = """
                print(reach('169.254.169.254', 80, 3))
                print(reach('169.254.170.2', 80, 3))
                print(reach('127.0.0.1', \(port)))
                print(reach('\(host.near)', \(served.port)))
                """
            try await kind.withDriver { driver async throws in
                let refused = try await run(script, on: driver, front())
                #expect(refused == "EHOSTUNREACH\nEHOSTUNREACH\nECONNREFUSED\nECONNRESET\n")
                let policy = EgressPolicy(allowed: [try #require(AddressBlock("\(host.near):\(served.port)"))])
                let allowed = try await run(script, on: driver, front(policy))
                #expect(allowed.hasSuffix("\nECONNREFUSED\nthe host's own\n"))
                #expect(await !listener.becomesReadable(withinMilliseconds: 0))
            }
        }
    }

    /// A server of this host's.
    private func serveHere(at address: String) async throws -> (port: Int, process: Int) {
        try await withTemporaryDirectory { directory async throws in
            let script = """
                import os, socketserver, threading, time
                class Own(socketserver.BaseRequestHandler):
                    def handle(self): self.request.sendall(b"the host's own")
                server = socketserver.ThreadingTCPServer(('\(address)', 0), Own)
                open('\(directory)/port.new', 'w').write(f'{server.server_address[1]} {os.getpid()}')
                os.rename('\(directory)/port.new', '\(directory)/port')
                threading.Thread(target=server.serve_forever, daemon=True).start()
                # A test that was killed takes nobody along.
                while os.path.exists('/proc/\(getpid())'): time.sleep(1)
                """
            writeFile(directory + "/own.py", script)
            _ = system("\(python) \(directory)/own.py >/dev/null 2>&1 &")
            #expect(try await eventually { contents(of: directory + "/port") != nil })
            let numbers = (contents(of: directory + "/port") ?? "").split(separator: " ").compactMap { Int($0) }
            try #require(numbers.count == 2)
            return (numbers[0], numbers[1])
        }
    }

    @Test(
        "nothing but TCP and names passes, and what is refused is refused at once",
        arguments: await DriverKind.lettingOut()
    )
    func onlyTCP(kind: DriverKind) async throws {
        try await OtherHost.run { host async throws in
            let script = """
                def attempt(make):
                    try: return make() or 'made'
                    except OSError as e: return errno.errorcode[e.errno]
                print(attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('\(host.far)', 53))))
                print(attempt(lambda: socket.create_connection(('fd00::1', 80))))
                print(attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)))
                """
            try await kind.withDriver { driver async throws in
                let lines = try await run(script, on: driver, front()).split(separator: "\n")
                try #require(lines.count == 3)
                #expect(lines[0] == "ENETUNREACH")
                #expect(["ENETUNREACH", "EADDRNOTAVAIL"].contains(lines[1]))
                #expect(["EPERM", "EACCES"].contains(lines[2]))
            }
        }
    }

    @Test("a function cannot change its way out", arguments: await DriverKind.lettingOut())
    func cannotChange(kind: DriverKind) async throws {
        try await OtherHost.run { host async throws in
            // Asks for a route to link-local addresses, then for the end of the table that turns connections; then for a
            // user namespace in which it might.
            let script = """
                def ask(family, kind, flags, body):
                    try:
                        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family)
                        s.settimeout(2)
                        s.send(struct.pack('=IHHII', 16 + len(body), kind, flags | 5, 1, 0) + body)
                        answer = s.recv(4096)
                        return struct.unpack_from('=i', answer, 16)[0] if struct.unpack_from('=H', answer, 4)[0] == 2 else 'answered'
                    except OSError as e: return -e.errno
                route = struct.pack('=BBBBBBBBI', 2, 16, 0, 0, 254, 3, 253, 1, 0) + struct.pack('=HH4s', 8, 1, b'\\xa9\\xfe\\0\\0') + struct.pack('=HHI', 8, 4, 1)
                refusals = [ask(0, 24, 0x600, route), ask(0, 25, 0, route), ask(12, 0x0a02, 0, b'\\x02\\0\\0\\0')]
                print(all(isinstance(r, int) and r < 0 for r in refusals) or refusals)
                print(reach('169.254.169.254', 80, 3), reach('\(host.far)', 80))
                """
            try await kind.withDriver { driver async throws in
                #expect(try await run(script, on: driver, front()) == "True\nEHOSTUNREACH hello from afar\n")
            }
        }
    }

    @Test("where nobody serves it, it leads nowhere", arguments: await DriverKind.lettingOut())
    func unserved(kind: DriverKind) async throws {
        try await kind.withDriver { driver async throws in
            let text = try await run("print(reach('10.1.2.3', 80, 0.5))", on: driver, nil)
            #expect(["TimeoutError\n", "timeout\n", "ETIMEDOUT\n", "ECONNRESET\n"].contains(text))
        }
    }

    @Test("one sandbox has so many connections at most, and they break when its service ends")
    func bounded() async throws {
        guard let kind = await DriverKind.lettingOut().first else { return }
        try await OtherHost.run { host async throws in
            try await kind.withDriver { driver async throws in
                let script = """
                    open_ = [socket.create_connection(('\(host.far)', 7)) for _ in range(4)]
                    def echoes(s):
                        try:
                            s.settimeout(10)
                            s.sendall(b'x')
                            return s.recv(1) == b'x'
                        except OSError: return False
                    print([echoes(s) for s in open_], flush=True)
                    open_[0].close()
                    while not echoes(socket.create_connection(('\(host.far)', 7))): time.sleep(0.01)
                    print('room again', flush=True)
                    print(open_[1].recv(1), flush=True)
                    """
                let sandbox = try await driver.start(
                    specification([python, "-S", "-c", Self.prelude + script]) { $0.network = .egress }
                )
                let output = try #require(sandbox.takeOutput())
                let stop = try await front(EgressPolicy()) { $0.connections = 3 }.serve(
                    try #require(sandbox.takeEgress())
                )
                #expect(await output.readNext() == "[True, True, True, False]\n")
                #expect(await output.readNext() == "room again\n")
                stop()
                #expect(await output.readToEnd() == "b''\n")
                await sandbox.kill()
            }
        }
    }
}
