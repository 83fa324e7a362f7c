// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension FunctionURL: RowDecodable {
    static let columns: SQL = """
        url_id, account, region, function_name, qualifier, auth_type, invoke_mode, has_cors, allow_credentials,
        allow_headers, allow_methods, allow_origins, expose_headers, max_age_seconds, created, last_modified
        """

    init(row: inout Row) throws {
        self.init(
            id: try row.text(),
            scope: try row.scope(),
            functionName: try row.text(),
            qualifier: try row.text(),
            authType: try row.text(),
            invokeMode: try row.text(),
            cors: try CrossOrigin(row: &row),
            created: try row.instant(),
            lastModified: try row.instant()
        )
    }
}

extension FunctionURL.CrossOrigin {
    fileprivate init?(row: inout Row) throws {
        let isThere = try row.bool()
        self.init(
            allowCredentials: try row.optionalInteger().map { $0 != 0 },
            allowHeaders: try row.optionalList(),
            allowMethods: try row.optionalList(),
            allowOrigins: try row.optionalList(),
            exposeHeaders: try row.optionalList(),
            maxAgeSeconds: try row.optionalInteger()
        )
        guard isThere else { return nil }
    }
}

extension LambdaReading {
    func url(of name: String, qualifier: String, in scope: Scope) throws -> FunctionURL? {
        try tx.first(
            FunctionURL.self,
            """
            SELECT \(FunctionURL.columns) FROM lambda_url
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
                AND qualifier = \(qualifier)
            """
        )
    }

    /// By the first label of the host name that a request came to.
    func url(id: String) throws -> FunctionURL? {
        try tx.first(FunctionURL.self, "SELECT \(FunctionURL.columns) FROM lambda_url WHERE url_id = \(id)")
    }

    func urls(of name: String, in scope: Scope, after qualifier: String, limit: Int) throws -> [FunctionURL] {
        try tx.rows(
            FunctionURL.self,
            """
            SELECT \(FunctionURL.columns) FROM lambda_url
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
                AND qualifier > \(qualifier)
            ORDER BY qualifier LIMIT \(limit)
            """
        )
    }
}

extension LambdaWrite {
    /// Adds or replaces.
    func save(_ url: FunctionURL) throws {
        try deleteURL(of: url.functionName, qualifier: url.qualifier, in: url.scope)
        let cors = url.cors
        try writer.execute(
            """
            INSERT INTO lambda_url (\(FunctionURL.columns)) VALUES (
                \(url.id), \(url.scope.account), \(url.scope.region), \(url.functionName), \(url.qualifier),
                \(url.authType), \(url.invokeMode), \(cors != nil), \(cors?.allowCredentials),
                \(cors?.allowHeaders?.joinedLines), \(cors?.allowMethods?.joinedLines), \(cors?.allowOrigins?.joinedLines),
                \(cors?.exposeHeaders?.joinedLines), \(cors?.maxAgeSeconds), \(url.created), \(url.lastModified))
            """
        )
    }

    func deleteURL(of name: String, qualifier: String, in scope: Scope) throws {
        try writer.execute(
            """
            DELETE FROM lambda_url
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
                AND qualifier = \(qualifier)
            """
        )
    }
}
