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
    /// Where streamed answers go; nil gathers them.
    let relay = NIOLockedValueBox<ResponseRelay?>(nil)
    let (ends, end) = AsyncStream<String>.makeStream()

    /// Whether `/next` is left without an answer.
    let holds = NIOLockedValueBox(false)

    func next(_ request: RuntimeRequest) {
        guard !holds.withLockedValue({ $0 }) else { return }
        request.answer(status: .ok, body: ByteBuffer(string: "event"))
    }

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

    func restoreNext(_ request: RuntimeRequest) {
        calls.withLockedValue { $0.append("restore") }
        request.answer(status: .ok, body: ByteBuffer())
    }

    func restoreError(_ request: RuntimeRequest, body: ByteBuffer, errorType: String?) {
        calls.withLockedValue { $0.append("restore \(errorType ?? "-") \(String(buffer: body))") }
        request.accept()
    }

    func credentials(_ request: RuntimeRequest, authorization: String?) {
        calls.withLockedValue { $0.append("credentials \(authorization ?? "-")") }
        request.reject(.noCredentials)
    }

    func streamBegins(id: String) -> StreamReception {
        if id == "unknown" { return .refuse(.invalidRequestID) }
        return relay.withLockedValue { $0 }.map { .relay($0) } ?? .gather
    }

    func streamEnded(_ request: RuntimeRequest, id: String, _ end: StreamEnd) {
        switch end {
        case .whole: self.end.yield("whole")
        case .failed(let type, let body): self.end.yield("failed \(type) \(String(buffer: body))")
        case .tooLarge: self.end.yield("too large")
        case .cut: self.end.yield("cut")
        }
        if case .cut = end {} else { request.accept() }
    }

    func extensionCall(_ call: ExtensionCall, _ request: RuntimeRequest) {
        calls.withLockedValue { $0.append("\(call)") }
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

    @Test("plain calls and others follow each other on one connection, and none is read twice")
    func plainAndOthers() async throws {
        try await serving { endpoint, recorder in
            let connection = try await RawConnection(to: endpoint)
            func answer(to pieces: String...) async throws -> String {
                for piece in pieces {
                    try await connection.send(piece)
                    // So that the next one comes with a read of its own.
                    if pieces.count > 1 { for _ in 0..<1_000 { await Task.yield() } }
                }
                return String(decoding: try await connection.receive(), as: UTF8.self)
            }
            let next = "GET \(Self.base)/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
            let response = "POST \(Self.base)/invocation/a/response HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
            #expect(try await answer(to: next).hasSuffix("event"))
            #expect(try await answer(to: response + "\r\n11").hasPrefix("HTTP/1.1 202 Accepted\r\n"))
            #expect(try await answer(to: next).hasSuffix("event"))
            #expect(try await answer(to: response, "X: y\r\n\r\n2", "2").hasPrefix("HTTP/1.1 202"))
            #expect(try await answer(to: next).hasSuffix("event"))
            #expect(try await answer(to: response + "\r\n33").hasPrefix("HTTP/1.1 202"))
            #expect(recorder.calls.withLockedValue { $0 } == ["response a 11", "response a 22", "response a 33"])
        }
    }

    @Test("a runtime that sends a plain call before it has the answer to another is cut off")
    func plainAhead() async throws {
        try await serving { endpoint, recorder in
            recorder.holds.withLockedValue { $0 = true }
            let connection = try await RawConnection(to: endpoint)
            try await connection.send("GET \(Self.base)/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            try await connection.send("GET \(Self.base)/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await connection.receiveText().isEmpty)
        }
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

    @Test("the calls around a snapshot, and for credentials, have AWS's paths")
    func snapshotCalls() async throws {
        try await serving { endpoint, recorder in
            func get(_ path: String, _ headers: String = "") async throws -> String {
                let connection = try await RawConnection(to: endpoint)
                try await connection.send("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(headers)\r\n")
                return try await connection.receiveText()
            }
            #expect(try await get("\(Self.base)/restore/next").hasPrefix("HTTP/1.1 200"))
            _ = try await post(
                "/restore/error",
                "Lambda-Runtime-Function-Error-Type: Runtime.AfterRestoreError\r\nContent-Length: 2\r\n\r\n{}",
                to: endpoint
            )
            #expect(try await get("/2021-04-23/credentials", "Authorization: t\r\n").hasPrefix("HTTP/1.1 404"))
            #expect(try await get("/2021-04-23/credentials/more").hasPrefix("HTTP/1.1 404"))
            #expect(
                recorder.calls.withLockedValue { $0 } == [
                    "restore", "restore Runtime.AfterRestoreError {}", "credentials t",
                ]
            )
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

    // MARK: Streaming

    private static let streamHead =
        "POST \(base)/invocation/a/response HTTP/1.1\r\nHost: x\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"
        + "Content-Type: text/x-test\r\nTransfer-Encoding: chunked\r\n\r\n"

    private func streaming(
        _ body: (RawConnection, ResponseRelay, inout AsyncStream<String>.Iterator) async throws -> Void
    ) async throws {
        try await serving { endpoint, recorder in
            let relay = ResponseRelay(clock: MemoryClock())
            recorder.relay.withLockedValue { $0 = relay }
            var ends = recorder.ends.makeAsyncIterator()
            let connection = try await RawConnection(to: endpoint)
            try await connection.send(Self.streamHead)
            try await body(connection, relay, &ends)
        }
    }

    @Test("a streamed piece is passed on before the next one comes")
    func piecesAsTheyCome() async throws {
        try await streaming { connection, relay, ends in
            try await connection.send("5\r\nfirst\r\n")
            guard case .streaming("text/x-test") = try await relay.start() else {
                Issue.record("the stream must begin with its first piece")
                return
            }
            #expect(try await relay.next().map { String(buffer: $0) } == "first")
            try await connection.send("6\r\nsecond\r\n0\r\n\r\n")
            #expect(try await relay.next().map { String(buffer: $0) } == "second")
            #expect(await ends.next() == "whole")
            #expect(String(decoding: try await connection.receive(), as: UTF8.self).hasPrefix("HTTP/1.1 202"))
        }
    }

    @Test("a stream's trailers say that it failed")
    func streamTrailers() async throws {
        try await streaming { connection, _, ends in
            try await connection.send(
                "1\r\nx\r\n0\r\nLambda-Runtime-Function-Error-Type: App.Broken\r\n"
                    + "Lambda-Runtime-Function-Error-Body: e30=\r\n\r\n"
            )
            #expect(await ends.next() == "failed App.Broken {}")
        }
    }

    @Test("a connection that goes in mid stream cuts the answer off", arguments: [true, false])
    func cutStream(isReset: Bool) async throws {
        try await streaming { connection, relay, ends in
            try await connection.send("4\r\nhalf\r\n")
            #expect(try await relay.next().map { String(buffer: $0) } == "half")
            if isReset { try await connection.send("rubbish that is no chunk\r\n") } else { connection.finishSending() }
            #expect(await ends.next() == "cut")
        }
    }

    @Test("nobody takes: the runtime is read no further, and read on when somebody does")
    func backPressure() async throws {
        try await streaming { connection, relay, ends in
            let piece = Array("10000\r\n".utf8) + [UInt8](repeating: 0x78, count: 65_536) + Array("\r\n".utf8)
            // More than the relay holds, and less than the rate limit lets through at once: the clock stands still.
            async let sent: Void = {
                for _ in 0..<90 { try await connection.send(piece) }
                try await connection.send("0\r\n\r\n")
            }()
            var total = 0
            var highest = 0
            while total < 90 * 65_536, let next = try await relay.next() {
                total += next.readableBytes
                highest = max(highest, relay.waitingBytes)
            }
            try await sent
            #expect(total == 90 * 65_536)
            #expect(highest < RelayFlow.highBytes + 1_048_576)
            #expect(await ends.next() == "whole")
        }
    }

    @Test("a stream for another request is refused once it has ended")
    func unknownStream() async throws {
        try await serving { endpoint, _ in
            let answer = try await post(
                "/invocation/unknown/response",
                "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "1\r\nx\r\n0\r\n\r\n",
                to: endpoint
            )
            #expect(answer.hasPrefix("HTTP/1.1 400"))
        }
    }

    // MARK: The connection

    @Test("a second request before the first is answered ends the connection")
    func pipelined() async throws {
        try await serving { endpoint, recorder in
            recorder.holds.withLockedValue { $0 = true }
            let connection = try await RawConnection(to: endpoint)
            let next = "GET \(Self.base)/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
            try await connection.send(next + next)
            #expect(try await connection.receiveAll().isEmpty)
        }
    }

    @Test("a client that asks for leave to send its body gets it")
    func expectation() async throws {
        try await serving { endpoint, recorder in
            let connection = try await RawConnection(to: endpoint)
            try await connection.send(
                "POST \(Self.base)/invocation/a/response HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                    + "Content-Length: 2\r\nConnection: close\r\n\r\n"
            )
            #expect(String(decoding: try await connection.receive(), as: UTF8.self) == "HTTP/1.1 100 Continue\r\n\r\n")
            try await connection.send("{}")
            #expect(try await connection.receiveText().hasPrefix("HTTP/1.1 202"))
            #expect(recorder.calls.withLockedValue { $0 } == ["response a {}"])
        }
    }

    @Test("no header of an answer can begin another line")
    func headerInjection() {
        let answer = RuntimeAnswer(
            status: .ok,
            headers: [("Fine", "a b\tc ü"), ("Forged", "x\r\nSet-Cookie: y"), ("Deleted", "\u{7f}")],
            body: ByteBuffer(string: "{}")
        )
        let text = String(buffer: answer.head)
        #expect(text.contains("Fine: a b\tc ü\r\n"))
        #expect(!text.contains("Forged") && !text.contains("Set-Cookie") && !text.contains("Deleted"))
        #expect(text.hasSuffix("\r\n\r\n{}"))
    }

    @Test("a large body is not copied behind its head", arguments: [16_384, 16_385])
    func largeBody(bytes: Int) {
        let answer = RuntimeAnswer(status: .ok, body: ByteBuffer(repeating: 0x20, count: bytes))
        #expect((answer.body == nil) == (bytes == 16_384))
        #expect(String(buffer: answer.head).contains("Content-Length: \(bytes)\r\n"))
    }
}
