// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// Pauses that double from try to try, up to a longest one. A part of each is drawn by chance, so that those who were
/// refused together do not come back together.
package struct Backoff: Sendable {
    package var first: Duration
    package var longest: Duration
    /// 0 for exact pauses; 0.25 takes off up to a quarter.
    package var jitter: Double

    package init(first: Duration, longest: Duration, jitter: Double = 0.25) {
        (self.first, self.longest, self.jitter) = (first, longest, jitter)
    }

    /// `tries` counts from 0. `draw` is a number in 0..<1.
    package func pause(afterTries tries: Int, draw: Double) -> Duration {
        let whole = min(longest, first * (1 << min(max(tries, 0), 20)))
        let part = min(max(jitter, 0), 1) * min(max(draw, 0), 1)
        return whole - .milliseconds(Int64(Double(whole.wholeMilliseconds) * part))
    }
}

extension IDSource {
    /// A number drawn evenly from 0..<1.
    package func fraction() -> Double {
        Double(bytes(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }) / 4_294_967_296
    }
}
