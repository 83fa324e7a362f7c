// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension LambdaReading {
    func version(_ number: VersionNumber, of name: String, in scope: Scope) throws -> VersionRecord? {
        try tx.first(
            StoredVersion.self,
            """
            SELECT \(StoredVersion.columns) FROM lambda_version
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
                AND version = \(number.number)
            """
        )?.opened(with: seal)
    }

    /// The published version with the highest number that still exists.
    func newestVersion(of name: String, in scope: Scope) throws -> VersionRecord? {
        try tx.first(
            StoredVersion.self,
            """
            SELECT \(StoredVersion.columns) FROM lambda_version
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name) AND version > 0
            ORDER BY version DESC LIMIT 1
            """
        )?.opened(with: seal)
    }

    /// `$LATEST` first, then by number. `after` is the number of the last version seen, nil for the first page.
    func versions(of name: String, in scope: Scope, after: Int?, limit: Int) throws -> [VersionRecord] {
        try tx.rows(
            StoredVersion.self,
            """
            SELECT \(StoredVersion.columns) FROM lambda_version
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
                AND version > \(after ?? -1)
            ORDER BY version LIMIT \(limit)
            """
        ).map { try $0.opened(with: seal) }
    }

    /// `$LATEST` of every function in the order of their names.
    func latestVersions(in scope: Scope, after name: String, limit: Int) throws -> [VersionRecord] {
        try tx.rows(
            StoredVersion.self,
            """
            SELECT \(StoredVersion.columns) FROM lambda_version
            WHERE account = \(scope.account) AND region = \(scope.region) AND version = 0 AND function_name > \(name)
            ORDER BY function_name LIMIT \(limit)
            """
        ).map { try $0.opened(with: seal) }
    }

    /// Every version of every function, by name and number.
    func allVersions(in scope: Scope, after key: (name: String, number: Int), limit: Int) throws -> [VersionRecord] {
        try tx.rows(
            StoredVersion.self,
            """
            SELECT \(StoredVersion.columns) FROM lambda_version
            WHERE account = \(scope.account) AND region = \(scope.region)
                AND (function_name > \(key.name) OR (function_name = \(key.name) AND version > \(key.number)))
            ORDER BY function_name, version LIMIT \(limit)
            """
        ).map { try $0.opened(with: seal) }
    }

    /// Versions of any account that wait for their next state, oldest names first: those that may wait for long, as an image
    /// is to be pulled or a snapshot to be taken, or the others.
    func unsettledVersions(thatMayTakeLong isLong: Bool, limit: Int) throws -> [UnsettledVersion] {
        try tx.rows(
            UnsettledVersion.self,
            """
            SELECT t.account, t.region, t.function_name, t.version FROM lambda_transition t
            LEFT JOIN lambda_version v ON v.account = t.account AND v.region = t.region
                AND v.function_name = t.function_name AND v.version = t.version
            WHERE (v.image IS NOT NULL OR (v.snap_start IS NOT NULL AND v.version > 0)) = \(isLong)
            ORDER BY t.account, t.region, t.function_name, t.version LIMIT \(limit)
            """
        )
    }
}

/// A row of `lambda_transition`.
struct UnsettledVersion: RowDecodable, Hashable {
    var scope: Scope
    var functionName: String
    var number: VersionNumber
}

extension UnsettledVersion {
    init(row: inout Row) throws {
        self.init(scope: try row.scope(), functionName: try row.text(), number: try row.versionNumber())
    }
}

extension LambdaWrite {
    /// Adds or replaces the version, and notes whether it waits for its next state.
    func save(_ version: VersionRecord) throws {
        try delete(version.number, of: version.functionName, in: version.scope)
        let (scope, settings, status) = (version.scope, version.settings, version.status)
        let environment = try settings.environment.map { try seal.seal($0, of: version.functionName, in: scope) }
        try writer.execute(
            """
            INSERT INTO lambda_version (\(StoredVersion.columns)) VALUES (
                \(scope.account), \(scope.region), \(version.functionName), \(version.number.number), \(settings.runtime),
                \(settings.handler), \(settings.role), \(settings.description), \(settings.architecture),
                \(settings.sizes.timeoutSeconds), \(settings.sizes.memoryMiB), \(settings.sizes.temporaryMiB),
                \(settings.tracingMode), \(settings.logging.format), \(settings.logging.applicationLevel),
                \(settings.logging.systemLevel), \(settings.logging.group), \(environment),
                \(settings.layers.map(\.line).joinedLines),
                \(version.code.address.hex), \(version.code.size), \(version.code.unpackedSize),
                \(status.state), \(status.stateReason?.code), \(status.stateReason?.text),
                \(status.update), \(status.updateReason?.code), \(status.updateReason?.text),
                \(version.marks.revisionID), \(version.marks.generation), \(version.marks.fingerprint),
                \(version.marks.lastModified), \(version.runtimeUpdates.updateOn), \(version.runtimeUpdates.runtimeVersionARN),
                \(settings.image?.text), \(settings.tenantIsolation), \(settings.deadLetterTarget),
                \(settings.snapStartMark), \(version.snapshotUsedAt), \(settings.fileSystem?.line))
            """
        )
        guard !status.isSettled else { return }
        try writer.execute(
            """
            INSERT INTO lambda_transition (account, region, function_name, version)
            VALUES (\(scope.account), \(scope.region), \(version.functionName), \(version.number.number))
            """
        )
    }

    func delete(_ number: VersionNumber, of name: String, in scope: Scope) throws {
        let ofVersion: SQL = """
            account = \(scope.account) AND region = \(scope.region) AND function_name = \(name) AND version = \(number.number)
            """
        try writer.execute("DELETE FROM lambda_version WHERE \(ofVersion)")
        try writer.execute("DELETE FROM lambda_transition WHERE \(ofVersion)")
    }

    /// A new revision id, for what changes around a version (its policy, its function's tags).
    func renewRevision(of number: VersionNumber, of name: String, in scope: Scope, to revisionID: String) throws {
        try writer.execute(
            """
            UPDATE lambda_version SET revision_id = \(revisionID)
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
                AND version = \(number.number)
            """
        )
    }

    func forgetTransition(_ version: UnsettledVersion) throws {
        try writer.execute(
            """
            DELETE FROM lambda_transition
            WHERE account = \(version.scope.account) AND region = \(version.scope.region)
                AND function_name = \(version.functionName) AND version = \(version.number.number)
            """
        )
    }
}
