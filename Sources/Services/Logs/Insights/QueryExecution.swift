// SPDX-License-Identifier: Apache-2.0

/// Why a query that could be compiled came to no result.
enum QueryFailure: Error, Equatable {
    /// It would keep more in memory than one query may.
    case tooLarge
    /// It looks into a table that is gone by now, or has other columns.
    case missingTable(String)
    case missingColumn(String, table: String)

    var message: String {
        switch self {
        case .tooLarge: "The query needs more memory than one query may have."
        case .missingTable(let table): "The lookup table \(table) does not exist."
        case .missingColumn(let column, let table): "The lookup table \(table) does not have a field \(column)."
        }
    }
}

/// How much one query may keep.
final class QueryMemory {
    private var left: Int

    init(bytes: Int) { left = bytes }

    func take(_ bytes: Int) throws(QueryFailure) {
        left -= bytes
        guard left >= 0 else { throw .tooLarge }
    }

    func giveBack(_ bytes: Int) { left += bytes }
}

/// Runs the stages of a plan over rows that are pushed into it. Used by one task at a time.
final class QueryExecution {
    private let plan: QueryPlan
    private let head: any RowStage
    private let collector: Collector
    private let counter: MatchCounter

    /// - Parameters:
    ///   - isMerged: rows come from several groups one after the other, so that they are not in the order of time.
    ///   - lookups: the tables of the plan's lookups, in their order.
    init(
        _ plan: QueryPlan,
        limit: Int,
        isMerged: Bool,
        lookups: [LookupIndex] = [],
        _ environment: QueryEnvironment,
        memory: QueryMemory
    ) {
        self.plan = plan
        collector = Collector(plan.columns, limit: limit, environment)
        counter = MatchCounter()
        var stages = plan.stages
        if isMerged, plan.needsOrder {
            let first = stages.firstIndex { !$0.isStreaming } ?? stages.endIndex
            let byTime = QueryPlan.SortKey(expression: .field(.timestamp), isDescending: true)
            stages.insert(.sort([byTime]), at: first)
        }
        let firstBlocking = stages.firstIndex { !$0.isStreaming } ?? stages.endIndex
        // Behind the filters, before anything is held back.
        var next: any RowStage = collector
        if firstBlocking == stages.endIndex { next = counter.before(next) }
        var bound: Int? = limit
        for (index, stage) in stages.enumerated().reversed() {
            next = Self.node(stage, next, bound, lookups, environment, memory)
            if index == firstBlocking { next = counter.before(next) }
            switch stage {
            case .limit(let count, _): bound = count
            case .compute, .parse, .sort, .lookup: break
            case .filter, .stats, .dedup: bound = nil
            }
        }
        head = next
    }

    private static func node(
        _ stage: QueryPlan.Stage,
        _ next: any RowStage,
        _ bound: Int?,
        _ lookups: [LookupIndex],
        _ environment: QueryEnvironment,
        _ memory: QueryMemory
    ) -> any RowStage {
        switch stage {
        case .filter(let condition): FilterStage(condition, environment, next)
        case .compute(let computed): ComputeStage(computed, environment, next)
        case .parse(let subject, let extractor, let slots): ParseStage(subject, extractor, slots, environment, next)
        case .stats(let statistics): StatsStage(statistics, environment, memory, next)
        case .sort(let keys): SortStage(keys, keeping: bound, environment, memory, next)
        case .limit(let count, let stopsScan): LimitStage(count, stopsScan: stopsScan, next)
        case .dedup(let keys): DedupStage(keys, environment, memory, next)
        case .lookup(let lookup):
            LookupStage(
                lookup,
                lookups.indices.contains(lookup.ordinal) ? lookups[lookup.ordinal] : .empty,
                environment,
                next
            )
        }
    }

    func take(_ row: InsightsRecord) throws { try head.take(row) }

    /// Whether no further row can change anything.
    var isSatisfied: Bool { head.isSatisfied }

    var matched: Int { counter.count }

    /// The results; nothing may be taken any more.
    func finish() throws -> [[ResultCell]] {
        try head.finish()
        return collector.rows
    }
}

/// A field of a row of results.
struct ResultCell: Sendable, Equatable {
    var field: String
    var value: String
}

/// One stage at work.
protocol RowStage: AnyObject {
    func take(_ row: InsightsRecord) throws
    func finish() throws
    /// Whether it lets no further row through.
    var isSatisfied: Bool { get }
}

/// Counts the events that come through all filters.
private final class MatchCounter: RowStage {
    private var next: (any RowStage)?
    private(set) var count = 0

    func before(_ stage: any RowStage) -> MatchCounter {
        next = stage
        return self
    }

    func take(_ row: InsightsRecord) throws {
        count += 1
        try next?.take(row)
    }

    func finish() throws { try next?.finish() }
    var isSatisfied: Bool { next?.isSatisfied ?? false }
}

private final class Collector: RowStage {
    private let columns: [QueryPlan.Column]
    private let limit: Int
    private let environment: QueryEnvironment
    private(set) var rows: [[ResultCell]] = []

    init(_ columns: [QueryPlan.Column], limit: Int, _ environment: QueryEnvironment) {
        self.columns = columns
        self.limit = limit
        self.environment = environment
    }

    func take(_ row: InsightsRecord) throws {
        guard rows.count < limit else { return }
        // What an event does not have is left out.
        rows.append(
            columns.compactMap { column in
                column.expression.value(row, environment).text.map { ResultCell(field: column.name, value: $0) }
            }
        )
    }

    func finish() throws {}
    /// Everything is counted, whatever is shown.
    var isSatisfied: Bool { false }
}

private final class FilterStage: RowStage {
    private let condition: Expression
    private let environment: QueryEnvironment
    private let next: any RowStage

    init(_ condition: Expression, _ environment: QueryEnvironment, _ next: any RowStage) {
        self.condition = condition
        self.environment = environment
        self.next = next
    }

    func take(_ row: InsightsRecord) throws {
        if condition.holds(row, environment) { try next.take(row) }
    }

    func finish() throws { try next.finish() }
    var isSatisfied: Bool { next.isSatisfied }
}

private final class ComputeStage: RowStage {
    private let computed: [QueryPlan.Computed]
    private let environment: QueryEnvironment
    private let next: any RowStage

    init(_ computed: [QueryPlan.Computed], _ environment: QueryEnvironment, _ next: any RowStage) {
        self.computed = computed
        self.environment = environment
        self.next = next
    }

    func take(_ row: InsightsRecord) throws {
        for item in computed { row.slots[item.slot] = item.expression.value(row, environment) }
        try next.take(row)
    }

    func finish() throws { try next.finish() }
    var isSatisfied: Bool { next.isSatisfied }
}

private final class ParseStage: RowStage {
    private let subject: Expression
    private let extractor: FieldExtractor
    private let slots: [Int]
    private let environment: QueryEnvironment
    private let next: any RowStage

    init(
        _ subject: Expression,
        _ extractor: FieldExtractor,
        _ slots: [Int],
        _ environment: QueryEnvironment,
        _ next: any RowStage
    ) {
        self.subject = subject
        self.extractor = extractor
        self.slots = slots
        self.environment = environment
        self.next = next
    }

    func take(_ row: InsightsRecord) throws {
        if let text = subject.value(row, environment).text, let values = extractor.values(of: text) {
            for (slot, value) in zip(slots, values) { row.slots[slot] = value.map(InsightsValue.text) ?? .null }
        }
        try next.take(row)
    }

    func finish() throws { try next.finish() }
    var isSatisfied: Bool { next.isSatisfied }
}

private final class LimitStage: RowStage {
    private var left: Int
    private let stopsScan: Bool
    private let next: any RowStage

    init(_ count: Int, stopsScan: Bool, _ next: any RowStage) {
        left = count
        self.stopsScan = stopsScan
        self.next = next
    }

    func take(_ row: InsightsRecord) throws {
        guard left > 0 else { return }
        left -= 1
        try next.take(row)
    }

    func finish() throws { try next.finish() }
    var isSatisfied: Bool { (stopsScan && left == 0) || next.isSatisfied }
}

private final class DedupStage: RowStage {
    private let keys: [Expression]
    private let environment: QueryEnvironment
    private let memory: QueryMemory
    private let next: any RowStage
    private var seen: Set<String> = []

    init(_ keys: [Expression], _ environment: QueryEnvironment, _ memory: QueryMemory, _ next: any RowStage) {
        self.keys = keys
        self.environment = environment
        self.memory = memory
        self.next = next
    }

    func take(_ row: InsightsRecord) throws {
        let values = keys.map { $0.value(row, environment) }
        // Rows without one of the fields are different from each other, as in AWS.
        if !values.contains(.null) {
            let key = GroupKey.text(values)
            guard seen.insert(key).inserted else { return }
            try memory.take(key.utf8.count + 64)
        }
        try next.take(row)
    }

    func finish() throws { try next.finish() }
    var isSatisfied: Bool { next.isSatisfied }
}

/// Values as one text, different for different values.
enum GroupKey {
    static func text(_ values: [InsightsValue]) -> String {
        var key = ""
        for value in values {
            switch value {
            case .null: key += "0"
            // Times are many, and printing them takes long.
            case .time(let time): key += "t\(time)"
            default: key += "=" + (value.text ?? "")
            }
            key += "\u{1f}"
        }
        return key
    }
}
