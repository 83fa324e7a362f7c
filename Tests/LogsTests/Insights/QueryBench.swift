// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

@testable import Logs

/// Runs a query over messages without a store: a second lies between two of them.
struct QueryBench {
    static let start = 1_769_860_800_000
    var group = "g"
    var limit = 10_000
    var memory = 1 << 26
    /// Lookup tables by their names, as CSV.
    var tables: [String: String] = [:]

    func run(_ query: String, over messages: [String]) throws -> [[String: String]] {
        try cells(query, over: messages).map { row in
            Dictionary(row.map { ($0.field, $0.value) }) { first, _ in first }
        }
    }

    func cells(_ query: String, over messages: [String]) throws -> [[ResultCell]] {
        let plan = try QueryParser.plan(query)
        let memory = QueryMemory(bytes: memory)
        let execution = QueryExecution(
            plan,
            limit: limit,
            isMerged: false,
            lookups: try plan.lookups.map { try LookupIndex($0, body: tables[$0.table] ?? "", memory: memory) },
            QueryEnvironment(now: Self.start),
            memory: memory
        )
        let source = RecordSource(account: "000000000000", group: group, groupID: 1)
        var events = try messages.enumerated().map { index, message in
            let time = Int64(Self.start + index * 1_000)
            var row = Row([
                .integer(Int64(index + 1)), .integer(1), .integer(time), .integer(time),
                .integer(Int64(message.utf8.count)), .text(message), .null, .null,
            ])
            return try StoredEvent(row: &row)
        }
        if plan.isDescending { events.reverse() }
        for event in events {
            try execution.take(InsightsRecord(event, in: "s", of: source, slots: plan.slotCount))
        }
        return try execution.finish()
    }

    /// The values of one column, top to bottom.
    func column(_ name: String, _ query: String, over messages: [String]) throws -> [String?] {
        try run(query, over: messages).map { $0[name] }
    }
}
