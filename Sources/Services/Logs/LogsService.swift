// SPDX-License-Identifier: Apache-2.0
package import AWSWire
package import EventDelivery
package import Logging
package import MartletCore
package import ServiceLifecycle
package import Storage

/// Amazon CloudWatch Logs: groups, streams and events, searched by filter patterns, kept as long as their retention says.
///
/// Holds nothing but its parts: every operation is one transaction of the store. Storing events is one that also stores each of
/// their deliveries to subscriptions and metric filters; the `DeliveryEngine` makes them.
package struct LogsService: LogsAPI, ServiceProvider {
    let store: LogsStore
    let clock: any WallClock
    let scanLimits: ScanLimits
    /// Who is told of new events.
    package let neighbours: LogsNeighbours
    /// Runs queries.
    package let queries: QueryRunner
    let liveTails = LiveTailSeats()
    let plans = IngestionPlans()
    let ids: any IDSource
    let zones = ZoneCatalog()
    /// Who queries run as that nobody starts.
    package let roles = ServiceRoles()
    /// Starts queries when their time has come.
    package let scheduler: QueryScheduler
    /// Removes what has expired or was deleted.
    package let sweeper: LogSweeper

    /// `migrate` is to be called before anything else. Registers with the engine, which is not to run yet.
    ///
    /// - Parameter targets: where functions and streams are found, and who hears of deliveries to them.
    /// - Parameter node: names this node in the leases of scheduled queries; the same after a restart.
    package init(
        database: any Database,
        deliveries: DeliveryEngine,
        targets: EventTargets,
        clock: any WallClock,
        ids: any IDSource = SystemIDSource(),
        node: String = "local",
        logger: Logger,
        scanLimits: ScanLimits = ScanLimits()
    ) {
        store = LogsStore(database: database, deliveries: deliveries)
        self.clock = clock
        self.scanLimits = scanLimits
        sweeper = LogSweeper(store: store, clock: clock, logger: logger)
        neighbours = LogsNeighbours(targets: targets)
        self.ids = ids
        queries = QueryRunner(store: store, clock: clock, logger: logger)
        scheduler = QueryScheduler(
            .init(
                store: store,
                queries: queries,
                neighbours: neighbours,
                roles: roles,
                zones: zones,
                clock: clock,
                ids: ids,
                node: node,
                logger: logger
            )
        )
        let (store, neighbours) = (store, neighbours)
        deliveries.register(
            SubscriptionHandler(store: store, neighbours: neighbours, clock: clock, ids: ids, logger: logger)
        )
        deliveries.register(
            MetricFilterHandler(store: store, neighbours: neighbours, clock: clock, ids: ids, logger: logger)
        )
    }

    /// Brings the tables up to date.
    package func migrate() async throws {
        try await store.database.migrate(LogsSchema.migrations, of: "logs")
        try await EarlierBatches.handOver(to: store.deliveries, at: clock.now)
    }

    /// To be run beside the server and the engine.
    package var services: [any Service] { [sweeper, queries, scheduler] }

    /// Returns once everything of the account is gone, or of all accounts when it is nil. What other services deliver for it
    /// through the engine is dropped, too.
    package func reset(account: AccountID?) async throws {
        queries.table.removeAll(of: account)
        try await store.deliveries.reset(account: account)
        try await store.removeAll(of: account)
    }

    package var model: ServiceModel { .logs }
    package var operations: [Operation] { logsOperations }

    package func resources(of operation: String, input: any Shape, in scope: Scope) -> [ARN] {
        LogsResources.named(by: input, in: scope)
    }
}
