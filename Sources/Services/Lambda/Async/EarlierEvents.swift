// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import MartletCore
import NIOCore
import Storage

/// The table of events that Lambda had by itself before there was an engine for all services. What was accepted there is
/// handed to the engine at the next start.
enum EarlierEvents {
    private static let batch = 100

    static let migrations = [
        Migration("events") { dialect in
            [
                """
                CREATE TABLE lambda_event (
                    id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, function_name TEXT NOT NULL,
                    qualifier TEXT, payload \(dialect.bytesType) NOT NULL, client_context TEXT, trace_header TEXT NOT NULL,
                    accepted_at BIGINT NOT NULL, due_at BIGINT NOT NULL, attempts BIGINT NOT NULL,
                    lease_owner TEXT, lease_until BIGINT NOT NULL)
                """,
                "CREATE INDEX lambda_event_due ON lambda_event (due_at)",
            ]
        }
    ]

    static func handOver(to engine: DeliveryEngine) async throws {
        try await engine.takeOver { tx in
            let events = try tx.rows(
                EventRow.self,
                """
                SELECT id, account, region, function_name, qualifier, payload, client_context, trace_header, accepted_at
                FROM lambda_event ORDER BY due_at, id LIMIT \(batch)
                """
            ).map(\.event)
            guard !events.isEmpty else { return nil }
            try tx.execute("DELETE FROM lambda_event WHERE id IN \(list: events.map(\.id))")
            return events.map(\.delivery)
        }
    }

    private struct EventRow: RowDecodable {
        var event: AsyncEvent

        init(row: inout Row) throws {
            event = AsyncEvent(
                id: try row.text(),
                scope: try row.scope(),
                functionName: try row.text(),
                qualifier: try row.optionalText(),
                payload: ByteBuffer(bytes: try row.bytes()),
                clientContext: try row.optionalText(),
                traceHeader: try row.text(),
                acceptedAt: try row.instant()
            )
        }
    }
}
