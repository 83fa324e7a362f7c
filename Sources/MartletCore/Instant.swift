// SPDX-License-Identifier: Apache-2.0

/// A point in time, in whole milliseconds since 1970 UTC: what the store keeps and the wire shows.
package struct Instant: Hashable, Comparable, Sendable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Seconds beyond ±9 × 10¹⁵ and non-numbers are clamped, so that no input can trap.
    package init(seconds: Double) {
        guard seconds.isFinite else {
            milliseconds = 0
            return
        }
        milliseconds = Int64((min(max(seconds, -9e12), 9e12) * 1_000).rounded())
    }

    package var seconds: Double { Double(milliseconds) / 1_000 }

    package static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }

    package static func + (left: Instant, right: Duration) -> Instant {
        Instant(milliseconds: left.milliseconds &+ right.wholeMilliseconds)
    }

    package static func - (left: Instant, right: Duration) -> Instant {
        Instant(milliseconds: left.milliseconds &- right.wholeMilliseconds)
    }

    package static func - (left: Instant, right: Instant) -> Duration {
        .milliseconds(left.milliseconds &- right.milliseconds)
    }
}

extension Duration {
    /// Rounded towards zero.
    package var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds &* 1_000 &+ attoseconds / 1_000_000_000_000_000
    }

    package var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds &* 1_000_000 &+ attoseconds / 1_000_000_000_000
    }

    /// In seconds, for printing.
    package var fractionalSeconds: Double { Double(wholeMicroseconds) / 1_000_000 }
}
