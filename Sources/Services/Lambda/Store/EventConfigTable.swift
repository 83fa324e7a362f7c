// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

extension EventInvokeSettings: RowDecodable {
    static let columns: SQL = """
        account, region, function_name, qualifier, maximum_retries, maximum_age_seconds, on_success,
        on_failure, last_modified
        """

    init(row: inout Row) throws {
        self.init(
            scope: try row.scope(),
            functionName: try row.text(),
            qualifier: try row.text(),
            maximumRetries: try row.optionalInteger(),
            maximumAgeSeconds: try row.optionalInteger(),
            onSuccess: try row.optionalText(),
            onFailure: try row.optionalText(),
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

/// What a version says of how its asynchronous events end.
struct OutcomeSettings: RowDecodable {
    var deadLetters: ARN?
    var role: ARN?

    init(row: inout Row) throws {
        deadLetters = try row.optionalText().flatMap { ARN($0) }
        role = ARN(try row.text())
    }
}

extension LambdaReading {
    /// Without the rest of the version, whose environment is sealed. Nil when there is no such version.
    func outcomeSettings(of number: VersionNumber, of function: FunctionReference) throws -> OutcomeSettings? {
        try tx.first(
            OutcomeSettings.self,
            """
            SELECT dead_letter_target, role FROM lambda_version
            WHERE account = \(function.scope.account) AND region = \(function.scope.region)
                AND function_name = \(function.name) AND version = \(number.number)
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
                \(settings.maximumRetries), \(settings.maximumAgeSeconds), \(settings.onSuccess),
                \(settings.onFailure), \(settings.lastModified))
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
