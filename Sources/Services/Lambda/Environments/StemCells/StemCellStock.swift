// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// How many stem cells of each kind there should be, from what was asked for lately. A value: it decides, `StemCells` acts.
///
/// A kind that is in use has a few. A burst of environments raises its number to the burst's size, for a while, so that the
/// next one of its kind is met. All kinds together keep within the budget of memory.
struct StemCellStock: Sendable {
    struct Configuration: Sendable {
        /// Of one kind that is in use, without bursts.
        var leastOfKind = 2
        var mostOfKind = 64
        /// What all cells together may take, by the estimates below. Zero: there are no cells.
        var budgetMiB = 768
        /// A burst is remembered so long, and a kind is in use so long after it was last wanted.
        var memory: Duration = .seconds(600)
        /// Demands no further apart than this are one burst.
        var burstGap: Duration = .seconds(1)

        init() {}
    }

    private struct Demand: Sendable {
        var lastAt: Instant
        /// How many were wanted in the burst that goes on.
        var burst = 0
        var peak = 0
        var peakAt: Instant
    }

    let configuration: Configuration
    private var demands: [StemCellKind: Demand] = [:]
    private(set) var hits = 0
    private(set) var misses = 0

    init(_ configuration: Configuration) { self.configuration = configuration }

    /// A function of that kind exists or runs here.
    mutating func expect(_ kind: StemCellKind, at now: Instant) {
        demands[kind, default: Demand(lastAt: now, peakAt: now)].lastAt = now
    }

    mutating func wanted(_ kind: StemCellKind, found: Bool, at now: Instant) {
        if found { hits += 1 } else { misses += 1 }
        var demand = demands[kind] ?? Demand(lastAt: now, peakAt: now)
        demand.burst = now - demand.lastAt < configuration.burstGap ? demand.burst + 1 : 1
        demand.lastAt = now
        if demand.burst >= demand.peak {
            demand.peak = demand.burst
            demand.peakAt = now
        }
        demands[kind] = demand
    }

    /// The number of cells that each kind should have now. Forgets kinds that nobody has wanted for long.
    mutating func targets(at now: Instant) -> [StemCellKind: Int] {
        demands = demands.filter { now - $0.value.lastAt < configuration.memory }
        var left = configuration.budgetMiB
        var targets: [StemCellKind: Int] = [:]
        // First the few of each kind, the latest wanted first; then the bursts, from what is left.
        let kinds = demands.sorted { $0.value.lastAt > $1.value.lastAt }
        for (kind, _) in kinds {
            let count = min(configuration.leastOfKind, left / Self.estimateMiB(kind))
            targets[kind] = count
            left -= count * Self.estimateMiB(kind)
        }
        for (kind, demand) in kinds {
            let peak = now - demand.peakAt < configuration.memory ? min(demand.peak, configuration.mostOfKind) : 0
            let more = min(max(0, peak - (targets[kind] ?? 0)), left / Self.estimateMiB(kind))
            targets[kind, default: 0] += more
            left -= more * Self.estimateMiB(kind)
        }
        return targets
    }

    /// What a waiting cell takes (proportional set size), rounded up.
    static func estimateMiB(_ kind: StemCellKind) -> Int {
        guard let program = kind.command.first else { return 1 }
        if program.hasSuffix("java") { return 48 }
        return program.hasSuffix("node") ? 16 : 8
    }
}
