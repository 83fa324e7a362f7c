// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Where every part of Martlet gets the time from, so that tests move it instead of sleeping.
package protocol WallClock: Sendable {
    var now: Instant { get }

    /// Microseconds that never go back, for measuring durations.
    var monotonicMicroseconds: Int64 { get }

    /// Returns at `instant` or later. Throws `CancellationError` as soon as the task is cancelled.
    func sleep(until instant: Instant) async throws
}

extension WallClock {
    package func sleep(for duration: Duration) async throws { try await sleep(until: now + duration) }
}

/// The host's clock.
package struct SystemClock: WallClock {
    package init() {}

    package var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package var monotonicMicroseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }

    package func sleep(until instant: Instant) async throws {
        let wait = instant - now
        if wait > .zero { try await Task.sleep(for: wait) }
    }
}
