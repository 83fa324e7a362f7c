// SPDX-License-Identifier: Apache-2.0
import AWSWire
import NIOCore

/// The connection as seen from outside its event loop.
struct HTTPConnection: Sendable {
    let eventLoop: any EventLoop
    let handler: NIOLoopBound<ConnectionHandler>

    /// Writes a whole answer. A body in memory is written without waiting for the socket; a stream waits for it piece
    /// by piece. When a stream fails, the connection is cut, so that the client cannot take half a body for a whole
    /// one.
    func send(_ response: WireResponse, closes: Bool) async {
        let head = AnswerHead(of: response)
        switch response.body {
        case .buffer(let buffer): onLoop { handler.value.write(head, body: buffer, closes: closes) }
        case .sequence(let pieces, let length):
            eventLoop.execute {
                handler.value.write(head, closes: closes)
                // Nobody knows when the first piece comes, and the client may wait for the status alone.
                if length == nil { handler.value.flush() }
            }
            do {
                for try await piece in pieces { try await write(piece) }
                eventLoop.execute { handler.value.writeEnd() }
            } catch {
                eventLoop.execute { handler.value.abort() }
            }
        }
    }

    /// At once where it is called on the connection's own loop.
    private func onLoop(_ work: @escaping @Sendable () -> Void) {
        if eventLoop.inEventLoop { work() } else { eventLoop.execute(work) }
    }

    private func write(_ piece: ByteBuffer) async throws {
        let promise = eventLoop.makePromise(of: Void.self)
        eventLoop.execute { handler.value.write(piece: piece, promise) }
        try await promise.futureResult.get()
    }
}
