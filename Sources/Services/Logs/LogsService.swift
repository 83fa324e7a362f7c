// SPDX-License-Identifier: Apache-2.0
package import AWSWire
package import Logging
package import MartletCore
package import ServiceLifecycle
package import Storage

/// Amazon CloudWatch Logs: groups, streams and events, searched by filter patterns, kept as long as their retention says.
///
/// Holds nothing but its parts: every operation is one transaction of the store.
package struct LogsService: LogsAPI, ServiceProvider {
    let store: LogsStore
    let clock: any WallClock
    let ids: any IDSource
    let scanLimits: ScanLimits
    /// Removes what has expired or was deleted.
    package let sweeper: LogSweeper

    /// `migrate` is to be called before anything else.
    package init(
        database: any Database,
        clock: any WallClock,
        ids: any IDSource,
        logger: Logger,
        scanLimits: ScanLimits = ScanLimits()
    ) {
        store = LogsStore(database: database)
        self.clock = clock
        self.ids = ids
        self.scanLimits = scanLimits
        sweeper = LogSweeper(store: store, clock: clock, logger: logger)
    }

    /// Brings the tables up to date.
    package func migrate() async throws { try await store.database.migrate(LogsSchema.migrations, of: "logs") }

    /// To be run beside the server.
    package var services: [any Service] { [sweeper] }

    /// Returns once everything of the account is gone, or of all accounts when it is nil.
    package func reset(account: AccountID?) async throws { try await store.removeAll(of: account) }

    package var model: ServiceModel { .logsWithItsErrors }
    package var operations: [Operation] { logsOperations }

    package func resources(of operation: String, input: any Shape, in scope: Scope) -> [ARN] {
        LogsResources.named(by: input, in: scope)
    }
}

extension ServiceModel {
    /// The generated model, and what no model says: broken constraints are `InvalidParameterException` in this service.
    fileprivate static let logsWithItsErrors = ServiceModel(
        name: logs.name,
        signingName: logs.signingName,
        apiVersion: logs.apiVersion,
        targetPrefix: logs.targetPrefix,
        protocols: logs.protocols,
        endpointPrefix: logs.endpointPrefix,
        actionPrefix: logs.actionPrefix,
        unimplemented: logs.unimplemented,
        validation: ValidationStyle(code: InvalidParameterException.errorCode)
    )
}
