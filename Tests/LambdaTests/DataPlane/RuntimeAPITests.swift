// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import Lambda

/// Writes down what the Runtime API hands over, and accepts it.
private final class Recorder: RuntimeAPIDelegate {
    let calls = NIOLockedValueBox<[String]>([])

    func next(_ request: RuntimeRequest) { request.answer(status: .ok, body: ByteBuffer(string: "event")) }

    func response(_ request: RuntimeRequest, id: String, body: ByteBuffer, isTooLarge: Bool) {
        calls.withLockedValue { $0.append("response \(id) \(isTooLarge ? "too large" : String(buffer: body))") }
        request.accept()
    }

    func error(_ request: RuntimeRequest, id: String, body: ByteBuffer, errorType: String?) {
        calls.withLockedValue { $0.append("error \(id) \(errorType ?? "-") \(String(buffer: body))") }
        request.accept()
    }

    func initError(_ request: RuntimeRequest, body: ByteBuffer, errorType: String?) {
        calls.withLockedValue { $0.append("init \(errorType ?? "-") \(String(buffer: body))") }
        request.accept()
    }

    func disconnected(_ request: RuntimeRequest) {}
}

@Suite("Runtime API on the wire") struct RuntimeAPITests {
    private static let base = "/2018-06-01/runtime"

    private func serving(_ body: (Endpoint, Recorder) async throws -> Void) async throws {
        let (listener, port) = try listen()
        let recorder = Recorder()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let server = try await RuntimeAPIServer(listener: listener, on: loop, delegate: recorder)
        defer { server.close() }
        try await body(Endpoint(host: "127.0.0.1", port: port), recorder)
    }

    private func listen() throws -> (LinuxSystem.FileDescriptor, Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && Glibc.listen(descriptor, 64) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        try #require(isListening)
        return (LinuxSystem.FileDescriptor(descriptor), Int(UInt16(bigEndian: address.sin_port)))
    }

    private func post(_ path: String, _ rest: String, to endpoint: Endpoint) async throws -> String {
        let connection = try await RawConnection(to: endpoint)
        try await connection.send("POST \(Self.base)\(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(rest)")
        return try await connection.receiveText()
    }

    @Test("a streamed answer that fails on its way is an error, with the type and body of its trailers")
    func trailers() async throws {
        try await serving { endpoint, recorder in
            let answer = try await post(
                "/invocation/a/response",
                "Transfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type\r\n\r\n"
                    + "4\r\nhalf\r\n0\r\nLambda-Runtime-Function-Error-Type: App.Broken\r\n"
                    + "Lambda-Runtime-Function-Error-Body: \(Base64.encode(Array("{}".utf8)))\r\n\r\n",
                to: endpoint
            )
            #expect(answer.hasPrefix("HTTP/1.1 202"))
            #expect(recorder.calls.withLockedValue { $0 } == ["error a App.Broken {}"])
        }
    }

    @Test("a streamed answer without such trailers is an answer")
    func chunks() async throws {
        try await serving { endpoint, recorder in
            _ = try await post(
                "/invocation/a/response",
                "Transfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n4\r\na\":1\r\n1\r\n}\r\n0\r\n\r\n",
                to: endpoint
            )
            #expect(recorder.calls.withLockedValue { $0 } == [#"response a {"a":1}"#])
        }
    }

    @Test("an error type that is no name does not reach log lines")
    func errorType() async throws {
        try await serving { endpoint, recorder in
            _ = try await post(
                "/invocation/a/error",
                "Lambda-Runtime-Function-Error-Type: Runtime.X\",\"forged\":\"1\r\nContent-Length: 2\r\n\r\n{}",
                to: endpoint
            )
            _ = try await post(
                "/init/error",
                "Lambda-Runtime-Function-Error-Type: Runtime.ImportModuleError\r\nContent-Length: 2\r\n\r\n{}",
                to: endpoint
            )
            let calls = recorder.calls.withLockedValue { $0 }
            #expect(calls == ["error a Runtime.UnknownReason {}", "init Runtime.ImportModuleError {}"])
        }
    }

    @Test("connections beyond the limit are closed at once, and there is room again when one ends")
    func limit() async throws {
        try await serving { endpoint, _ in
            var held: [RawConnection] = []
            for _ in 0..<RuntimeAPIServer.maximumConnections {
                let connection = try await RawConnection(to: endpoint)
                try await connection.send("GET \(Self.base)/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
                _ = try await connection.receive()
                held.append(connection)
            }
            let refused = try await RawConnection(to: endpoint)
            #expect(try await refused.receiveAll().isEmpty)
            held[0].finishSending()
            while try await !held[0].receive().isEmpty {}
            let welcome = try await RawConnection(to: endpoint)
            try await welcome.send("GET \(Self.base)/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = String(decoding: try await welcome.receive(), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test("ten thousand broken calls leave the Runtime API healthy")
    func brokenCalls() async throws {
        try await serving { endpoint, recorder in
            let call =
                "POST \(Self.base)/invocation/a/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                + "Connection: close\r\n\r\n2\r\n{}\r\n0\r\nLambda-Runtime-Function-Error-Type: A\r\n\r\n"
            try await Rubbish.send(10_000, like: call, to: endpoint)
            recorder.calls.withLockedValue { $0 = [] }
            _ = try await post("/invocation/b/response", "Content-Length: 2\r\n\r\n{}", to: endpoint)
            #expect(recorder.calls.withLockedValue { $0 } == ["response b {}"])
        }
    }

    @Test("rubbish and unknown paths are answered or closed, and the next call is served")
    func rubbish() async throws {
        try await serving { endpoint, recorder in
            for text in ["\u{0}\u{1}\u{2}\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "POST x"]
            {
                let connection = try await RawConnection(to: endpoint)
                try await connection.send(text)
                connection.finishSending()
                _ = try await connection.receiveAll()
            }
            _ = try await post("/invocation/b/response", "Content-Length: 2\r\n\r\n{}", to: endpoint)
            #expect(recorder.calls.withLockedValue { $0 } == ["response b {}"])
        }
    }
}
