// SPDX-License-Identifier: Apache-2.0

/// How fast a streamed answer goes out: the first 6 MB as fast as it can, what follows at 2 MB a second. Pure.
/// AWS: bandwidth limits for response streaming
struct StreamPace: Sendable {
    static let bytesPerSecond: Int64 = 2_097_152

    private var freeBytes = LambdaLimits.streamBurstBytes
    private var readyAtMicroseconds: Int64 = 0

    /// How long the next piece has to wait; it counts as sent then.
    mutating func wait(for bytes: Int, at nowMicroseconds: Int64) -> Duration {
        let free = min(freeBytes, bytes)
        freeBytes -= free
        guard bytes > free else { return .zero }
        let begins = max(readyAtMicroseconds, nowMicroseconds)
        readyAtMicroseconds = begins + Int64(bytes - free) * 1_000_000 / Self.bytesPerSecond
        return .microseconds(begins - nowMicroseconds)
    }
}
