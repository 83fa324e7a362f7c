// SPDX-License-Identifier: Apache-2.0

/// Makes one row of all rows that have the same keys.
final class StatsStage: RowStage {
    private struct Group {
        var keys: [InsightsValue]
        var accumulators: [Accumulator]
    }

    private let statistics: QueryPlan.Statistics
    private let environment: QueryEnvironment
    private let memory: QueryMemory
    private let next: any RowStage
    private var indices: [String: Int] = [:]
    private var groups: [Group] = []

    init(
        _ statistics: QueryPlan.Statistics,
        _ environment: QueryEnvironment,
        _ memory: QueryMemory,
        _ next: any RowStage
    ) {
        self.statistics = statistics
        self.environment = environment
        self.memory = memory
        self.next = next
    }

    func take(_ row: InsightsRecord) throws {
        let keys = statistics.keys.map { $0.expression.value(row, environment) }
        let index = try index(of: keys)
        let time = row.event?.position.timestamp
        for (number, item) in statistics.aggregates.enumerated() {
            let value = item.aggregate.argument?.value(row, environment) ?? .bool(true)
            let kept = groups[index].accumulators[number].take(value, at: time)
            if kept > 0 { try memory.take(kept) }
        }
    }

    private func index(of keys: [InsightsValue]) throws -> Int {
        let text = GroupKey.text(keys)
        if let known = indices[text] { return known }
        try memory.take(2 * text.utf8.count + 200 * (1 + statistics.aggregates.count))
        let index = groups.count
        groups.append(Group(keys: keys, accumulators: statistics.aggregates.map { Accumulator($0.aggregate.kind) }))
        indices[text] = index
        return index
    }

    func finish() throws {
        for group in inOrder() {
            var slots = [InsightsValue](repeating: .null, count: statistics.slotCount)
            for (key, value) in zip(statistics.keys, group.keys) { slots[key.slot] = value }
            for (item, accumulator) in zip(statistics.aggregates, group.accumulators) {
                slots[item.slot] = accumulator.result()
            }
            try next.take(InsightsRecord(slots: slots))
        }
        (groups, indices) = ([], [:])
        try next.finish()
    }

    /// In the order of time where there are times, else as they were met.
    private func inOrder() -> [Group] {
        guard let key = groups.first?.keys.firstIndex(where: { if case .time = $0 { true } else { false } }) else {
            return groups
        }
        return groups.enumerated().sorted { left, right in
            let order = InsightsValue.precedes(left.element.keys[key], right.element.keys[key])
            return order == 0 ? left.offset < right.offset : order < 0
        }.map(\.element)
    }

    var isSatisfied: Bool { false }
}
