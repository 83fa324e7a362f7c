// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// What one connection is doing, and when it has done so for too long. Pure: times go in, decisions come out.
struct ConnectionState {
    /// What the timer finds.
    enum Verdict: Equatable {
        case close
        /// Look again then; milliseconds of the same clock.
        case lookAgain(at: Int64)
    }

    private let idleMilliseconds: Int64
    private let requestMilliseconds: Int64
    private let discardLimit: Int

    /// A request's head has come and its end has not.
    private(set) var isReceiving = false
    /// A request was handed on and its answer is not complete.
    private(set) var isAnswering = false
    /// No further request is taken.
    private(set) var isLast = false
    private var requestBegan: Int64 = 0
    private var lastProgress: Int64
    private var blockedSince: Int64?
    private var discarded = 0

    init(limits: HTTPLimits, now: Int64) {
        idleMilliseconds = limits.idleTimeout.wholeMilliseconds
        requestMilliseconds = limits.requestTimeout.wholeMilliseconds
        discardLimit = limits.discardedBytes
        lastProgress = now
    }

    mutating func headCame(keepsAlive: Bool, now: Int64) {
        isReceiving = true
        isAnswering = true
        discarded = 0
        if !keepsAlive { isLast = true }
        requestBegan = now
        lastProgress = now
    }

    mutating func bytesCame(now: Int64) { lastProgress = now }

    /// True when the connection has served its purpose and can be closed.
    mutating func requestEnded(now: Int64) -> Bool {
        isReceiving = false
        lastProgress = now
        return isLast && !isAnswering
    }

    /// True when the connection has served its purpose. While the client is still sending, the rest is read and dropped
    /// first: closing at once would reset the connection, and the client might never read its answer.
    mutating func answered(now: Int64) -> Bool {
        isAnswering = false
        lastProgress = now
        return isLast && !isReceiving
    }

    mutating func becomesLast() { isLast = true }

    /// True when the client has sent more than is worth dropping.
    mutating func discards(_ bytes: Int) -> Bool {
        discarded += bytes
        return discarded > discardLimit
    }

    mutating func writability(_ isWritable: Bool, now: Int64) { blockedSince = isWritable ? nil : now }

    func verdict(now: Int64) -> Verdict {
        var deadline = Int64.max
        if let blockedSince { deadline = blockedSince + idleMilliseconds }
        if isReceiving { deadline = min(deadline, lastProgress + idleMilliseconds, requestBegan + requestMilliseconds) }
        if !isReceiving && !isAnswering { deadline = min(deadline, lastProgress + idleMilliseconds) }
        if now >= deadline { return .close }
        // While a function runs nothing is due: look again in a while.
        return .lookAgain(at: min(deadline, now + idleMilliseconds))
    }
}
