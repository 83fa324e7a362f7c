// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

struct StoredApplication: Sendable, RowDecodable {
    static let columns: SQL = "account, region, platform, name, attributes, secrets"

    let reference: ApplicationReference
    var attributes: [String: String]
    /// Credential and principal, sealed.
    var secrets: [UInt8]?

    var isEnabled: Bool { attributes["Enabled"] != "false" }

    init(row: inout Row) throws {
        let scope = try row.scope()
        let (platform, name) = (try row.text(), try row.text())
        guard let platform = Platform(rawValue: platform) else {
            throw MartletError("sns.row", "the application \(name) names no platform")
        }
        reference = ApplicationReference(scope: scope, platform: platform, name: name)
        attributes = try StringMap.parse(row.text())
        secrets = try row.optionalBytes()
    }
}

struct StoredEndpoint: Sendable, RowDecodable {
    static let columns: SQL = "id, token, attributes"

    let id: String
    var token: String
    var attributes: [String: String]

    var isEnabled: Bool { attributes["Enabled"] != "false" }
    /// With the token, as callers see them.
    var shown: [String: String] { attributes.merging(["Token": token]) { $1 } }

    init(row: inout Row) throws {
        id = try row.text()
        token = try row.text()
        attributes = try StringMap.parse(row.text())
    }
}

extension ApplicationReference {
    /// For tables that name the application `column`.
    fileprivate func condition(_ column: SQL) -> SQL {
        """
        account = \(scope.account) AND region = \(scope.region) AND platform = \(platform.rawValue) AND \(column) = \(name)
        """
    }
}

extension SNSRows {
    func application(_ reference: ApplicationReference) throws -> StoredApplication? {
        try tx.first(
            StoredApplication.self,
            "SELECT \(StoredApplication.columns) FROM sns_application WHERE \(reference.condition("name"))"
        )
    }

    /// Throws `NotFoundException`.
    func requireApplication(_ reference: ApplicationReference) throws -> StoredApplication {
        guard let found = try application(reference) else {
            throw NotFoundException("PlatformApplication does not exist")
        }
        return found
    }

    /// In the order of their ARNs, beyond the one whose platform and name are `last`.
    func applications(in scope: Scope, beyond last: (String, String), limit: Int) throws -> [StoredApplication] {
        try tx.rows(
            StoredApplication.self,
            """
            SELECT \(StoredApplication.columns) FROM sns_application
            WHERE account = \(scope.account) AND region = \(scope.region) AND (platform, name) > (\(last.0), \(last.1))
            ORDER BY platform, name LIMIT \(limit)
            """
        )
    }

    func endpoint(_ reference: EndpointReference) throws -> StoredEndpoint? {
        try tx.first(
            StoredEndpoint.self,
            """
            SELECT \(StoredEndpoint.columns) FROM sns_endpoint
            WHERE \(reference.application.condition("application")) AND id = \(reference.id)
            """
        )
    }

    func endpoint(of application: ApplicationReference, token: String) throws -> StoredEndpoint? {
        try tx.first(
            StoredEndpoint.self,
            """
            SELECT \(StoredEndpoint.columns) FROM sns_endpoint
            WHERE \(application.condition("application")) AND token = \(token)
            """
        )
    }

    func endpoints(of application: ApplicationReference, beyond last: String, limit: Int) throws -> [StoredEndpoint] {
        try tx.rows(
            StoredEndpoint.self,
            """
            SELECT \(StoredEndpoint.columns) FROM sns_endpoint
            WHERE \(application.condition("application")) AND id > \(last) ORDER BY id LIMIT \(limit)
            """
        )
    }

    func hasEndpoint(_ arn: String) throws -> Bool {
        guard let reference = ARN(arn).flatMap(EndpointReference.init) else { return false }
        return try endpoint(reference) != nil
    }
}

extension SNSChanges {
    func put(_ reference: ApplicationReference, _ attributes: [String: String], secrets: [UInt8]?) throws {
        try tx.execute(
            """
            INSERT INTO sns_application (account, region, platform, name, attributes, secrets)
            VALUES (\(reference.scope.account), \(reference.scope.region), \(reference.platform.rawValue),
                \(reference.name), \(StringMap.text(attributes)), \(secrets))
            ON CONFLICT (account, region, platform, name) DO UPDATE SET attributes = excluded.attributes,
                secrets = excluded.secrets
            """
        )
    }

    /// With its endpoints.
    func delete(_ application: ApplicationReference) throws {
        try tx.execute("DELETE FROM sns_endpoint WHERE \(application.condition("application"))")
        try tx.execute("DELETE FROM sns_application WHERE \(application.condition("name"))")
    }

    func put(_ reference: EndpointReference, token: String, _ attributes: [String: String]) throws {
        let application = reference.application
        try tx.execute(
            """
            INSERT INTO sns_endpoint (account, region, platform, application, id, token, attributes)
            VALUES (\(application.scope.account), \(application.scope.region), \(application.platform.rawValue),
                \(application.name), \(reference.id), \(token), \(StringMap.text(attributes)))
            ON CONFLICT (account, region, platform, application, id) DO UPDATE SET token = excluded.token,
                attributes = excluded.attributes
            """
        )
    }

    func delete(_ endpoint: EndpointReference) throws {
        try tx.execute(
            """
            DELETE FROM sns_endpoint WHERE \(endpoint.application.condition("application")) AND id = \(endpoint.id)
            """
        )
    }
}
