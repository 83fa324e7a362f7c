// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore
import NIOHTTP1

/// One connection on its event loop: gathers or streams each request, hands it on, writes the answer.
///
/// One request is under way at a time: what a client sends ahead waits, parsed, and the connection is read no further then.
/// A client that waits for its answers, as nearly all do, never makes the event loop change what it watches.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Body {
        case none
        case gathering(HTTPRequestHead, ByteBuffer)
        case streaming(IncomingBodyStream.Producer.Source)
        /// Nobody wants the rest.
        case dropping
    }

    private let limits: HTTPLimits
    private let accept: @Sendable (HTTPJob) -> Void
    private var state: ConnectionState
    private var context: ChannelHandlerContext?
    private var body = Body.none
    /// What came before its turn: what one read brought at most, as nothing is read while there is something here.
    private var early: [HTTPServerRequestPart] = []
    private var isInputClosed = false
    /// Asked of the kernel once for all requests.
    private var peer: String?
    /// Counts the streamed bodies: what belongs to an earlier request must not touch this one's.
    private var streamID = 0
    private var isPaused = false
    private var isReadPending = false
    private var awaitsContinue = false
    private var isHeadMethod = false
    /// Of the answer that is being written.
    private var framing = AnswerHead.Framing.bodiless
    private var timer: Scheduled<Void>?

    init(limits: HTTPLimits, accept: @escaping @Sendable (HTTPJob) -> Void) {
        self.limits = limits
        self.accept = accept
        state = ConnectionState(limits: limits, now: Self.now)
    }

    private static var now: Int64 { Int64(clamping: NIODeadline.now().uptimeNanoseconds / 1_000_000) }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        look()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end(context) }

    func channelInactive(context: ChannelHandlerContext) {
        end(context)
        context.fireChannelInactive()
    }

    private func end(_ context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        self.context = nil
        if case .streaming(let source) = body { source.finish(BodyCutShort()) }
        body = .none
        early = []
    }

    // MARK: the timer

    private func look() {
        guard let context else { return }
        switch state.verdict(now: Self.now) {
        case .close: context.close(promise: nil)
        case .lookAgain(let instant):
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            timer = context.eventLoop.scheduleTask(in: .milliseconds(max(1, instant - Self.now))) { bound.value.look() }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        state.writability(context.channel.isWritable, now: Self.now)
        context.fireChannelWritabilityChanged()
    }

    /// A client that sends no more still gets the answers that it waits for; a server that shuts down answers what it has
    /// begun.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            isInputClosed = true
            if early.isEmpty { state.becomesLast() }
            if !state.isAnswering || state.isReceiving { context.close(promise: nil) }
        } else if event is ChannelShouldQuiesceEvent {
            state.becomesLast()
            if !state.isAnswering && !state.isReceiving { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        guard early.isEmpty, !state.isAnswering || state.isReceiving else {
            if !state.isLast { early.append(part) }
            return
        }
        take(part, context)
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head): began(head, context)
        case .body(let piece): came(piece, context)
        case .end: requestEnded(context)
        }
    }

    private func began(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        state.headCame(keepsAlive: head.isKeepAlive, now: Self.now)
        isHeadMethod = head.method == .HEAD
        awaitsContinue = head.headers.first(name: "expect")?.lowercased() == "100-continue"
        let length = head.headers.first(name: "content-length").flatMap { Int($0) }
        let isChunked = head.headers.contains(name: "transfer-encoding")
        if !awaitsContinue && !isChunked && (length ?? 0) <= limits.gatheredBytes {
            body = .gathering(head, ByteBuffer())
        } else {
            accept(job(head, .stream(stream(announcing: length, context)), context))
        }
    }

    private func stream(announcing length: Int?, _ context: ChannelHandlerContext) -> IncomingBodyStream {
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        streamID &+= 1
        let id = streamID
        let made = IncomingBodyStream.Producer.makeSequence(
            elementType: ByteBuffer.self,
            failureType: (any Error).self,
            backPressureStrategy: .init(lowWatermark: 2, highWatermark: 8),
            finishOnDeinit: true,
            delegate: BodyDemand(eventLoop: loop, handler: bound, streamID: id)
        )
        body = .streaming(made.source)
        return IncomingBodyStream(announcedLength: length, sequence: made.sequence) {
            loop.execute { bound.value.invite(id) }
        }
    }

    private func came(_ piece: ByteBuffer, _ context: ChannelHandlerContext) {
        state.bytesCame(now: Self.now)
        switch body {
        case .gathering(let head, var whole):
            body = .none
            whole.writeImmutableBuffer(piece)
            body = .gathering(head, whole)
        case .streaming(let source):
            if case .stopProducing = source.yield(piece) { isPaused = true }
        case .dropping, .none:
            if state.discards(piece.readableBytes) { context.close(promise: nil) }
        }
    }

    private func requestEnded(_ context: ChannelHandlerContext) {
        let isOver = state.requestEnded(now: Self.now)
        switch body {
        case .gathering(let head, let whole): accept(job(head, .buffer(whole), context))
        case .streaming(let source): source.finish()
        case .dropping, .none: break
        }
        body = .none
        if isOver { return context.close(promise: nil) }
        resume()
    }

    private func job(_ head: HTTPRequestHead, _ body: IncomingBody, _ context: ChannelHandlerContext) -> HTTPJob {
        HTTPJob(
            head: head,
            body: body,
            sourceAddress: peer(context),
            connection: HTTPConnection(
                eventLoop: context.eventLoop,
                handler: NIOLoopBound(self, eventLoop: context.eventLoop)
            )
        )
    }

    private func peer(_ context: ChannelHandlerContext) -> String {
        if let peer { return peer }
        let address = context.remoteAddress?.ipAddress ?? "127.0.0.1"
        peer = address
        return address
    }

    /// The answer of one request is written: on with what came ahead of its turn.
    private func takeEarly(_ context: ChannelHandlerContext) {
        while !early.isEmpty, state.isReceiving || !(state.isAnswering || state.isLast) {
            take(early.removeFirst(), context)
        }
        if state.isLast { early = [] }
        guard early.isEmpty, isInputClosed else { return }
        state.becomesLast()
        if !state.isAnswering || state.isReceiving { context.close(promise: nil) }
    }

    // MARK: back-pressure

    func read(context: ChannelHandlerContext) {
        if isPaused || !early.isEmpty { isReadPending = true } else { context.read() }
    }

    func resumeBody(_ id: Int) {
        if id == streamID { resume() }
    }

    private func resume() {
        isPaused = false
        guard isReadPending, early.isEmpty, let context else { return }
        isReadPending = false
        context.read()
    }

    func dropBody(_ id: Int) {
        guard id == streamID else { return }
        if case .streaming = body { body = .dropping }
        resume()
    }

    func invite(_ id: Int) {
        guard id == streamID, awaitsContinue, state.isAnswering, let context else { return }
        awaitsContinue = false
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
    }

    // MARK: answers

    /// Bodies up to this size are copied behind the head, which spares the kernel a second piece.
    private static let copiedBytes = 16_384

    /// Writes a whole answer. `closes` when no further request shall come on this connection.
    func write(_ head: AnswerHead, body: ByteBuffer, closes: Bool) {
        guard let context, context.channel.isActive else { return }
        let hasBody = !isHeadMethod && head.framing != .bodiless && body.readableBytes > 0
        let isCopied = hasBody && body.readableBytes <= Self.copiedBytes
        var text = begin(head, closes: closes, space: isCopied ? body.readableBytes : 0)
        if isCopied { text.writeImmutableBuffer(body) }
        context.write(wrapOutboundOut(text), promise: nil)
        if hasBody && !isCopied { context.write(wrapOutboundOut(body), promise: nil) }
        writeEnd()
    }

    /// Writes the head of an answer whose body comes in pieces.
    func write(_ head: AnswerHead, closes: Bool) {
        guard let context, context.channel.isActive else { return }
        context.write(wrapOutboundOut(begin(head, closes: closes)), promise: nil)
    }

    private func begin(_ head: AnswerHead, closes: Bool, space: Int = 0) -> ByteBuffer {
        // A client that still waits for leave to send will not send: its next bytes would be a new request or the body,
        // and nobody could tell which.
        if closes || awaitsContinue { state.becomesLast() }
        framing = isHeadMethod ? .bodiless : head.framing
        return head.text(closes: state.isLast, space: space)
    }

    /// The promise is kept when the piece has gone.
    func write(piece: ByteBuffer, _ promise: EventLoopPromise<Void>) {
        guard let context, context.channel.isActive else { return promise.fail(ChannelError.ioOnClosedChannel) }
        guard framing != .bodiless, piece.readableBytes > 0 else { return promise.succeed() }
        guard framing == .chunked else { return context.writeAndFlush(wrapOutboundOut(piece), promise: promise) }
        context.write(wrapOutboundOut(AnswerHead.chunkLine(piece.readableBytes)), promise: nil)
        context.write(wrapOutboundOut(piece), promise: nil)
        context.writeAndFlush(wrapOutboundOut(AnswerHead.chunkEnd), promise: promise)
    }

    func flush() { context?.flush() }

    func writeEnd() {
        guard let context, context.channel.isActive else { return }
        let isOver = state.answered(now: Self.now)
        if case .streaming = body { body = .dropping }
        if framing == .chunked { context.write(wrapOutboundOut(AnswerHead.lastChunk), promise: nil) }
        if isOver { closeWhenWritten(context) }
        context.flush()
        if !early.isEmpty || isInputClosed { takeEarly(context) }
        resume()
    }

    private func closeWhenWritten(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { _ in bound.value.close(promise: nil) }
        context.write(wrapOutboundOut(ByteBuffer()), promise: promise)
    }

    func abort() { context?.close(promise: nil) }

    // MARK: broken requests

    /// What is no HTTP never becomes a request; it is answered here, and NIO closes the connection.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .streaming(let source) = body {
            source.finish(BodyCutShort())
            body = .none
        } else if let error = error as? HTTPParserError {
            guard !state.isAnswering else {
                // Its earlier request gets its answer first; what came behind that makes no sense.
                early = []
                return state.becomesLast()
            }
            refuse(error == .headerOverflow ? .headersTooLarge : .malformed, context)
        }
        context.close(promise: nil)
    }

    private func refuse(_ refusal: HTTPRefusal, _ context: ChannelHandlerContext) {
        let head = AnswerHead(of: refusal.response)
        var text = head.text(closes: true, space: refusal.body.readableBytes)
        text.writeImmutableBuffer(refusal.body)
        context.writeAndFlush(wrapOutboundOut(text), promise: nil)
    }
}
