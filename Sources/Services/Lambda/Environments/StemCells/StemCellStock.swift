// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// How many stem cells of each kind there should be, from what was asked for lately. A value: it decides, `StemCells` acts.
///
/// A kind that is in use has a few. A burst of environments raises its number to the burst's size, for a while, so that the
/// next one of its kind is met. Functions that have just been deployed are about to be invoked, perhaps all at once, and have no
/// environment yet: each has a cell of its kind for a shorter while, booted only while the processors have nothing better to do.
/// All kinds together keep within the budget of memory.
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
        /// A function that was deployed and not invoked since is a newcomer for so long.
        var newcomerMemory: Duration = .seconds(120)

        init() {}
    }

    /// How many cells a kind should have.
    struct Target: Sendable, Equatable {
        var needed = 0
        /// Beyond these, if booting them takes nothing from others.
        var spare = 0

        var total: Int { needed + spare }
    }

    private struct Demand: Sendable {
        var lastAt: Instant
        /// How many were wanted in the burst that goes on.
        var burst = 0
        var peak = 0
        var peakAt: Instant
        /// Functions that were deployed and have asked for no cell since; at most `mostOfKind`.
        var newcomers: [VersionKey: Instant] = [:]
    }

    let configuration: Configuration
    private var demands: [StemCellKind: Demand] = [:]
    private(set) var hits = 0
    private(set) var misses = 0

    init(_ configuration: Configuration) { self.configuration = configuration }

    /// A function of that kind exists or runs here. The newcomer is the version that has just been deployed.
    mutating func expect(_ kind: StemCellKind, newcomer: VersionKey? = nil, at now: Instant) {
        var demand = demands[kind] ?? Demand(lastAt: now, peakAt: now)
        demand.lastAt = now
        if let newcomer {
            // An earlier state of the function will not be invoked any more.
            demand.newcomers = demand.newcomers.filter { key, since in
                (key.functionName != newcomer.functionName || key.scope != newcomer.scope) && isNew(since, at: now)
            }
            if demand.newcomers.count < configuration.mostOfKind { demand.newcomers[newcomer] = now }
        }
        demands[kind] = demand
    }

    private func isNew(_ since: Instant, at now: Instant) -> Bool { now - since < configuration.newcomerMemory }

    mutating func wanted(_ kind: StemCellKind, for version: VersionKey, found: Bool, at now: Instant) {
        if found { hits += 1 } else { misses += 1 }
        var demand = demands[kind] ?? Demand(lastAt: now, peakAt: now)
        demand.newcomers[version] = nil
        demand.burst = now - demand.lastAt < configuration.burstGap ? demand.burst + 1 : 1
        demand.lastAt = now
        if demand.burst >= demand.peak {
            demand.peak = demand.burst
            demand.peakAt = now
        }
        demands[kind] = demand
    }

    /// The number of cells that each kind should have now. Forgets kinds that nobody has wanted for long.
    mutating func targets(at now: Instant) -> [StemCellKind: Target] {
        demands = demands.filter { now - $0.value.lastAt < configuration.memory }
        var left = configuration.budgetMiB
        var targets: [StemCellKind: Target] = [:]
        func take(_ count: Int, of kind: StemCellKind) -> Int {
            let count = max(0, min(count, left / Self.estimateMiB(kind)))
            left -= count * Self.estimateMiB(kind)
            return count
        }
        // First the few of each kind, the latest wanted first; then bursts, then newcomers, from what is left.
        let kinds = demands.sorted { $0.value.lastAt > $1.value.lastAt }
        for (kind, _) in kinds { targets[kind, default: Target()].needed = take(configuration.leastOfKind, of: kind) }
        for (kind, demand) in kinds where now - demand.peakAt < configuration.memory {
            let more = min(demand.peak, configuration.mostOfKind) - targets[kind, default: Target()].needed
            targets[kind, default: Target()].needed += take(more, of: kind)
        }
        for (kind, demand) in kinds {
            let newcomers = demand.newcomers.values.count { isNew($0, at: now) }
            targets[kind, default: Target()].spare = take(newcomers - targets[kind, default: Target()].needed, of: kind)
        }
        return targets
    }

    /// Which of the waiting cells, the oldest first, is claimed: the oldest, as it has surely booted, or the oldest near one,
    /// if it has, too.
    static func choice(among waiting: [(startedAt: Instant, isNear: Bool)], at now: Instant) -> Int? {
        guard !waiting.isEmpty else { return nil }
        return waiting.firstIndex { $0.isNear && now - $0.startedAt >= bootTime } ?? 0
    }

    /// After this long every runtime has booted.
    static let bootTime: Duration = .milliseconds(500)

    /// What a waiting cell takes (proportional set size), rounded up.
    static func estimateMiB(_ kind: StemCellKind) -> Int {
        guard let program = kind.command.first else { return 1 }
        if program.hasSuffix("java") { return 48 }
        return program.hasSuffix("node") ? 16 : 8
    }
}
