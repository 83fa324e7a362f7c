// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers
import NIOCore

/// Carries the answer of one invocation from the environment's connection to whoever called, piece by piece. The thin shell
/// around `RelayFlow`: the runtime's side is called on the event loop and never blocks, the caller's side is one task.
///
/// When the caller goes away the function runs on to its end, as on AWS, and what it still writes is dropped.
final class ResponseRelay: Sendable {
    /// What the caller sees first.
    enum Start: Sendable {
        case streaming(contentType: String?)
        /// It ended without a streamed answer: a whole one, or an error.
        case whole(FunctionRunner.Outcome)
    }

    private struct State {
        var flow = RelayFlow()
        var pace = StreamPace()
        var received = Received()
        /// Reads the runtime's connection on.
        var readOn: (@Sendable () -> Void)?
        var ending: Result<FunctionRunner.Outcome, any Error>?
        /// Counts what has happened, so that nobody sleeps over it.
        var changes = 0
        var waiter: CheckedContinuation<Void, Never>?

        /// Nil while nothing is known. One that failed before its first byte is a whole answer: an error can still be told.
        func start() throws -> Start? {
            if flow.state == .abandoned { throw CancellationError() }
            if let head = flow.head, flow.hasPieces { return .streaming(contentType: head.contentType) }
            guard flow.state == .ended, let outcome = try ending?.get() else { return nil }
            if let head = flow.head, case .success = outcome.result.outcome {
                return .streaming(contentType: head.contentType)
            }
            return .whole(outcome)
        }
    }

    private let clock: any WallClock
    private let state = NIOLockedValueBox(State())

    init(clock: any WallClock) { self.clock = clock }

    // MARK: The runtime's side

    func begin(contentType: String?, readOn: @escaping @Sendable () -> Void) {
        change { state in
            state.flow.begin(contentType: contentType)
            state.readOn = readOn
        }
    }

    /// False: the connection is to be read no further until `readOn` is called.
    func offer(_ piece: ByteBuffer) -> Bool {
        let now = clock.monotonicMicroseconds
        return change { state in
            state.received.add(piece.readableBytes, at: now)
            return state.flow.offer(piece)
        }
    }

    /// What the runtime has written so far, taken or not.
    struct Received: Sendable, Equatable {
        var bytes = 0
        /// By the monotonic clock, in microseconds.
        var firstAt: Int64?

        mutating func add(_ count: Int, at microseconds: Int64) {
            guard count > 0 else { return }
            bytes += count
            if firstAt == nil { firstAt = microseconds }
        }
    }

    var received: Received { state.withLockedValue { $0.received } }

    /// The invocation is over, its log lines are written.
    func finish(_ ending: Result<FunctionRunner.Outcome, any Error>) {
        change { state in
            state.ending = ending
            state.flow.end()
        }
    }

    // MARK: The caller's side

    /// Returns with the first byte of the answer, or with its end. Throws what kept the function from running.
    func start() async throws -> Start {
        while true {
            let (start, seen) = try state.withLockedValue { (try $0.start(), $0.changes) }
            if let start { return start }
            await changed(since: seen)
        }
    }

    /// The next piece, no sooner than the rate allows; nil at the end.
    func next() async throws -> ByteBuffer? {
        while true {
            let (take, seen, readOn) = state.withLockedValue { ($0.flow.take(), $0.changes, $0.readOn) }
            switch take {
            case .piece(let piece, let readsOn):
                if readsOn { readOn?() }
                try await keepPace(piece.readableBytes)
                return piece
            case .wait: await changed(since: seen)
            case .end:
                if case .failure(let error)? = state.withLockedValue({ $0.ending }) { throw error }
                return nil
            case .abandoned: throw CancellationError()
            }
        }
    }

    /// How it ended; nil before `next` has returned nil.
    var outcome: FunctionRunner.Outcome? {
        state.withLockedValue { state in
            guard case .success(let outcome)? = state.ending else { return nil }
            return outcome
        }
    }

    /// What is here and not taken.
    var waitingBytes: Int { state.withLockedValue { $0.flow.waitingBytes } }

    /// The caller has gone.
    func abandon() {
        let readOn = change { state in state.flow.abandon() ? state.readOn : nil }
        readOn?()
    }

    private func keepPace(_ bytes: Int) async throws {
        let now = clock.monotonicMicroseconds
        let wait = state.withLockedValue { $0.pace.wait(for: bytes, at: now) }
        if wait > .milliseconds(1) { try await clock.sleep(for: wait) }
    }

    // MARK: Waiting

    @discardableResult
    private func change<T>(_ body: (inout State) -> T) -> T {
        let (result, waiter) = state.withLockedValue { state in
            let result = body(&state)
            state.changes &+= 1
            return (result, state.waiter.take())
        }
        waiter?.resume()
        return result
    }

    /// A cancelled task is a caller that has gone.
    private func changed(since seen: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLockedValue { state in
                    guard state.changes == seen else { return true }
                    state.waiter = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            abandon()
        }
    }
}
