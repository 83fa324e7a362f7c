// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// What the Runtime API asks of the environment that it belongs to. Called on the event loop; must not block.
protocol RuntimeAPIDelegate: AnyObject, Sendable {
    func next(_ request: RuntimeRequest)
    func response(_ request: RuntimeRequest, id: String, body: ByteBuffer, isTooLarge: Bool)
    func error(_ request: RuntimeRequest, id: String, body: ByteBuffer, errorType: String?)
    func initError(_ request: RuntimeRequest, body: ByteBuffer, errorType: String?)
    /// The connection is gone while `request` may still be held.
    func disconnected(_ request: RuntimeRequest)
}

/// One request of the runtime, to be answered exactly once.
struct RuntimeRequest: Sendable, Equatable {
    let channel: any Channel
    let number: Int
    /// Whether the runtime wants the connection for another call.
    var keepsAlive = true

    static func == (left: RuntimeRequest, right: RuntimeRequest) -> Bool {
        left.channel === right.channel && left.number == right.number
    }

    func accept() { answer(status: .accepted, body: ByteBuffer(string: #"{"status":"OK"}"#)) }

    func reject(_ error: RuntimeAPIError) {
        let body = #"{"errorMessage":"\#(error.errorMessage)","errorType":"\#(error.errorType)"}"#
        answer(status: .init(statusCode: error.status), body: ByteBuffer(string: body))
    }

    /// Writes to a connection that has gone are dropped: the environment learns of it by `disconnected`.
    func answer(status: HTTPResponseStatus, headers: [(String, String)] = [], body: ByteBuffer) {
        var head = HTTPResponseHead(version: .http1_1, status: status)
        head.headers.add(name: "Content-Type", value: "application/json")
        head.headers.add(name: "Content-Length", value: String(body.readableBytes))
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        if !keepsAlive { head.headers.add(name: "Connection", value: "close") }
        let (full, closes) = (head, !keepsAlive)
        channel.eventLoop.execute {
            channel.write(HTTPServerResponsePart.head(full), promise: nil)
            channel.write(HTTPServerResponsePart.body(.byteBuffer(body)), promise: nil)
            let written = channel.writeAndFlush(HTTPServerResponsePart.end(nil))
            if closes { written.whenComplete { _ in channel.close(promise: nil) } }
        }
    }
}

/// Serves the Runtime API of one environment on a socket that was made inside its network namespace: so the socket itself
/// says who is calling. Leaner than the front door, as an invocation is two requests here.
struct RuntimeAPIServer: Sendable {
    /// A runtime uses one connection, or one a thread. More are a function that wants the server's memory and descriptors:
    /// they are closed as they come.
    static let maximumConnections = 32

    private let channel: any Channel

    /// Takes ownership of `listener`, a listening socket.
    init(
        listener: LinuxSystem.FileDescriptor,
        on eventLoop: any EventLoop,
        delegate: any RuntimeAPIDelegate
    ) async throws {
        let connections = NIOLockedValueBox(0)
        channel = try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 16)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    let isWelcome = connections.withLockedValue { count in
                        guard count < Self.maximumConnections else { return false }
                        count += 1
                        return true
                    }
                    guard isWelcome else { throw ChannelError.inappropriateOperationForState }
                    child.closeFuture.whenComplete { _ in connections.withLockedValue { $0 -= 1 } }
                    try child.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try child.pipeline.syncOperations.addHandler(RuntimeAPIHandler(delegate: delegate))
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .withBoundSocket(listener.number)
            .get()
    }

    func close() { channel.close(mode: .all, promise: nil) }
}

/// Collects one request at a time, within the limits, and hands it to the environment.
private final class RuntimeAPIHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let delegate: any RuntimeAPIDelegate
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var isTooLarge = false
    private var requests = 0
    private var held: RuntimeRequest?

    init(delegate: any RuntimeAPIDelegate) { self.delegate = delegate }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = ByteBuffer()
            isTooLarge = false
        case .body(var part):
            guard body.readableBytes + part.readableBytes <= LambdaLimits.responseBytes else {
                isTooLarge = true
                return
            }
            if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
        case .end(let trailers):
            guard let head else { return }
            self.head = nil
            requests += 1
            route(
                head,
                trailers,
                RuntimeRequest(channel: context.channel, number: requests, keepsAlive: head.isKeepAlive)
            )
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let held { delegate.disconnected(held) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func route(_ head: HTTPRequestHead, _ trailers: HTTPHeaders?, _ request: RuntimeRequest) {
        let parts = head.uri.split(separator: "/", omittingEmptySubsequences: true)
        let errorType = Self.errorType(head.headers)
        switch (head.method, parts.count) {
        case (.GET, 4) where parts[2] == "invocation" && parts[3] == "next" && isRuntime(parts):
            held = request
            delegate.next(request)
        case (.POST, 5) where parts[2] == "invocation" && parts[4] == "response" && isRuntime(parts):
            answer(request, id: String(parts[3]), trailers)
        case (.POST, 5) where parts[2] == "invocation" && parts[4] == "error" && isRuntime(parts):
            delegate.error(request, id: String(parts[3]), body: cut(body), errorType: errorType)
        case (.POST, 4) where parts[2] == "init" && parts[3] == "error" && isRuntime(parts):
            delegate.initError(request, body: cut(body), errorType: errorType)
        default:
            request.reject(unknown(parts.first.map(String.init) ?? ""))
        }
        body = ByteBuffer()
    }

    /// A streamed answer that failed on its way says so behind its body.
    private func answer(_ request: RuntimeRequest, id: String, _ trailers: HTTPHeaders?) {
        guard let trailers, let errorType = Self.errorType(trailers) else {
            return delegate.response(request, id: id, body: body, isTooLarge: isTooLarge)
        }
        let text = trailers.first(name: "Lambda-Runtime-Function-Error-Body") ?? ""
        let error = Base64.decode(text) ?? Array(text.utf8)
        delegate.error(request, id: id, body: cut(ByteBuffer(bytes: error)), errorType: errorType)
    }

    /// It stands in log lines and metrics, so it is a name or nothing.
    private static func errorType(_ headers: HTTPHeaders) -> String? {
        guard let text = headers.first(name: "Lambda-Runtime-Function-Error-Type") else { return nil }
        let isName = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || [0x2e, 0x2d, 0x5f].contains(byte)
        }
        return isName && (1...128).contains(text.utf8.count) ? text : "Runtime.UnknownReason"
    }

    private func isRuntime(_ parts: [Substring]) -> Bool { parts[0] == "2018-06-01" && parts[1] == "runtime" }

    private func cut(_ body: ByteBuffer) -> ByteBuffer {
        body.getSlice(at: body.readerIndex, length: min(body.readableBytes, LambdaLimits.errorBytes)) ?? body
    }

    private func unknown(_ version: String) -> RuntimeAPIError {
        switch version {
        case "2020-01-01": .notImplemented("the Extensions API")
        case "2020-08-15": .notImplemented("the Logs API")
        case "2022-07-01": .notImplemented("the Telemetry API")
        default: .notFound
        }
    }
}
