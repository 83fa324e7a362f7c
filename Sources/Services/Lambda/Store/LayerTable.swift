// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension LayerVersionRecord: RowDecodable {
    static let columns: SQL = """
        account, region, layer_name, version, description, license, runtimes, architectures,
        code_address, code_size, unpacked_size, created, policy_revision_id
        """

    init(row: inout Row) throws {
        self.init(
            scope: try row.scope(),
            name: try row.text(),
            version: try row.integer(),
            about: About(
                description: try row.text(),
                license: try row.optionalText(),
                runtimes: try row.optionalList(),
                architectures: try row.optionalList()
            ),
            code: try row.codePackage(),
            created: try row.instant(),
            policyRevisionID: try row.text()
        )
    }
}

/// Which versions of layers a list shows.
struct LayerFilter: Sendable, Equatable {
    var runtime: String?
    var architecture: String?

    func admits(_ version: LayerVersionRecord) -> Bool {
        let fitsRuntime = runtime.map { version.about.runtimes?.contains($0) == true } ?? true
        let fitsArchitecture = architecture.map { version.about.architectures?.contains($0) == true } ?? true
        return fitsRuntime && fitsArchitecture
    }
}

extension LambdaReading {
    func layerVersion(_ version: Int, of name: String, in scope: Scope) throws -> LayerVersionRecord? {
        try tx.first(
            LayerVersionRecord.self,
            """
            SELECT \(LayerVersionRecord.columns) FROM lambda_layer_version
            WHERE account = \(scope.account) AND region = \(scope.region) AND layer_name = \(name) AND version = \(version)
            """
        )
    }

    /// Newest first. `before` is the last version seen.
    func layerVersions(
        of name: String,
        in scope: Scope,
        _ filter: LayerFilter,
        before: Int,
        limit: Int
    ) throws -> [LayerVersionRecord] {
        var found: [LayerVersionRecord] = []
        try tx.forEach(
            LayerVersionRecord.self,
            """
            SELECT \(LayerVersionRecord.columns) FROM lambda_layer_version
            WHERE account = \(scope.account) AND region = \(scope.region) AND layer_name = \(name) AND version < \(before)
            ORDER BY version DESC
            """
        ) { version in
            if filter.admits(version) { found.append(version) }
            return found.count < limit
        }
        return found
    }

    /// Of each layer the newest version that fits, by name.
    func layers(in scope: Scope, _ filter: LayerFilter, after name: String, limit: Int) throws -> [LayerVersionRecord] {
        var found: [LayerVersionRecord] = []
        try tx.forEach(
            LayerVersionRecord.self,
            """
            SELECT \(LayerVersionRecord.columns) FROM lambda_layer_version
            WHERE account = \(scope.account) AND region = \(scope.region) AND layer_name > \(name)
            ORDER BY layer_name, version DESC
            """
        ) { version in
            if found.last?.name != version.name, filter.admits(version) { found.append(version) }
            return found.count < limit
        }
        return found
    }
}

extension LambdaWrite {
    /// Numbers are never given twice, not even after a deletion.
    func nextLayerVersion(of name: String, in scope: Scope) throws -> Int {
        let ofLayer: SQL = "account = \(scope.account) AND region = \(scope.region) AND name = \(name)"
        let last = try tx.count("SELECT last_version FROM lambda_layer WHERE \(ofLayer)")
        if last == 0 {
            try writer.execute(
                """
                INSERT INTO lambda_layer (account, region, name, last_version)
                VALUES (\(scope.account), \(scope.region), \(name), 1)
                """
            )
        } else {
            try writer.execute("UPDATE lambda_layer SET last_version = \(last + 1) WHERE \(ofLayer)")
        }
        return last + 1
    }

    func insert(_ version: LayerVersionRecord) throws {
        try writer.execute(
            """
            INSERT INTO lambda_layer_version (\(LayerVersionRecord.columns)) VALUES (
                \(version.scope.account), \(version.scope.region), \(version.name), \(version.version),
                \(version.about.description), \(version.about.license), \(version.about.runtimes?.joinedLines),
                \(version.about.architectures?.joinedLines), \(version.code.address.hex), \(version.code.size),
                \(version.code.unpackedSize), \(version.created), \(version.policyRevisionID))
            """
        )
    }

    func setPolicyRevision(_ revisionID: String, of version: LayerVersionRecord) throws {
        try writer.execute(
            """
            UPDATE lambda_layer_version SET policy_revision_id = \(revisionID)
            WHERE account = \(version.scope.account) AND region = \(version.scope.region)
                AND layer_name = \(version.name) AND version = \(version.version)
            """
        )
    }

    /// With its policy. What is not there is no failure.
    func deleteLayerVersion(_ version: Int, of name: String, in scope: Scope) throws {
        try writer.execute(
            """
            DELETE FROM lambda_layer_version
            WHERE account = \(scope.account) AND region = \(scope.region) AND layer_name = \(name) AND version = \(version)
            """
        )
        try deletePolicies(of: .layer(name), qualifier: String(version), in: scope)
    }
}
