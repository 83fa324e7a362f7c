// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// One end of a connection that is carried on elsewhere: what arrives here is written there, ends and resets too. It reads
/// only while the other end can write, so a slow reader slows the writer and nothing piles up here. Both ends are on one
/// event loop; neither reads before `join`.
final class Splice: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var context: ChannelHandlerContext?
    private var partner: Splice?
    private var waitsForPartner = false
    private var isOutputEnding = false
    private var hasOutputEnded = false
    private var isPartnerGone = false

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Connects two ends and lets both read.
    func join(_ other: Splice) {
        partner = other
        other.partner = self
        context?.read()
        other.context?.read()
    }

    /// Breaks the connection, as a host that refuses would.
    func reset() {
        guard let channel = context?.channel else { return }
        guard let options = channel as? any SocketOptionProvider else {
            return channel.close(mode: .all, promise: nil)
        }
        // struct linger: on, for no second.
        let linger: (isOn: Int32, seconds: Int32) = (1, 0)
        options.unsafeSetSocketOption(level: .socket, name: .so_linger, value: linger).whenComplete { _ in
            channel.close(mode: .all, promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        partner?.context?.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard let other = partner?.context else { return }
        other.flush()
        waitsForPartner = !other.channel.isWritable
        if !waitsForPartner { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, let partner, partner.waitsForPartner else { return }
        partner.waitsForPartner = false
        partner.context?.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            partner?.endOutput()
        }
    }

    /// What has been written is sent first.
    private func endOutput() {
        guard !isOutputEnding, let context else { return }
        isOutputEnding = true
        let (me, sent) = (
            NIOLoopBound(self, eventLoop: context.eventLoop), context.eventLoop.makePromise(of: Void.self)
        )
        sent.futureResult.whenComplete { _ in me.value.closeOutput() }
        // NIO closes all of a channel whose input has ended and drops what waits to be written: nothing may wait.
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: sent)
    }

    private func closeOutput() {
        hasOutputEnded = true
        context?.close(mode: isPartnerGone ? .all : .output, promise: nil)
    }

    private func partnerEnded() {
        partner = nil
        isPartnerGone = true
        if hasOutputEnded { context?.close(mode: .all, promise: nil) } else { endOutput() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        partner?.partnerEnded()
        partner = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        partner?.reset()
        context.close(mode: .all, promise: nil)
    }
}
