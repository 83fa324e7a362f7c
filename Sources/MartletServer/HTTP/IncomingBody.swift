// SPDX-License-Identifier: Apache-2.0
package import AWSWire
import MartletCore
package import NIOCore

/// A request's body: here already, or on its way.
package enum IncomingBody: Sendable {
    case buffer(ByteBuffer)
    case stream(IncomingBodyStream)

    /// What the client announced; nil when it did not.
    var length: Int? {
        switch self {
        case .buffer(let buffer): buffer.readableBytes
        case .stream(let stream): stream.announcedLength
        }
    }

    /// Gathers the whole body. Throws `BodyTooLarge` as soon as there is, or will be, more than `limit` bytes. A
    /// decoder takes the chunk framing off on the way; then the limit counts what is inside, and framing may add a
    /// quarter.
    package func collect(upTo limit: Int, through decoder: inout AWSChunkedDecoder?) async throws -> ByteBuffer {
        let wireLimit = decoder == nil ? limit : limit + limit / 4 + 65_536
        guard (length ?? 0) <= wireLimit else { throw BodyTooLarge(limit: limit) }
        guard case .stream(let stream) = self else { return try collectBuffer(limit, &decoder) }
        var whole = ByteBuffer()
        var onWire = 0
        for try await piece in stream.pieces() {
            onWire += piece.readableBytes
            var data = try decoder?.decode(piece) ?? piece
            guard whole.readableBytes + data.readableBytes <= limit, onWire <= wireLimit else {
                throw BodyTooLarge(limit: limit)
            }
            if whole.readableBytes == 0 { whole.reserveCapacity(min(length ?? 0, limit)) }
            whole.writeBuffer(&data)
        }
        try decoder?.finish()
        return whole
    }

    private func collectBuffer(_ limit: Int, _ decoder: inout AWSChunkedDecoder?) throws -> ByteBuffer {
        guard case .buffer(let buffer) = self else { return ByteBuffer() }
        let data = try decoder?.decode(buffer) ?? buffer
        guard data.readableBytes <= limit else { throw BodyTooLarge(limit: limit) }
        try decoder?.finish()
        return data
    }
}

/// The client sends more than the operation takes.
package struct BodyTooLarge: Error {
    package let limit: Int
}

/// The pieces of a body as they arrive. The connection stops reading while nobody takes them.
package struct IncomingBodyStream: Sendable {
    typealias Producer = NIOThrowingAsyncSequenceProducer<
        ByteBuffer, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, BodyDemand
    >

    let announcedLength: Int?
    let sequence: Producer
    /// Tells a client that waits for `100 Continue` to go on.
    let invite: @Sendable () -> Void

    func pieces() -> Producer {
        invite()
        return sequence
    }
}

/// Carries the reader's demand back to the connection's event loop.
struct BodyDemand: NIOAsyncSequenceProducerDelegate {
    let eventLoop: any EventLoop
    let handler: NIOLoopBound<ConnectionHandler>
    let streamID: Int

    func produceMore() { eventLoop.execute { handler.value.resumeBody(streamID) } }
    func didTerminate() { eventLoop.execute { handler.value.dropBody(streamID) } }
}

/// The caller hung up in the middle of its body, or went on with what is no HTTP: its own affair, not the server's failure.
struct BodyCutShort: Error {}
