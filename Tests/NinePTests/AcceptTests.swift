// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import NineP

@Suite("9P: accepting connections") struct AcceptTests {
    private let tree: Tree

    init() throws {
        tree = try Tree()
        try tree.file("file", "text")
    }

    private func address(_ path: String) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return address
    }

    private func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32,
        _ number: Int32
    ) throws {
        var address = address(tree["socket"])
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }

    /// Serves at a listener while `body` runs, and waits until the server has stopped accepting.
    private func accepting(_ limits: NinePLimits, _ body: (NinePServer) throws -> Void) throws {
        let server = NinePServer([NinePExport(name: "", path: tree.path)], limits: limits)
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try call(bind, listener)
        try #require(listen(listener, 64) == 0)
        var pipe: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&pipe) == 0)
        let done = pipe[1]
        try detachThread(named: "9p") {
            server.accept(at: FileDescriptor(listener))
            close(done)
        }
        try body(server)
        shutdown(listener, Int32(SHUT_RDWR))
        var byte: UInt8 = 0
        #expect(read(pipe[0], &byte, 1) == 0)
        close(pipe[0])
        close(listener)
    }

    private func connected() throws -> NineClient {
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try call(connect, number)
        return NineClient(over: number)
    }

    @Test("everybody who connects is served, all at once") func served() throws {
        try accepting(NinePLimits(connections: 20)) { _ in
            let clients = try (0..<20).map { _ in try connected() }
            for client in clients {
                _ = try client.version()
                _ = try client.attach(0)
            }
            for client in clients.reversed() { #expect(try client.content("file") == "text") }
        }
    }

    @Test("the surplus is closed, and there is room again when somebody has gone") func surplus() throws {
        try accepting(NinePLimits(connections: 2)) { _ in
            let (one, other) = (try connected(), try connected())
            _ = try one.version()
            _ = try other.version()
            #expect(throws: Ended.self) { try connected().version() }
            #expect(throws: Ended.self) { try connected().version() }
            _ = try one.attach(0)
            #expect(try one.content("file") == "text")
            other.leave()
            // Closed by the server when it has let go of everything but its place among the connections.
            var next: NineClient?
            while next == nil {
                let client = try connected()
                if (try? client.version()) != nil { next = client }
            }
            _ = try next?.attach(0)
            #expect(try next?.content("file") == "text")
        }
    }

    @Test("what is no listener is not waited for") func noListener() throws {
        let server = NinePServer([])
        server.accept(at: FileDescriptor(-1))
        let file = open(tree["file"], O_RDONLY)
        server.accept(at: FileDescriptor(file))
        close(file)
        #expect(server.isIdle)
    }
}
