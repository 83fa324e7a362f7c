// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import NIOCore
import NIOHTTP1
import NIOPosix

/// What the Runtime API asks of the environment that it belongs to. Called on the event loop; must not block.
protocol RuntimeAPIDelegate: AnyObject, Sendable {
    func next(_ request: RuntimeRequest)
    func response(_ request: RuntimeRequest, id: String, body: ByteBuffer, isTooLarge: Bool, contentType: String?)
    func error(_ request: RuntimeRequest, id: String, body: ByteBuffer, errorType: String?)
    func initError(_ request: RuntimeRequest, body: ByteBuffer, errorType: String?)
    /// The connection is gone while `request` may still be held.
    func disconnected(_ request: RuntimeRequest)
}

/// One request of the runtime, to be answered exactly once.
struct RuntimeRequest: Sendable, Equatable {
    let channel: any Channel
    let number: Int

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
        let full = head
        channel.eventLoop.execute {
            channel.write(HTTPServerResponsePart.head(full), promise: nil)
            channel.write(HTTPServerResponsePart.body(.byteBuffer(body)), promise: nil)
            channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
        }
    }
}

/// Serves the Runtime API of one environment on a socket that was made inside its network namespace: so the socket itself
/// says who is calling. Leaner than the front door, as an invocation is two requests here.
struct RuntimeAPIServer: Sendable {
    private let channel: any Channel

    /// Takes ownership of `listener`, a listening socket.
    init(
        listener: LinuxSystem.FileDescriptor,
        on eventLoop: any EventLoop,
        delegate: any RuntimeAPIDelegate
    ) async throws {
        channel = try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 16)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
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
        case .end:
            guard let head else { return }
            self.head = nil
            requests += 1
            route(head, RuntimeRequest(channel: context.channel, number: requests))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let held { delegate.disconnected(held) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func route(_ head: HTTPRequestHead, _ request: RuntimeRequest) {
        let parts = head.uri.split(separator: "/", omittingEmptySubsequences: true)
        let errorType = head.headers.first(name: "Lambda-Runtime-Function-Error-Type")
        switch (head.method, parts.count) {
        case (.GET, 4) where parts[2] == "invocation" && parts[3] == "next" && isRuntime(parts):
            held = request
            delegate.next(request)
        case (.POST, 5) where parts[2] == "invocation" && parts[4] == "response" && isRuntime(parts):
            let type = head.headers.first(name: "Content-Type")
            delegate.response(request, id: String(parts[3]), body: body, isTooLarge: isTooLarge, contentType: type)
        case (.POST, 5) where parts[2] == "invocation" && parts[4] == "error" && isRuntime(parts):
            delegate.error(request, id: String(parts[3]), body: cut(body), errorType: errorType)
        case (.POST, 4) where parts[2] == "init" && parts[3] == "error" && isRuntime(parts):
            delegate.initError(request, body: cut(body), errorType: errorType)
        default:
            request.reject(unknown(parts.first.map(String.init) ?? ""))
        }
        body = ByteBuffer()
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
