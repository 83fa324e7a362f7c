// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Delivers one batch over one connection inside the sandbox. The other side is the function's: what it sends is read up
/// to a limit, and it has only so long.
struct TelemetryPost: Sendable {
    static let answerBytes = 65_536

    var destination: TelemetrySubscription.Destination
    var eventLoop: any EventLoop
    var patience: TimeAmount = .seconds(5)

    /// Whether it has arrived: for HTTP when the status says so, for TCP when the kernel has taken it. Takes ownership of
    /// `socket`, which is connected or about to be.
    func send(_ documents: [String], over socket: LinuxSystem.FileDescriptor) async -> Bool {
        let outcome = eventLoop.makePromise(of: Bool.self)
        let isHTTP = isHTTP
        do {
            let channel = try await ClientBootstrap(group: eventLoop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(TelemetryAnswer(outcome, isHTTP: isHTTP))
                    }
                }
                .withConnectedSocket(socket.number)
                .get()
            let timer = eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
            channel.closeFuture.whenComplete { _ in timer.cancel() }
            let written = eventLoop.makePromise(of: Void.self)
            // Before it is written: the other side may read and close at once, which without this would look like a failure.
            written.futureResult.whenComplete { result in
                guard !isHTTP else { return }
                if case .success = result { outcome.succeed(true) }
                channel.close(promise: nil)
            }
            channel.writeAndFlush(bytes(of: documents), promise: written)
        } catch {
            outcome.succeed(false)
        }
        // It is never failed: `false` is how it ends badly.
        return (try? await outcome.futureResult.get()) ?? false
    }

    private var isHTTP: Bool {
        if case .http = destination { true } else { false }
    }

    private func bytes(of documents: [String]) -> ByteBuffer {
        switch destination {
        case .tcp: return ByteBuffer(string: documents.map { $0 + "\n" }.joined())
        case .http(let port, let path, let method):
            let body = "[" + documents.joined(separator: ",") + "]"
            return ByteBuffer(
                string: "\(method) \(path) HTTP/1.1\r\nHost: sandbox.localdomain:\(port)\r\nConnection: close\r\n"
                    + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            )
        }
    }
}

/// Looks at the status line and at nothing else; reads the rest, so that the other side can end in peace.
private final class TelemetryAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let outcome: EventLoopPromise<Bool>
    private let isHTTP: Bool
    private var beginning: [UInt8] = []
    private var received = 0

    init(_ outcome: EventLoopPromise<Bool>, isHTTP: Bool) {
        self.outcome = outcome
        self.isHTTP = isHTTP
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let piece = unwrapInboundIn(data)
        received += piece.readableBytes
        guard received <= TelemetryPost.answerBytes else { return context.close(promise: nil) }
        guard isHTTP, beginning.count < 12 else { return }
        beginning += piece.readableBytesView.prefix(12 - beginning.count)
        guard beginning.count == 12 else { return }
        let isAccepted = beginning.starts(with: Array("HTTP/1.".utf8)) && beginning[8...9] == [0x20, 0x32]
        outcome.succeed(isAccepted)
        if !isAccepted { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) { outcome.succeed(false) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
