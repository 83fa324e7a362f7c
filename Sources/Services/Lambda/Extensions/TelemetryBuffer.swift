// SPDX-License-Identifier: Apache-2.0

/// What waits for one subscriber, as a pure state machine: when a batch leaves, what happens when it does not arrive, and
/// what is dropped. At most a batch is under way, and as much again waits.
struct TelemetryBuffer: Sendable {
    enum Action: Sendable, Equatable {
        case none
        /// Come back by `timerFired` after the subscription's time.
        case arm
        /// Send these documents, then say `delivered` or `failed`.
        case send([String])
        /// As `send`, after a pause.
        case sendAgain([String])
    }

    /// A batch that has not arrived so often is given up.
    static let maximumAttempts = 3

    private let buffering: TelemetrySubscription.Buffering
    /// What is said, with the next batch, of dropped records and bytes.
    private let describeDropped: @Sendable (_ records: Int, _ bytes: Int) -> String?
    private var waiting: [String] = []
    private var waitingBytes = 0
    private var underWay: [String]?
    private var attempts = 0
    private var isArmed = false
    private var isPaused = false
    /// Nothing waits for more company any more.
    private var isFlushing = false
    private var droppedRecords = 0
    private var droppedBytes = 0

    init(
        _ buffering: TelemetrySubscription.Buffering,
        describeDropped: @escaping @Sendable (_ records: Int, _ bytes: Int) -> String?
    ) {
        self.buffering = buffering
        self.describeDropped = describeDropped
    }

    var isEmpty: Bool { waiting.isEmpty && underWay == nil }

    mutating func append(_ document: String) -> Action {
        let size = document.utf8.count
        // A single document may be larger than a batch: it then travels alone.
        let hasRoom = waiting.isEmpty || waitingBytes + size <= buffering.maxBytes
        let sends = hasRoom ? .none : next(isDue: true)
        guard waiting.isEmpty || (hasRoom && waiting.count < buffering.maxItems) else {
            droppedRecords += 1
            droppedBytes += size
            return .none
        }
        waiting.append(document)
        waitingBytes += size
        return sends == .none ? next() : sends
    }

    mutating func timerFired() -> Action {
        isArmed = false
        return next(isDue: true)
    }

    mutating func delivered() -> Action {
        underWay = nil
        attempts = 0
        return next()
    }

    /// While the environment is frozen nobody can answer: such an attempt does not count.
    mutating func failed() -> Action {
        guard let batch = underWay else { return .none }
        guard !isPaused else {
            attempts = 0
            return .none
        }
        attempts += 1
        guard attempts >= Self.maximumAttempts else { return .sendAgain(batch) }
        droppedRecords += batch.count
        droppedBytes += batch.reduce(0) { $0 + $1.utf8.count }
        return delivered()
    }

    /// Nothing leaves from here on. What is under way may arrive or fail.
    mutating func pause() { isPaused = true }

    /// `isSending`: an attempt is still under way, and will say how it ended.
    mutating func resume(isSending: Bool) -> Action {
        isPaused = false
        if let underWay { return isSending ? .none : .send(underWay) }
        return next(isDue: !isArmed)
    }

    /// The environment ends: what waits leaves at once.
    mutating func flush() -> Action {
        isFlushing = true
        return next(isDue: true)
    }

    private mutating func next(isDue: Bool = false) -> Action {
        guard !waiting.isEmpty, underWay == nil, !isPaused else { return .none }
        let isFull = waiting.count >= buffering.maxItems || waitingBytes >= buffering.maxBytes
        guard isDue || isFull || isFlushing || droppedRecords > 0 else {
            guard !isArmed else { return .none }
            isArmed = true
            return .arm
        }
        var batch = waiting
        if droppedRecords > 0, let text = describeDropped(droppedRecords, droppedBytes) { batch.append(text) }
        (droppedRecords, droppedBytes) = (0, 0)
        waiting = []
        waitingBytes = 0
        underWay = batch
        return .send(batch)
    }
}
