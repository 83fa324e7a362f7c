// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import NIOHTTP1

/// One connection of a runtime: takes a request at a time, within the limits, and hands it to the environment. A runtime
/// that sends the next one before it has its answer is cut off.
final class RuntimeAPIHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = RuntimeAnswer
    typealias OutboundOut = ByteBuffer

    /// What is done with the body that comes.
    private enum Intake {
        case none
        case gathering(HTTPRequestHead)
        /// `received` counts to the limit.
        case relaying(RuntimeRequest, id: String, ResponseRelay, received: Int)
        case refusing(RuntimeRequest, RuntimeAPIError)
    }

    private let owner: RuntimeAPIOwner
    /// The owner's, from the first request on.
    private var delegate: (any RuntimeAPIDelegate)?
    private var intake = Intake.none
    private var body = ByteBuffer()
    private var isTooLarge = false
    private var requests = 0
    private var held: RuntimeRequest?
    /// A request has come whole and its answer has not gone.
    private var owesAnswer = false
    private var isPaused = false
    private var isReadPending = false
    private var context: ChannelHandlerContext?

    init(owner: RuntimeAPIOwner) { self.owner = owner }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): began(head, context)
        case .body(let piece): came(piece)
        case .end(let trailers): ended(trailers, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .relaying(let request, let id, _, _) = intake { delegate?.streamEnded(request, id: id, .cut) }
        intake = .none
        (isPaused, isReadPending) = (false, false)
        if let held { delegate?.disconnected(held) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: Requests

    /// One that came whole, on a connection on which nothing else has come.
    func take(_ call: PlainRuntimeCall) {
        guard let context else { return }
        if delegate == nil { delegate = owner.current }
        guard !owesAnswer, let delegate else { return context.close(promise: nil) }
        requests += 1
        owesAnswer = true
        let request = RuntimeRequest(channel: context.channel, number: requests)
        switch call {
        case .next:
            held = request
            delegate.next(request)
        case .response(let id, let body): delegate.response(request, id: id, body: body, isTooLarge: false)
        }
    }

    private func began(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        if delegate == nil { delegate = owner.current }
        guard !owesAnswer, delegate != nil else { return context.close(promise: nil) }
        requests += 1
        body = ByteBuffer()
        isTooLarge = false
        intake = .gathering(head)
        if let id = Self.streamedAnswer(head) { streamBegan(head, id, context) }
        guard head.headers.first(name: "Expect")?.lowercased() == "100-continue" else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
    }

    private func streamBegan(_ head: HTTPRequestHead, _ id: String, _ context: ChannelHandlerContext) {
        let request = request(head, context)
        switch delegate?.streamBegins(id: id) ?? .refuse(.notFound) {
        case .gather: break
        case .refuse(let error): intake = .refusing(request, error)
        case .relay(let relay):
            intake = .relaying(request, id: id, relay, received: 0)
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            let boundContext = NIOLoopBound(context, eventLoop: context.eventLoop)
            let loop = context.eventLoop
            relay.begin(contentType: head.headers.first(name: "Content-Type")) {
                loop.execute { bound.value.readOn(boundContext.value) }
            }
        }
    }

    private func came(_ piece: ByteBuffer) {
        switch intake {
        case .none, .refusing: break
        case .gathering:
            guard body.readableBytes + piece.readableBytes <= LambdaLimits.responseBytes else {
                isTooLarge = true
                return
            }
            if body.readableBytes == 0 { body = piece } else { body.writeImmutableBuffer(piece) }
        case .relaying(let request, let id, let relay, let received):
            let total = received + piece.readableBytes
            guard total <= LambdaLimits.streamBytes else {
                isTooLarge = true
                return
            }
            intake = .relaying(request, id: id, relay, received: total)
            if !relay.offer(piece) { isPaused = true }
        }
    }

    private func ended(_ trailers: HTTPHeaders?, _ context: ChannelHandlerContext) {
        let taken = intake
        intake = .none
        owesAnswer = true
        // The environment's next call does not wait for a slow caller of this one.
        readOn(context)
        switch taken {
        case .none: owesAnswer = false
        case .gathering(let head): route(head, trailers, request(head, context))
        case .refusing(let request, let error): request.reject(error)
        case .relaying(let request, let id, _, _): delegate?.streamEnded(request, id: id, streamEnd(trailers))
        }
        body = ByteBuffer()
    }

    private func request(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) -> RuntimeRequest {
        RuntimeRequest(channel: context.channel, number: requests, keepsAlive: head.isKeepAlive)
    }

    /// By version and family; each family of paths has its own method.
    private func route(_ head: HTTPRequestHead, _ trailers: HTTPHeaders?, _ request: RuntimeRequest) {
        let parts = Self.parts(of: head.uri)
        switch parts.prefix(2) {
        case ["2018-06-01", "runtime"]: runtime(parts.dropFirst(2), head, trailers, request)
        case ["2021-04-23", "credentials"] where head.method == .GET && parts.count == 2:
            delegate?.credentials(request, authorization: head.headers.first(name: "Authorization"))
        default: extensions(head, request)
        }
    }

    /// The Extensions, Telemetry and Logs API.
    private func extensions(_ head: HTTPRequestHead, _ request: RuntimeRequest) {
        guard let call = ExtensionCall(head, body, isTooLarge: isTooLarge) else { return request.reject(.notFound) }
        held = request
        delegate?.extensionCall(call, request)
    }

    private func runtime(
        _ path: ArraySlice<Substring>,
        _ head: HTTPRequestHead,
        _ trailers: HTTPHeaders?,
        _ request: RuntimeRequest
    ) {
        let errorType = Self.errorType(head.headers)
        let id = path.dropFirst().first.map(String.init) ?? ""
        switch (head.method, path.first, path.count, path.last) {
        case (.GET, "invocation", 2, "next"):
            held = request
            delegate?.next(request)
        case (.POST, "invocation", 3, "response"): answer(request, id: id, trailers)
        case (.POST, "invocation", 3, "error"):
            delegate?.error(request, id: id, body: Self.cut(body), errorType: errorType)
        case (.POST, "init", 2, "error"): delegate?.initError(request, body: Self.cut(body), errorType: errorType)
        case (.GET, "restore", 2, "next"):
            held = request
            delegate?.restoreNext(request)
        case (.POST, "restore", 2, "error"):
            delegate?.restoreError(request, body: Self.cut(body), errorType: errorType)
        default: request.reject(.notFound)
        }
    }

    /// A streamed answer that failed on its way says so behind its body.
    private func answer(_ request: RuntimeRequest, id: String, _ trailers: HTTPHeaders?) {
        guard case .failed(let errorType, let error) = streamEnd(trailers) else {
            delegate?.response(request, id: id, body: body, isTooLarge: isTooLarge)
            return
        }
        delegate?.error(request, id: id, body: error, errorType: errorType)
    }

    private func streamEnd(_ trailers: HTTPHeaders?) -> StreamEnd {
        if let trailers, let errorType = Self.errorType(trailers) {
            let text = trailers.first(name: "Lambda-Runtime-Function-Error-Body") ?? ""
            let error = Base64.decode(text) ?? Array(text.utf8)
            return .failed(errorType: errorType, body: Self.cut(ByteBuffer(bytes: error)))
        }
        return isTooLarge ? .tooLarge : .whole
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let answer = unwrapOutboundIn(data)
        owesAnswer = false
        guard answer.body != nil || answer.closes else {
            return context.write(wrapOutboundOut(answer.head), promise: promise)
        }
        context.write(wrapOutboundOut(answer.head), promise: nil)
        let last: EventLoopPromise<Void>? = answer.closes ? context.eventLoop.makePromise(of: Void.self) : promise
        context.write(wrapOutboundOut(answer.body ?? ByteBuffer()), promise: last)
        guard let last, answer.closes else { return }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        last.futureResult.cascade(to: promise)
        last.futureResult.whenComplete { _ in bound.value.close(promise: nil) }
    }

    // MARK: Back-pressure

    func read(context: ChannelHandlerContext) {
        if isPaused { isReadPending = true } else { context.read() }
    }

    private func readOn(_ context: ChannelHandlerContext) {
        isPaused = false
        guard isReadPending else { return }
        isReadPending = false
        context.read()
    }
}

extension RuntimeAPIHandler {
    private static func parts(of path: String) -> [Substring] { path.parts(at: "/", omittingEmpty: true) }

    /// The request id of `/invocation/{id}/response` in streaming mode.
    private static func streamedAnswer(_ head: HTTPRequestHead) -> String? {
        guard head.method == .POST,
            head.headers.first(name: "Lambda-Runtime-Function-Response-Mode")?.lowercased() == "streaming"
        else { return nil }
        let parts = parts(of: head.uri)
        guard parts.count == 5, parts.prefix(3) == ["2018-06-01", "runtime", "invocation"], parts[4] == "response"
        else {
            return nil
        }
        return String(parts[3])
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

    private static func cut(_ body: ByteBuffer) -> ByteBuffer {
        body.getSlice(at: body.readerIndex, length: min(body.readableBytes, LambdaLimits.errorBytes)) ?? body
    }
}
