// SPDX-License-Identifier: Apache-2.0
import MartletCore
import MartletTesting
import Storage
import Testing

@testable import SQS

/// A step of SQLite's plan.
private struct PlanStep: RowDecodable {
    let text: String

    init(row: inout Row) throws {
        for _ in 0..<3 { _ = try row.integer() }
        text = try row.text()
    }
}

@Suite("How SQS finds its rows") struct QueryPlanTests {
    private static let now = Instant(milliseconds: 5)

    private static let statements: [(what: String, sql: SQL)] = [
        ("taking messages", QueueChanges.taking(10, of: 1, now, now, Dialect(.sqlite))),
        ("available groups", QueueChanges.availableGroups(10, of: 1, at: now)),
        (
            "a queue by name",
            "SELECT id, pile_id, revision FROM sqs_queue WHERE account = 'a' AND region = 'r' AND name = 'n'"
        ),
        (
            "a group's first messages",
            "SELECT sequence, visible_at, receives FROM sqs_message WHERE pile_id = 1 AND lane = 'g' ORDER BY sequence LIMIT 10"
        ),
        (
            "the next message due",
            "SELECT visible_at FROM sqs_message WHERE pile_id = 1 AND visible_at > 5 ORDER BY visible_at LIMIT 1"
        ),
        (
            "the next group due",
            "SELECT available_at FROM sqs_group WHERE pile_id = 1 AND available_at > 5 ORDER BY available_at LIMIT 1"
        ),
        (
            "a twin",
            """
            SELECT message_id, sequence FROM sqs_deduplication
            WHERE queue_id = 1 AND scope = 's' AND deduplication_id = 'd' AND expires_at > 5
            """
        ),
        ("an expired message", "SELECT 1 FROM sqs_message WHERE pile_id = 1 AND sent_at <= 5 LIMIT 1"),
        (
            "messages in flight",
            "SELECT COUNT(*) FROM sqs_message WHERE pile_id = 1 AND visible_at > 5 AND receives > 0"
        ),
        (
            "dead-letter sources",
            "SELECT name FROM sqs_queue WHERE dead_letter_arn = 'a' AND name > 'n' ORDER BY name LIMIT 9"
        ),
        ("garbage", "SELECT id FROM sqs_pile WHERE is_garbage = 1 ORDER BY id LIMIT 1"),
        (
            "move tasks due",
            "SELECT id FROM sqs_move_task WHERE status = 'RUNNING' AND due_at <= 5 ORDER BY due_at LIMIT 1"
        ),
    ]

    @Test(
        "an index gives them in order: no table is gone through, nothing is sorted",
        arguments: statements.map(\.what)
    )
    func plans(_ what: String) async throws {
        let sql = try #require(Self.statements.first { $0.what == what }?.sql)
        try await SQSTestBench.run { sqs in
            let plan = try await sqs.server.database.write { tx in
                try tx.rows(PlanStep.self, "EXPLAIN QUERY PLAN \(sql)").map(\.text)
            }
            #expect(!plan.isEmpty)
            for step in plan {
                let isSearch =
                    step.hasPrefix("SEARCH") || step.hasPrefix("LIST SUBQUERY")
                    || (step.hasPrefix("SCAN sqs_pile USING") && step.contains("sqs_pile_garbage"))
                #expect(isSearch, "\(plan)")
            }
        }
    }
}
