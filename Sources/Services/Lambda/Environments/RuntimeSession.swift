// SPDX-License-Identifier: Apache-2.0

/// The Runtime API from the server's side, as a pure state machine: what each call of the runtime means, and which calls
/// are out of turn. `Ticket` names a held `/next` request.
struct RuntimeSession<Ticket: Sendable & Equatable>: Sendable {
    enum State: Sendable, Equatable {
        /// The runtime has not asked for work yet. → idle, atRest, restoring, failed, ended
        case initializing
        /// The runtime of a template has asked to be restored, and never hears of it. → initializing, ended
        case atRest(Ticket)
        /// The runtime knows that it is a copy and prepares for work. → idle, failed, ended
        case restoring
        /// A `/next` is held. → busy, ended
        case idle(Ticket)
        /// The answer is given and `/next` has not come; an event may wait here for it. → idle, busy, ended
        case returning(queued: Invocation?)
        /// The runtime has the event. → returning, streaming, ended
        case busy(id: String)
        /// The answer has begun and comes piece by piece. → returning, cut, ended
        case streaming(id: String)
        /// The answer broke off. The runtime comes again, reports why, or exits; until then nobody knows which.
        /// → idle, returning, ended
        case cut(id: String)
        /// `/init/error` was called; only the exit can follow. → ended
        case failed
        case ended

        static func == (left: State, right: State) -> Bool {
            switch (left, right) {
            case (.initializing, .initializing), (.restoring, .restoring), (.failed, .failed), (.ended, .ended): true
            case (.idle(let a), .idle(let b)), (.atRest(let a), .atRest(let b)): a == b
            case (.busy(let a), .busy(let b)): a == b
            case (.streaming(let a), .streaming(let b)), (.cut(let a), .cut(let b)): a == b
            case (.returning(let a), .returning(let b)): a?.id == b?.id
            default: false
            }
        }

        var name: String {
            switch self {
            case .initializing: "Initializing"
            case .atRest: "RestoreReady"
            case .restoring: "Restoring"
            case .idle: "Ready"
            case .returning: "InvocationResponse"
            case .busy: "Running"
            case .streaming, .cut: "StreamingResponse"
            case .failed: "InitError"
            case .ended: "Exited"
            }
        }
    }

    private(set) var state: State = .initializing
    /// Decides what `/restore/next` means.
    let role: SnapshotRole

    init(role: SnapshotRole = .none) { self.role = role }

    enum NextAction: Sendable {
        /// Hold the request; it was the first, so initialisation is over.
        case holdInitialized
        case hold
        /// Hold this one and end the one that was held before: the runtime opened a new connection.
        case holdInsteadOf(Ticket)
        case hand(Invocation)
        /// Hold it; the answer of `id` had broken off and that was its end.
        case holdAfterCut(id: String)
        case reject(RuntimeAPIError)
    }

    mutating func next(_ ticket: Ticket) -> NextAction {
        switch state {
        case .initializing where role == .none, .restoring:
            state = .idle(ticket)
            return .holdInitialized
        case .idle(let earlier):
            state = .idle(ticket)
            return .holdInsteadOf(earlier)
        case .returning(let queued?):
            state = .busy(id: queued.id)
            return .hand(queued)
        case .returning(nil):
            state = .idle(ticket)
            return .hold
        case .cut(let id):
            state = .idle(ticket)
            return .holdAfterCut(id: id)
        // One that has a snapshot to do with begins with `/restore/next`.
        case .initializing, .atRest, .busy, .streaming, .failed, .ended:
            return .reject(.invalidTransition(from: state.name, to: "Ready"))
        }
    }

    enum RestoreAction: Sendable, Equatable {
        /// The process is ready to be snapshot: hold the request for good.
        case rest
        /// It is a copy: answer at once.
        case answer
        case reject(RuntimeAPIError)
    }

    /// `/restore/next`
    mutating func restoreNext(_ ticket: Ticket) -> RestoreAction {
        guard case .initializing = state else {
            return .reject(.invalidTransition(from: state.name, to: "RestoreReady"))
        }
        switch role {
        case .none: return .reject(.invalidTransition(from: state.name, to: "RestoreReady"))
        case .template:
            state = .atRest(ticket)
            return .rest
        case .copy, .standIn:
            state = .restoring
            return .answer
        }
    }

    /// `/restore/error`
    mutating func restoreError() -> RuntimeAPIError? {
        guard state == .restoring else { return .invalidTransition(from: state.name, to: "RestoreError") }
        state = .failed
        return nil
    }

    enum DispatchAction: Sendable, Equatable {
        case hand(to: Ticket)
        /// It goes out with the next `/next`.
        case wait
        /// The environment cannot take it.
        case refuse
    }

    mutating func dispatch(_ invocation: Invocation) -> DispatchAction {
        switch state {
        case .idle(let ticket):
            state = .busy(id: invocation.id)
            return .hand(to: ticket)
        case .returning(nil):
            state = .returning(queued: invocation)
            return .wait
        case .initializing, .atRest, .restoring, .returning, .busy, .streaming, .cut, .failed, .ended:
            return .refuse
        }
    }

    /// `/response` or `/error` for `id`. Nil: it is the running invocation's answer, and the environment may take another.
    /// An error may also end an answer that has begun, on another connection than the answer's.
    mutating func answer(_ id: String, to call: String) -> RuntimeAPIError? {
        switch state {
        case .busy(let current) where current == id: state = .returning(queued: nil)
        case .streaming(let current) where current == id && call == Self.errorCall: state = .returning(queued: nil)
        case .cut(let current) where current == id && call == Self.errorCall: state = .returning(queued: nil)
        case .busy: return .invalidRequestID
        default: return .invalidTransition(from: state.name, to: call)
        }
        return nil
    }

    static var errorCall: String { "InvocationError" }

    // MARK: Streaming

    /// The head of a streamed answer. Nil: its pieces may come.
    mutating func beginStream(_ id: String) -> RuntimeAPIError? {
        guard case .busy(let current) = state else {
            return .invalidTransition(from: state.name, to: "InvocationResponse")
        }
        guard current == id else { return .invalidRequestID }
        state = .streaming(id: id)
        return nil
    }

    /// The last piece has come. Nil: it is the running invocation's answer, and the environment may take another.
    mutating func endStream(_ id: String) -> RuntimeAPIError? {
        guard state == .streaming(id: id) else {
            return .invalidTransition(from: state.name, to: "InvocationResponse")
        }
        state = .returning(queued: nil)
        return nil
    }

    /// Its connection is gone before the last piece.
    mutating func cutStream(_ id: String) {
        if state == .streaming(id: id) { state = .cut(id: id) }
    }

    /// `/init/error`
    mutating func initError() -> RuntimeAPIError? {
        guard state == .initializing else { return .invalidTransition(from: state.name, to: "InitError") }
        state = .failed
        return nil
    }

    /// The connection of a held `/next` is gone; the runtime will come again or exit.
    mutating func disconnected(_ ticket: Ticket) {
        if state == .idle(ticket) { state = .returning(queued: nil) }
        if state == .atRest(ticket) { state = .initializing }
    }

    /// The process has exited, or the platform killed it. Returns the event that nobody had taken.
    mutating func end() -> Invocation? {
        defer { state = .ended }
        if case .returning(let queued) = state { return queued }
        return nil
    }
}

/// What the Runtime API answers a call out of turn.
struct RuntimeAPIError: Error, Sendable, Equatable {
    var status: Int
    var errorType: String
    var errorMessage: String

    static func invalidTransition(from state: String, to call: String) -> RuntimeAPIError {
        RuntimeAPIError(
            status: 403,
            errorType: "InvalidStateTransition",
            errorMessage:
                "State transition from \(state) to \(call) failed for runtime. Error: State transition is not allowed"
        )
    }

    static let invalidRequestID = RuntimeAPIError(
        status: 400,
        errorType: "InvalidRequestID",
        errorMessage: "Invalid request ID"
    )
    static let tooLarge = RuntimeAPIError(
        status: 413,
        errorType: "RequestEntityTooLarge",
        errorMessage: "Exceeded maximum allowed payload size (\(LambdaLimits.responseBytes) bytes)."
    )
    static let streamTooLarge = RuntimeAPIError(
        status: 413,
        errorType: "RequestEntityTooLarge",
        errorMessage: "Exceeded maximum allowed payload size (\(LambdaLimits.streamBytes) bytes)."
    )
    static let noCredentials = RuntimeAPIError(
        status: 404,
        errorType: "NotFound",
        errorMessage: "cannot get credentials for the provided token"
    )
    static let notFound = RuntimeAPIError(
        status: 404,
        errorType: "NotFound",
        errorMessage: "No such path in the Runtime API"
    )

    static func failed(_ message: String) -> RuntimeAPIError {
        RuntimeAPIError(status: 500, errorType: "InternalServerError", errorMessage: message)
    }

    static func notImplemented(_ what: String) -> RuntimeAPIError {
        RuntimeAPIError(
            status: 501,
            errorType: "NotImplemented",
            errorMessage: "Martlet does not implement \(what) yet."
        )
    }
}
