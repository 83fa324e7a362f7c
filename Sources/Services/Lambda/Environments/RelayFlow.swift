// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The pieces of a streamed answer between the runtime, which makes them, and the caller, who takes them: pure, bounded.
struct RelayFlow: Sendable {
    /// With so many bytes waiting, the runtime's connection is read no further.
    static let highBytes = 1_048_576
    /// With so few, it is read on.
    static let lowBytes = 262_144

    /// What stands before the pieces.
    struct Head: Sendable, Equatable {
        var contentType: String?
    }

    enum State: Sendable, Equatable {
        /// No head of an answer yet. → flowing, ended, abandoned
        case waiting
        /// → ended, abandoned
        case flowing
        /// No further piece comes; those that are here can be taken. → abandoned
        case ended
        /// The caller has gone: the rest is dropped as it comes. Final.
        case abandoned
    }

    enum Take: Sendable, Equatable {
        /// `readsOn`: the connection was paused and is to be read again.
        case piece(ByteBuffer, readsOn: Bool)
        case wait
        case end
        case abandoned
    }

    private(set) var state = State.waiting
    private(set) var head: Head?
    private(set) var waitingBytes = 0
    private var pieces = CircularBuffer<ByteBuffer>()
    private var isPaused = false

    /// Whether there is something to take.
    var hasPieces: Bool { !pieces.isEmpty }

    mutating func begin(contentType: String?) {
        guard state == .waiting else { return }
        state = .flowing
        head = Head(contentType: contentType)
    }

    /// False: read no more until `take` or `abandon` says so.
    mutating func offer(_ piece: ByteBuffer) -> Bool {
        guard state == .flowing, piece.readableBytes > 0 else { return true }
        pieces.append(piece)
        waitingBytes += piece.readableBytes
        // What was read before the pause may come after it: only `take` ends one.
        if waitingBytes >= Self.highBytes { isPaused = true }
        return !isPaused
    }

    mutating func take() -> Take {
        if state == .abandoned { return .abandoned }
        guard let piece = pieces.popFirst() else { return state == .ended ? .end : .wait }
        waitingBytes -= piece.readableBytes
        let readsOn = isPaused && waitingBytes <= Self.lowBytes
        if readsOn { isPaused = false }
        return .piece(piece, readsOn: readsOn)
    }

    mutating func end() {
        if state != .abandoned { state = .ended }
    }

    /// True when the connection was paused: the runtime shall write on into the void.
    mutating func abandon() -> Bool {
        state = .abandoned
        pieces.removeAll()
        waitingBytes = 0
        defer { isPaused = false }
        return isPaused
    }
}
