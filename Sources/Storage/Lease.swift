// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// Work that is a row: whichever worker takes it holds it until an instant, and when that worker dies another one takes
/// it.
///
/// The table has `Lease.columns`. `due_at` says when the row may be taken next: at first when its work is due, while it
/// is held when the lease runs out. `lease_count` counts the takings; together with the owner it tells a holder that
/// another one has come after it, even another one of the same name.
package struct Lease: Sendable {
    /// For `CREATE TABLE`. Give the table an index that begins with `due_at`.
    package static let columns: SQL =
        "due_at BIGINT NOT NULL, lease_owner TEXT, lease_count BIGINT NOT NULL DEFAULT 0"

    /// What a worker needs to show that it still holds a row: read it with `lease_count` from the claim's result.
    package struct Hold: Sendable, Equatable {
        package let owner: String
        package let count: Int

        package init(owner: String, count: Int) {
            self.owner = owner
            self.count = count
        }
    }

    private let table: SQL
    private let key: SQL

    /// - Parameter key: the primary key's one column.
    package init(table: SQL, key: SQL) {
        self.table = table
        self.key = key
    }

    /// Takes up to `limit` due rows, the longest due first, and returns `columns` of them in no particular order. For
    /// `WriteTransaction.rows`. No row is given to two owners while its lease lasts.
    package func claim(
        upTo limit: Int,
        for owner: String,
        at now: Instant,
        until: Instant,
        where condition: SQL = "1 = 1",
        returning columns: SQL,
        _ dialect: Dialect
    ) -> SQL {
        """
        UPDATE \(table) SET due_at = \(until), lease_owner = \(owner), lease_count = lease_count + 1
        WHERE \(key) IN (SELECT \(key) FROM \(table) WHERE due_at <= \(now) AND (\(condition))
                         ORDER BY due_at, \(key) LIMIT \(limit) \(dialect.skipLockedRows))
        RETURNING \(columns)
        """
    }

    /// Holds on until a later instant. Changes no row when another one holds it by now: then stop working on it.
    package func renew(_ row: some SQLBindable, _ hold: Hold, until: Instant) -> SQL {
        "UPDATE \(table) SET due_at = \(until) WHERE \(held(row, by: hold))"
    }

    /// Gives the row back, to be taken again from `dueAt` on: a retry. Changes no row when another one holds it by now.
    package func release(_ row: some SQLBindable, _ hold: Hold, dueAt: Instant) -> SQL {
        "UPDATE \(table) SET due_at = \(dueAt), lease_owner = NULL WHERE \(held(row, by: hold))"
    }

    /// The work is done: removes the row. Changes no row when another one holds it by now; in one transaction with what
    /// the work wrote, that makes the work count once.
    package func complete(_ row: some SQLBindable, _ hold: Hold) -> SQL {
        "DELETE FROM \(table) WHERE \(held(row, by: hold))"
    }

    private func held(_ row: some SQLBindable, by hold: Hold) -> SQL {
        "\(key) = \(row) AND lease_owner = \(hold.owner) AND lease_count = \(hold.count)"
    }
}
