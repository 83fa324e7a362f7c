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
    let scanLimits: ScanLimits
    /// Who is told of new events.
    package let neighbours: LogsNeighbours
    /// Tells them.
    package let delivery: LogDelivery
    /// Runs queries.
    package let queries: QueryRunner
    let liveTails = LiveTailSeats()
    let plans = IngestionPlans()
    let ids: any IDSource
    /// Removes what has expired or was deleted.
    package let sweeper: LogSweeper

    /// `migrate` is to be called before anything else.
    package init(
        database: any Database,
        clock: any WallClock,
        ids: any IDSource = SystemIDSource(),
        logger: Logger,
        node: String = "local",
        scanLimits: ScanLimits = ScanLimits()
    ) {
        store = LogsStore(database: database)
        self.clock = clock
        self.scanLimits = scanLimits
        sweeper = LogSweeper(store: store, clock: clock, logger: logger)
        neighbours = LogsNeighbours()
        self.ids = ids
        queries = QueryRunner(store: store, clock: clock, logger: logger)
        delivery = LogDelivery(store: store, neighbours: neighbours, clock: clock, node: node, logger: logger)
    }

    /// Brings the tables up to date.
    package func migrate() async throws { try await store.database.migrate(LogsSchema.migrations, of: "logs") }

    /// To be run beside the server.
    package var services: [any Service] { [sweeper, delivery, queries] }

    /// Returns once everything of the account is gone, or of all accounts when it is nil.
    package func reset(account: AccountID?) async throws {
        queries.table.removeAll(of: account)
        try await store.removeAll(of: account)
    }

    package var model: ServiceModel { .logs }
    package var operations: [Operation] { logsOperations }

    package func resources(of operation: String, input: any Shape, in scope: Scope) -> [ARN] {
        LogsResources.named(by: input, in: scope)
    }
}
