// SPDX-License-Identifier: Apache-2.0
import Glibc
import Synchronization
import Testing

private let counter = Atomic<Int>(0)

/// Another machine, as far as this one's network knows: a network namespace at the end of a cable, with a server that greets
/// and echoes, and a name server that knows one name.
struct OtherHost: Sendable {
    let name: String
    /// This machine's end of the cable.
    let near: String
    /// The other's.
    let far: String
    /// A file of /etc/resolv.conf's form that names its name server, which knows `afar.test`.
    var resolverFile = ""

    /// It takes the host's root to lay a cable; nil where that is not to be had, which is printed.
    static func run(_ body: (OtherHost) async throws -> Void) async throws {
        guard geteuid() == 0, system("command -v ip >/dev/null") == 0 else {
            return print("SKIPPED: a test with another host: it takes root and iproute2")
        }
        let number = counter.add(1, ordering: .relaxed).newValue
        let subnet = "10.\(200 + getpid() % 50).\(number % 250)"
        var host = OtherHost(name: "mt\(getpid())-\(number)", near: "\(subnet).1", far: "\(subnet).2")
        let cable = "mv\(getpid() % 100_000)-\(number)"
        let name = host.name
        defer { _ = system("ip netns pids \(name) | xargs -r kill -9; ip netns del \(name)") }
        let laid = system(
            """
            ip netns add \(host.name) && ip link add \(cable) type veth peer name far netns \(host.name) \
            && ip addr add \(host.near)/24 dev \(cable) && ip link set \(cable) up \
            && ip -n \(host.name) addr add \(host.far)/24 dev far && ip -n \(host.name) link set far up \
            && ip -n \(host.name) link set lo up
            """
        )
        try #require(laid == 0, "the other host could not be made")
        try await withTemporaryDirectory { directory async throws in
            let script = "\(directory)/server.py"
            writeFile(script, server)
            _ = system("ip netns exec \(host.name) \(python) \(script) \(host.far) \(directory)/up \(getpid()) &")
            #expect(try await eventually { access(directory + "/up", F_OK) == 0 })
            writeFile(directory + "/resolv.conf", "nameserver \(host.far)\n")
            host.resolverFile = directory + "/resolv.conf"
            try await body(host)
        }
    }

    /// Port 7 sends back what it gets, up to its end; port 80 greets.
    private static let server = """
        import os, socket, socketserver, struct, sys, threading, time
        class Echo(socketserver.BaseRequestHandler):
            def handle(self):
                while piece := self.request.recv(65536): self.request.sendall(piece)
                self.request.shutdown(socket.SHUT_WR)
        class Greet(socketserver.BaseRequestHandler):
            def handle(self): self.request.sendall(b'hello from afar')
        class Names(socketserver.BaseRequestHandler):
            def handle(self):
                query, answering = self.request
                question = query[12:query.index(0, 12) + 5]
                known = question.lower().startswith(b'\\x04afar\\x04test\\x00\\x00\\x01')
                head = query[:2] + (b'\\x81\\x80' if known else b'\\x81\\x83') + b'\\x00\\x01' + (b'\\x00\\x01' if known else b'\\x00\\x00') + bytes(4)
                answer = b'\\xc0\\x0c\\x00\\x01\\x00\\x01\\x00\\x00\\x00\\x3c\\x00\\x04' + socket.inet_aton(sys.argv[1])
                answering.sendto(head + question + (answer if known else b''), self.client_address)
        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True
            request_queue_size = 512
        servers = [Server((sys.argv[1], 7), Echo), Server((sys.argv[1], 80), Greet), socketserver.ThreadingUDPServer((sys.argv[1], 53), Names)]
        for server in servers: threading.Thread(target=server.serve_forever, daemon=True).start()
        open(sys.argv[2], 'w').close()
        # A test that was killed takes nobody along.
        while os.path.exists('/proc/' + sys.argv[3]): time.sleep(1)
        """
}
