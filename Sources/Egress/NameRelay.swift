// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import NIOPosix

/// Carries lookups to the host's name server and the answers back, unread. Each goes out from a socket of its own, so
/// answers cannot be mixed up, nor guessed more easily than with any other resolver.
final class NameRelay: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let host: HostAddresses
    private let limits: EgressLimits
    private var waiting = 0
    /// After each failure, the next one is asked.
    private var failures = 0

    init(host: HostAddresses, limits: EgressLimits) {
        self.host = host
        self.limits = limits
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let query = unwrapInboundIn(data)
        let resolvers = host.resolvers
        // As a busy server does, it is dropped; the one who asks tries again.
        guard waiting < limits.lookups, let server = resolvers.isEmpty ? nil : resolvers[failures % resolvers.count]
        else { return }
        waiting += 1
        let loop = context.eventLoop
        let me = NIOLoopBound(self, eventLoop: loop)
        let asking = NIOLoopBound(context, eventLoop: loop)
        ask(server, query.data, on: loop).whenComplete { result in
            me.value.waiting -= 1
            switch result {
            case .success(let answer):
                let envelope = AddressedEnvelope(remoteAddress: query.remoteAddress, data: answer)
                asking.value.writeAndFlush(me.value.wrapOutboundOut(envelope), promise: nil)
            case .failure: me.value.failures &+= 1
            }
        }
    }

    private func ask(
        _ server: SocketAddress,
        _ query: ByteBuffer,
        on loop: any EventLoop
    ) -> EventLoopFuture<ByteBuffer> {
        let answer = loop.makePromise(of: ByteBuffer.self)
        let timeout = limits.lookupTimeout
        DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4_096))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(OneAnswer(answer, within: timeout))
                }
            }
            .connect(to: server)
            .flatMap { $0.writeAndFlush(query) }
            .whenFailure { answer.fail($0) }
        return answer.futureResult
    }
}

/// Waits for the first datagram, or the end of its time, and closes its socket.
private final class OneAnswer: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let answer: EventLoopPromise<ByteBuffer>
    private let time: TimeAmount
    private var timeout: Scheduled<Void>?

    init(_ answer: EventLoopPromise<ByteBuffer>, within time: TimeAmount) {
        self.answer = answer
        self.time = time
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        timeout = context.eventLoop.scheduleTask(in: time) { channel.close(mode: .all, promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        answer.succeed(unwrapInboundIn(data).data)
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func handlerRemoved(context: ChannelHandlerContext) {
        timeout?.cancel()
        answer.fail(ChannelError.ioOnClosedChannel)
    }
}
