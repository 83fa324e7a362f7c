// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import Synchronization

/// Streams of events as streams of bytes, and back. Nothing is read ahead: each frame is made when it is asked for.
enum EventStreamCoding {
    static func frames<E: Shape>(
        of stream: EventStream<E>,
        after initial: EventMessage? = nil
    ) -> AsyncThrowingStream<ByteBuffer, any Error> {
        let source = FrameSource(stream, initial)
        return AsyncThrowingStream { try await source.next() }
    }

    static func events<E: Shape>(in body: ByteStream) -> EventStream<E> {
        let source = EventSource<E>(body)
        return EventStream(AsyncThrowingStream { try await source.next() })
    }

    /// The members beside the stream travel ahead of it in the JSON protocols.
    static func initialResponse(_ document: ByteBuffer) -> EventMessage {
        EventMessage(
            headers: [
                .init(":event-type", .string("initial-response")),
                .init(":content-type", .string("application/x-amz-json-1.1")),
                .init(":message-type", .string("event")),
            ],
            payload: document
        )
    }

    /// What a failing stream ends with: the client sees AWS's error instead of a broken connection.
    static func lastMessage(for error: any Error) -> EventMessage {
        if let error = error as? any ModelledError, let message = try? EventWriter.message(ofException: error) {
            return message
        }
        let known = error as? any ServiceError ?? CommonError.internalFailure
        return EventMessage(headers: [
            .init(":error-code", .string(known.code)),
            .init(":error-message", .string(String(known.message.prefix(4_000)))),
            .init(":message-type", .string("error")),
        ])
    }
}

private final class FrameSource<Event: Shape>: Sendable {
    private struct State {
        var initial: EventMessage?
        var isDone = false
    }

    private let stream: EventStream<Event>
    private let state: Mutex<State>

    init(_ stream: EventStream<Event>, _ initial: EventMessage?) {
        self.stream = stream
        self.state = Mutex(State(initial: initial))
    }

    func next() async throws -> ByteBuffer? {
        if let initial = state.withLock({ $0.initial.take() }) { return try frame(initial) }
        if state.withLock({ $0.isDone }) { return nil }
        do {
            var iterator = stream.events.makeAsyncIterator()
            guard let event = try await iterator.next() else { return nil }
            return try frame(EventWriter.message(of: event))
        } catch let error where !(error is CancellationError) {
            state.withLock { $0.isDone = true }
            return try frame(EventStreamCoding.lastMessage(for: error))
        }
    }

    private func frame(_ message: EventMessage) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        try message.encode(into: &buffer)
        return buffer
    }
}

private final class EventSource<Event: Shape>: Sendable {
    private let pieces: AsyncThrowingStream<ByteBuffer, any Error>?
    private let decoder = Mutex(EventDecoder())

    init(_ body: ByteStream) {
        switch body {
        case .buffer(let bytes):
            pieces = nil
            decoder.withLock { $0.append(bytes) }
        case .sequence(let pieces, _): self.pieces = pieces
        }
    }

    func next() async throws -> Event? {
        while true {
            if let message = try decoder.withLock({ try $0.next() }) {
                if let event = try EventReader.event(Event.self, from: message) { return event }
                continue
            }
            var iterator = pieces?.makeAsyncIterator()
            guard let piece = try await iterator?.next() else {
                if decoder.withLock({ $0.isMidway }) { throw EventStreamFault(reason: "the stream was cut off") }
                return nil
            }
            decoder.withLock { $0.append(piece) }
        }
    }
}
