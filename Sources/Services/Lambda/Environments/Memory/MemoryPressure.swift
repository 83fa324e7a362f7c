// SPDX-License-Identifier: Apache-2.0

/// Whether the host is short of memory, and what this node gives back then. A value: it decides, `MemoryWatch` acts.
///
/// First the stem cells go, and none are booted while it lasts; when that was not enough, idle environments, the longest
/// idle first. What runs is never touched.
struct MemoryPressure: Sendable {
    enum State: Sendable, Equatable {
        /// → short
        case ample
        /// For so many looks. → ample
        case short(looks: Int)
    }

    enum Action: Sendable, Equatable {
        case none
        case dropCells
        /// At most so many idle environments.
        case reap(Int)
        /// Cells may be booted again.
        case recover
    }

    /// Short below the first, or when processes wait for more than that of their time; ample again above the second. Between
    /// the two nothing changes, so that it does not go to and fro.
    private static let shortBelow = 0.10
    private static let ampleAbove = 0.15
    private static let severeBelow = 0.05
    private static let shortStalledPercent = 10.0
    private static let ampleStalledPercent = 2.0
    /// In one look, so that a look's work is bounded and its effect is seen before the next.
    static let reapedAtOnce = 8
    static let reapedAtOnceWhenSevere = 32

    private(set) var state = State.ample

    mutating func observe(_ reading: MemoryReading) -> Action {
        let left = Double(reading.availableBytes) / Double(max(reading.totalBytes, 1))
        let stalled = reading.stalledPercent ?? 0
        let isShort = left < Self.shortBelow || stalled > Self.shortStalledPercent
        let isAmple = left >= Self.ampleAbove && stalled <= Self.ampleStalledPercent
        switch state {
        case .ample:
            guard isShort else { return .none }
            state = .short(looks: 1)
            return .dropCells
        case .short(let looks):
            if isAmple {
                state = .ample
                return .recover
            }
            state = .short(looks: looks &+ 1)
            guard isShort else { return .none }
            return .reap(left < Self.severeBelow ? Self.reapedAtOnceWhenSevere : Self.reapedAtOnce)
        }
    }
}
