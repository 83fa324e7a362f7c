// SPDX-License-Identifier: Apache-2.0

/// How many requests have come in the current second, which begins with a request.
struct RequestRate: Sendable {
    private static let window: Int64 = 1_000_000
    private var begins = Int64.min
    private var count = 0

    /// Counts one more, unless there have been as many as may come in a second.
    mutating func admit(_ limit: Int, at microseconds: Int64) -> Bool {
        if isOver(at: microseconds) { (begins, count) = (microseconds, 0) }
        guard count < limit else { return false }
        count += 1
        return true
    }

    func isOver(at microseconds: Int64) -> Bool { begins == .min || microseconds - begins >= Self.window }
}
