// SPDX-License-Identifier: Apache-2.0
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import Logs

/// A step of SQLite's plan.
private struct PlanStep: RowDecodable {
    let text: String

    init(row: inout Row) throws {
        for _ in 0..<3 { _ = try row.integer() }
        text = try row.text()
    }
}

@Suite("How events are read") struct QueryPlanTests {
    @Test(
        "an index gives events in order, so that nothing is sorted",
        arguments: [EventQuery.Source.stream(1), .group(1), .streams([1], group: 1), .streams([1, 2, 3], group: 1)],
        [false, true]
    )
    func order(_ source: EventQuery.Source, _ descending: Bool) async throws {
        try await LogsTestBench.run { logs in
            var query = EventQuery(source: source, after: .before(5), before: .behind(9))
            query.descending = descending
            let plan = try await logs.server.database.read { [query] tx in
                try tx.rows(PlanStep.self, "EXPLAIN QUERY PLAN \(query.sql)").map(\.text)
            }
            #expect(plan.count == 1)
            #expect(plan.first?.hasPrefix("SEARCH logs_event USING INDEX logs_event_") == true)
            #expect(plan.first?.contains("occurred_at>? AND occurred_at<?") == true)
        }
    }
}
