// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOHTTP1

/// Stands where the decoder of HTTP would, as long as a runtime sends nothing but plain calls: an invocation is two of them, and
/// the decoder costs more than all that becomes of them. At the first request that is not plain, or not there as a whole, the
/// decoder takes the place for the rest of the connection; it begins with that request, so none is read by both.
final class PlainRuntimeCalls: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let calls: RuntimeAPIHandler

    /// - Parameter calls: the handler behind this one.
    init(before calls: RuntimeAPIHandler) { self.calls = calls }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if let call = PlainRuntimeCall(unwrapInboundIn(data)) { return calls.take(call) }
        let pipeline = context.pipeline.syncOperations
        do {
            let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)
            try pipeline.addHandler(ByteToMessageHandler(decoder), position: .after(self))
        } catch {
            return context.close(promise: nil)
        }
        context.fireChannelRead(data)
        pipeline.removeHandler(context: context, promise: nil)
    }
}
