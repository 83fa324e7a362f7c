// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// A body that passes through: already in memory, or arriving piece by piece.
package enum ByteStream: Sendable {
    case buffer(ByteBuffer)
    /// `length` where it is known in advance. The sequence can be read once.
    case sequence(AsyncThrowingStream<ByteBuffer, any Error>, length: Int?)
}

/// The events of a streaming answer, each a union with one member set. Can be read once.
package struct EventStream<Event: Shape>: Sendable {
    package let events: AsyncThrowingStream<Event, any Error>

    package init(_ events: AsyncThrowingStream<Event, any Error>) { self.events = events }
}
