// SPDX-License-Identifier: Apache-2.0

/// `lookup table key as field, … OUTPUT column, …`: which columns of a table are compared with what, and where others go.
struct LookupPlan: Sendable {
    struct Output: Sendable {
        var column: String
        var slot: Int
        /// What `OUTPUTNEW` keeps where there is something.
        var kept: Expression?
    }

    /// Of one query: each may take all the memory that a query has.
    static let maximumTables = 10

    var table: String
    var keys: [(column: String, value: Expression)] = []
    var outputs: [Output] = []
    /// Which of the query's lookups it is.
    var ordinal = 0

    var columns: Set<String> { Set(keys.map(\.column) + outputs.map(\.column)) }
}

/// The columns of a table that one lookup needs, found by its keys. Of rows with equal keys the first counts.
final class LookupIndex: Sendable {
    private let rows: [String: [String]]

    private init(rows: [String: [String]]) { self.rows = rows }

    static let empty = LookupIndex(rows: [:])

    /// Takes what it needs of the query's memory. Throws `QueryFailure`, and `CSVFault` for what is no table.
    init(_ plan: LookupPlan, body: String, memory: QueryMemory) throws {
        var text = CSVText(body)
        let names = try text.next() ?? []
        let places = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
        func place(_ column: String) throws -> Int {
            guard let place = places[column] else { throw QueryFailure.missingColumn(column, table: plan.table) }
            return place
        }
        let keys = try plan.keys.map { try place($0.column) }
        let outputs = try plan.outputs.map { try place($0.column) }
        var rows: [String: [String]] = [:]
        while let record = try text.next() {
            guard record.count == names.count else { continue }
            let key = Self.key(keys.map { record[$0] })
            guard rows[key] == nil else { continue }
            let values = outputs.map { record[$0] }
            try memory.take(96 + key.utf8.count + values.reduce(0) { $0 + 24 + $1.utf8.count })
            rows[key] = values
        }
        self.rows = rows
    }

    func values(_ keys: [String]) -> [String]? { rows[Self.key(keys)] }

    /// Lengths in front, so that no two lists of texts have the same key.
    private static func key(_ parts: [String]) -> String {
        parts.count == 1 ? parts[0] : parts.map { "\($0.utf8.count):\($0)" }.joined()
    }
}

/// Adds to each row what a table has about it.
final class LookupStage: RowStage {
    private let plan: LookupPlan
    private let index: LookupIndex
    private let environment: QueryEnvironment
    private let next: any RowStage

    init(_ plan: LookupPlan, _ index: LookupIndex, _ environment: QueryEnvironment, _ next: any RowStage) {
        self.plan = plan
        self.index = index
        self.environment = environment
        self.next = next
    }

    func take(_ row: InsightsRecord) throws {
        let keys = plan.keys.compactMap { $0.value.value(row, environment).text }
        // What an event does not have is equal to nothing.
        let found = keys.count == plan.keys.count ? index.values(keys) : nil
        // All are read before any is written: an output may have the name of what another one keeps.
        let values = plan.outputs.enumerated().map { place, output in
            let value = found.map { InsightsValue.text($0[place]) } ?? .null
            guard let kept = output.kept?.value(row, environment), !kept.isMissing else { return value }
            return kept
        }
        for (output, value) in zip(plan.outputs, values) { row.slots[output.slot] = value }
        try next.take(row)
    }

    func finish() throws { try next.finish() }
    var isSatisfied: Bool { next.isSatisfied }
}

extension InsightsValue {
    /// Null, or a text without anything in it: what `OUTPUTNEW` fills.
    fileprivate var isMissing: Bool {
        switch self {
        case .null: true
        case .text(let text): text.isEmpty
        default: false
        }
    }
}
