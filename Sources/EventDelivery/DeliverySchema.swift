// SPDX-License-Identifier: Apache-2.0
import Storage

/// The deliveries and the nodes that hold them. Append only.
///
/// A row that a node holds names the node's session; one that waits names none. Thousands of rows are kept by renewing
/// one session, and a session that is not renewed sets its rows free. `sequence` is the order of arrival.
///
/// Of the rows of a lane with the same `order_key` only the first may be taken; the others are `is_behind`, and in no index
/// of what waits. The end of the first one makes the next one the first.
enum DeliverySchema {
    static let service = "event-delivery"

    static let migrations = [
        Migration("deliveries") { dialect in
            [
                """
                CREATE TABLE delivery (
                    sequence \(dialect.sequenceKeyType), queue TEXT NOT NULL, target TEXT NOT NULL, lane TEXT NOT NULL,
                    id TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL,
                    payload \(dialect.bytesType) NOT NULL, detail TEXT NOT NULL,
                    accepted_at BIGINT NOT NULL, due_at BIGINT NOT NULL, tries BIGINT NOT NULL, session TEXT)
                """,
                "CREATE INDEX delivery_waiting ON delivery (lane, due_at, sequence) WHERE session IS NULL",
                "CREATE INDEX delivery_due ON delivery (due_at) WHERE session IS NULL",
                "CREATE INDEX delivery_held ON delivery (session) WHERE session IS NOT NULL",
                """
                CREATE TABLE delivery_session (
                    id TEXT NOT NULL PRIMARY KEY, node TEXT NOT NULL, alive_until BIGINT NOT NULL)
                """,
            ]
        },
        Migration("orders") { _ in
            [
                "ALTER TABLE delivery ADD COLUMN order_key TEXT",
                "ALTER TABLE delivery ADD COLUMN is_behind BIGINT NOT NULL DEFAULT 0",
                "DROP INDEX delivery_waiting",
                "DROP INDEX delivery_due",
                """
                CREATE INDEX delivery_first ON delivery (queue, lane, due_at, sequence)
                    WHERE session IS NULL AND is_behind = 0
                """,
                "CREATE INDEX delivery_first_due ON delivery (due_at) WHERE session IS NULL AND is_behind = 0",
                "CREATE INDEX delivery_order ON delivery (lane, order_key, sequence) WHERE order_key IS NOT NULL",
            ]
        },
    ]
}
