// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// How many environments of one version may be starting at once. Pure: times go in.
///
/// A burst of short invocations is served soonest by a few environments: the first that is up takes one after the other, while
/// a hundred starts would only take the processors from each other. Where starts last, more are begun all the time: ten in
/// 100 ms are the 1,000 in ten seconds that AWS allows.
struct StartGate: Sendable {
    static let atOnce = 10
    static let youth: Duration = .milliseconds(100)

    /// When the young ones began, in microseconds of the monotonic clock.
    private var began: [Int64] = []

    /// Whether another one may begin; if so, it has.
    mutating func enter(at now: Int64) -> Bool {
        let oldest = now - Self.youth.wholeMicroseconds
        began.removeAll { $0 <= oldest }
        guard began.count < Self.atOnce else { return false }
        began.append(now)
        return true
    }

    /// One has come up, or has failed.
    mutating func leave() {
        if !began.isEmpty { began.removeFirst() }
    }
}
