// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// Which migrations a store has seen: the rows of `martlet_migration`. The same for every driver.
enum MigrationLedger {
    static let table: SQL = """
        CREATE TABLE IF NOT EXISTS martlet_migration (
            service TEXT NOT NULL, position BIGINT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (service, position))
        """

    static func names(of service: String, _ transaction: any ReadTransaction) throws -> [String] {
        try transaction.rows(
            String.self,
            "SELECT name FROM martlet_migration WHERE service = \(service) ORDER BY position"
        )
    }

    /// Throws `storage.migration` unless what was applied is a beginning of what is known.
    static func check(_ applied: [String], against known: [Migration], of service: String) throws {
        guard applied.count <= known.count else {
            throw MartletError(
                .storageMigration,
                """
                the store was written by a newer Martlet: \(service) has \(applied.count) migrations there, this version \
                knows \(known.count); the first unknown one is "\(applied[known.count])"
                """
            )
        }
        for (position, (old, new)) in zip(applied, known).enumerated() where old != new.name {
            throw MartletError(
                .storageMigration,
                """
                the history of \(service) was edited: migration \(position) was applied as "\(old)" and is now \
                "\(new.name)"; released migrations never change, a new one goes to the end
                """
            )
        }
    }

    static func apply(
        _ migration: Migration,
        at position: Int,
        of service: String,
        _ transaction: any WriteTransaction
    ) throws {
        for statement in migration.statements(transaction.dialect) { try transaction.execute(statement) }
        try transaction.execute(
            "INSERT INTO martlet_migration (service, position, name) VALUES (\(service), \(position), \(migration.name))"
        )
    }
}

extension Database {
    /// What a driver's `migrate` does: all in one transaction, as a new store would else sync some thirty times. Where one
    /// fails, one after the other, so that it is named and leaves those before.
    package func applyMigrations(_ migrations: [Migration], of service: String) async throws {
        do {
            try await write { transaction in
                try transaction.execute(MigrationLedger.table)
                let applied = try MigrationLedger.names(of: service, transaction)
                try MigrationLedger.check(applied, against: migrations, of: service)
                for position in applied.count..<migrations.count {
                    try MigrationLedger.apply(migrations[position], at: position, of: service, transaction)
                }
            }
        } catch let error as MartletError where error.code == .storageMigration {
            throw error
        } catch {
            try await applyOneByOne(migrations, of: service)
        }
    }

    private func applyOneByOne(_ migrations: [Migration], of service: String) async throws {
        try await write { transaction in _ = try transaction.execute(MigrationLedger.table) }
        let applied = try await read { try MigrationLedger.names(of: service, $0) }
        for position in applied.count..<migrations.count {
            try await apply(migrations, at: position, of: service)
        }
    }

    private func apply(_ migrations: [Migration], at position: Int, of service: String) async throws {
        do {
            try await write { transaction in
                // Another node may have come first.
                let applied = try MigrationLedger.names(of: service, transaction)
                try MigrationLedger.check(applied, against: migrations, of: service)
                guard applied.count == position else { return }
                try MigrationLedger.apply(migrations[position], at: position, of: service, transaction)
            }
        } catch let error as MartletError where error.code == .storageMigration {
            throw error
        } catch {
            throw MartletError(
                .storageMigration,
                "migration \"\(migrations[position].name)\" of \(service) failed",
                cause: error
            )
        }
    }
}
