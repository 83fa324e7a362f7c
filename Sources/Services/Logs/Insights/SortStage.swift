// SPDX-License-Identifier: Apache-2.0

/// Brings rows into an order. Where only the first ones are wanted, no more than twice as many are kept.
final class SortStage: RowStage {
    private struct Entry {
        var keys: [InsightsValue]
        var row: InsightsRecord
        /// Rows that are alike stay in the order in which they came.
        var number: Int
        var bytes: Int
    }

    private let keys: [QueryPlan.SortKey]
    private let bound: Int?
    private let environment: QueryEnvironment
    private let memory: QueryMemory
    private let next: any RowStage
    private var entries: [Entry] = []
    private var count = 0

    init(
        _ keys: [QueryPlan.SortKey],
        keeping bound: Int?,
        _ environment: QueryEnvironment,
        _ memory: QueryMemory,
        _ next: any RowStage
    ) {
        self.keys = keys
        self.bound = bound
        self.environment = environment
        self.memory = memory
        self.next = next
    }

    func take(_ row: InsightsRecord) throws {
        let entry = Entry(
            keys: keys.map { $0.expression.value(row, environment) },
            row: row,
            number: count,
            bytes: row.bytes
        )
        count += 1
        row.forget()
        try memory.take(entry.bytes)
        entries.append(entry)
        if let bound, entries.count >= 2 * bound + 1_000 { cut(to: bound) }
    }

    private func cut(to bound: Int) {
        order()
        for entry in entries[bound...] { memory.giveBack(entry.bytes) }
        entries.removeSubrange(bound...)
    }

    private func order() {
        entries.sort { left, right in
            for (index, key) in keys.enumerated() {
                let order = InsightsValue.precedes(left.keys[index], right.keys[index])
                if order != 0 { return key.isDescending ? order > 0 : order < 0 }
            }
            return left.number < right.number
        }
    }

    func finish() throws {
        order()
        for entry in entries.prefix(bound ?? .max) { try next.take(entry.row) }
        entries = []
        try next.finish()
    }

    /// A later row may come before all others.
    var isSatisfied: Bool { false }
}
