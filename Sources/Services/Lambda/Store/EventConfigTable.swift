// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension EventInvokeSettings: RowDecodable {
    static let columns: SQL = """
        account, region, function_name, qualifier, maximum_retries, maximum_age_seconds, last_modified
        """

    init(row: inout Row) throws {
        self.init(
            scope: try row.scope(),
            functionName: try row.text(),
            qualifier: try row.text(),
            maximumRetries: try row.optionalInteger(),
            maximumAgeSeconds: try row.optionalInteger(),
            lastModified: try row.instant()
        )
    }
}

extension LambdaReading {
    func eventSettings(of name: String, qualifier: String, in scope: Scope) throws -> EventInvokeSettings? {
        try tx.first(
            EventInvokeSettings.self,
            """
            SELECT \(EventInvokeSettings.columns) FROM lambda_event_config
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
                AND qualifier = \(qualifier)
            """
        )
    }

    func eventSettings(
        of name: String,
        in scope: Scope,
        after qualifier: String,
        limit: Int
    ) throws -> [EventInvokeSettings] {
        try tx.rows(
            EventInvokeSettings.self,
            """
            SELECT \(EventInvokeSettings.columns) FROM lambda_event_config
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
                AND qualifier > \(qualifier)
            ORDER BY qualifier LIMIT \(limit)
            """
        )
    }
}

extension LambdaWrite {
    /// Adds or replaces.
    func save(_ settings: EventInvokeSettings) throws {
        try deleteEventSettings(of: settings.functionName, qualifier: settings.qualifier, in: settings.scope)
        try writer.execute(
            """
            INSERT INTO lambda_event_config (\(EventInvokeSettings.columns)) VALUES (
                \(settings.scope.account), \(settings.scope.region), \(settings.functionName), \(settings.qualifier),
                \(settings.maximumRetries), \(settings.maximumAgeSeconds), \(settings.lastModified))
            """
        )
    }

    func deleteEventSettings(of name: String, qualifier: String, in scope: Scope) throws {
        try writer.execute(
            """
            DELETE FROM lambda_event_config
            WHERE account = \(scope.account) AND region = \(scope.region) AND function_name = \(name)
                AND qualifier = \(qualifier)
            """
        )
    }
}
