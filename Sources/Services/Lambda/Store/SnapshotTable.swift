// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// What the upkeep of snapshots knows of a version.
struct SnapStartVersion: RowDecodable, Sendable {
    var scope: Scope
    var functionName: String
    var number: VersionNumber
    var generation: String
    var state: String
    /// Nil before the snapshot was first there.
    var usedAt: Instant?

    static let columns: SQL = "account, region, function_name, version, generation, state, snapshot_used"

    init(row: inout Row) throws {
        scope = try row.scope()
        functionName = try row.text()
        number = try row.versionNumber()
        generation = try row.text()
        state = try row.text()
        usedAt = try row.optionalInstant()
    }

    /// Inactive and failed versions have no snapshot.
    var keepsSnapshot: Bool { state == "Active" || state == "Pending" }
}

extension LambdaReading {
    /// Published versions of all accounts.
    func snapStartVersions() throws -> [SnapStartVersion] {
        try tx.rows(
            SnapStartVersion.self,
            """
            SELECT \(SnapStartVersion.columns) FROM lambda_version WHERE snap_start IS NOT NULL AND version > 0
            ORDER BY account, region, function_name, version
            """
        )
    }
}

extension LambdaWrite {
    /// No other state of the version changes, so neither does its revision.
    func noteSnapshotUse(_ key: VersionKey, at now: Instant) throws {
        guard let number = VersionNumber(key.version) else { return }
        try writer.execute(
            """
            UPDATE lambda_version SET snapshot_used = \(now)
            WHERE account = \(key.scope.account) AND region = \(key.scope.region)
                AND function_name = \(key.functionName) AND version = \(number.number)
            """
        )
    }
}
