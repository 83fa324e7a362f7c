// SPDX-License-Identifier: Apache-2.0
package import EventDelivery
package import Logging
package import MartletCore
package import NIOCore
import Sandbox
package import ServiceLifecycle
package import Storage

/// Everything that runs functions on this node, put together: what the composition root builds beside the control plane.
package struct LambdaDataPlane: Sendable {
    /// What the host and the other services lend.
    package struct Environment: Sendable {
        package var sandboxes: FunctionSandboxes
        package var locator: RuntimeLocator
        package var runtimeFiles: RuntimeFiles
        package var credentials: any CredentialVendor
        package var gateway: (any EndpointGateway)?
        package var logSink: any LogSink
        package var database: any Database
        /// Delivers asynchronous events, and what comes of them to the targets.
        package var deliveries: DeliveryEngine
        package var targets: EventTargets
        package var eventLoops: any EventLoopGroup
        package var clock: any WallClock
        package var ids: any IDSource
        /// Names this node in leases; the same after a restart.
        package var node: String
        package var logger: Logger
        /// What waiting stem cells may take in all, in MiB; zero: environments are always started plainly.
        package var stemCellBudgetMiB = StemCellStock.Configuration().budgetMiB
        /// Where the control plane unpacks packages: what is compiled of them lies beside. Nil: nothing is.
        package var directory: String?
        /// Where it is seen whether the host is short of memory.
        var memory: any MemorySource = HostMemory()
        /// What functions can reach.
        package var networks = NetworkRules()
        /// Nil: functions with a way out reach nothing by it.
        package var egress: (any EgressGateway)?
        /// What functions may mount.
        package var folders = HostFolders()
        /// What functions find without bringing it.
        package var sdks = RuntimeSDKs()
        /// What snapshots may take in all, in bytes; zero: none are taken, and none that were are kept.
        package var snapshotBudgetBytes = Self.usualSnapshotGiB << 30
        package static let usualSnapshotGiB = 64
        /// Takes AWS/Lambda's metrics.
        package var metrics: (any MetricSink)?

        package init(
            sandboxes: FunctionSandboxes,
            locator: RuntimeLocator,
            runtimeFiles: RuntimeFiles,
            credentials: any CredentialVendor,
            gateway: (any EndpointGateway)?,
            logSink: any LogSink,
            database: any Database,
            deliveries: DeliveryEngine,
            targets: EventTargets,
            eventLoops: any EventLoopGroup,
            clock: any WallClock,
            ids: any IDSource,
            node: String,
            logger: Logger,
            directory: String? = nil,
            metrics: (any MetricSink)? = nil
        ) {
            self.metrics = metrics
            self.directory = directory
            self.sandboxes = sandboxes
            self.locator = locator
            self.runtimeFiles = runtimeFiles
            self.credentials = credentials
            self.gateway = gateway
            self.logSink = logSink
            self.database = database
            self.deliveries = deliveries
            self.targets = targets
            self.eventLoops = eventLoops
            self.clock = clock
            self.ids = ids
            self.node = node
            self.logger = logger
            self.metrics = metrics
        }
    }

    private let runner: FunctionRunner
    private let events: AsyncEvents
    private let environment: Environment
    private var ids: any IDSource { environment.ids }
    var node: String { environment.node }
    /// Functions' log lines on their way; `flush` for callers that must see them at once.
    package let logs: LogFlusher
    package let meter: FunctionMeter
    let locator: RuntimeLocator
    let pool: EnvironmentPool
    private let tender: PoolTender
    private let cells: StemCells?
    private let memory: MemoryWatch
    let starter: EnvironmentStarter
    let supervisor: Supervisor
    let keeper: ProvisionedKeeper
    /// Nil without a directory to keep them in.
    let snapshots: SnapshotTaker?

    package init(_ environment: Environment) async throws {
        try await environment.database.migrate(UsageTable.migrations, of: "lambda-usage")
        try await environment.database.migrate(EarlierEvents.migrations, of: "lambda-events")
        try await EarlierEvents.handOver(to: environment.deliveries)
        self.environment = environment
        let clock = environment.clock
        let ledger = ConcurrencyLedger()
        meter = FunctionMeter(
            ledger: ledger,
            table: UsageTable(database: environment.database),
            sink: environment.metrics,
            clock: clock,
            logger: environment.logger
        )
        supervisor = Supervisor()
        logs = LogFlusher(sink: environment.logSink, clock: clock, logger: environment.logger)
        pool = EnvironmentPool(configuration: .init(), clock: clock)
        tender = PoolTender(pool: pool, drivers: environment.sandboxes.drivers, clock: clock)
        events = AsyncEvents(
            engine: environment.deliveries,
            metrics: AsyncMetrics(sink: environment.metrics, clock: clock)
        )
        locator = environment.locator
        let doors = DoorKeeper(
            gateway: environment.gateway,
            egress: environment.egress,
            eventLoops: environment.eventLoops
        )
        cells = Self.stemCells(environment, doors, supervisor)
        let shelf = try Self.shelf(environment, supervisor)
        memory = MemoryWatch(
            pool: pool,
            cells: cells,
            source: environment.memory,
            clock: clock,
            logger: environment.logger
        )
        starter = EnvironmentStarter(
            sandboxes: environment.sandboxes,
            cells: cells,
            planner: Self.planner(environment, logs),
            doors: doors,
            poller: try OutputPoller(),
            supervisor: supervisor,
            clock: clock,
            ids: environment.ids,
            shelf: shelf
        )
        let supply = EnvironmentSupply(
            ledger: ledger,
            pool: pool,
            starter: starter,
            supervisor: supervisor,
            clock: clock,
            logger: environment.logger,
            meter: meter
        )
        runner = FunctionRunner(ledger: ledger, supply: supply, meter: meter)
        keeper = ProvisionedKeeper(supply: supply, clock: clock, logger: environment.logger)
        snapshots = shelf.map { shelf in
            SnapshotTaker(
                shelf: shelf,
                supply: supply,
                sandboxes: environment.sandboxes,
                clock: clock,
                logger: environment.logger
            )
        }
    }

    private static func planner(_ environment: Environment, _ logs: any LogQueue) -> StartPlanner {
        StartPlanner(
            locator: environment.locator,
            runtimeFiles: environment.runtimeFiles,
            credentials: environment.credentials,
            logQueue: logs,
            clock: environment.clock,
            ids: environment.ids,
            hasEndpoint: environment.gateway != nil,
            sandboxes: environment.sandboxes,
            networks: environment.networks,
            folders: environment.folders,
            compiler: environment.directory.map { directory in
                PythonCompiler(
                    sandboxes: environment.sandboxes,
                    runtimeFiles: environment.runtimeFiles.path,
                    directory: directory,
                    eventLoops: environment.eventLoops,
                    clock: environment.clock,
                    ids: environment.ids,
                    logger: environment.logger
                )
            },
            sdks: environment.sdks
        )
    }

    /// Images hold what functions had in memory: where there are to be none, those of earlier go.
    private static func shelf(_ environment: Environment, _ supervisor: Supervisor) throws -> SnapshotShelf? {
        guard let directory = environment.directory else { return nil }
        let folder = "\(directory)/snapshots"
        guard environment.snapshotBudgetBytes > 0 else {
            try HostPath(folder).remove()
            return nil
        }
        return SnapshotShelf(
            folder: folder,
            budgetBytes: environment.snapshotBudgetBytes,
            sandboxes: environment.sandboxes,
            clock: environment.clock,
            supervisor: supervisor,
            logger: environment.logger
        )
    }

    /// How often new environments found a stem cell, and how many wait.
    package var stemCellFigures: StemCellFigures { cells?.figures ?? StemCellFigures() }

    /// Whether the host is short of memory, and what that has cost.
    package var memoryFigures: MemoryFigures { memory.figures }

    private static func stemCells(
        _ environment: Environment,
        _ doors: DoorKeeper,
        _ supervisor: Supervisor
    ) -> StemCells? {
        // Of the drivers there are, one mounts late; the cells are for functions that run in its sandboxes.
        guard environment.stemCellBudgetMiB > 0,
            let driver = environment.sandboxes.drivers.first(where: \.mountsLate)
        else { return nil }
        var configuration = StemCellStock.Configuration()
        configuration.budgetMiB = environment.stemCellBudgetMiB
        return StemCells(
            configuration,
            driver: driver,
            doors: doors,
            supervisor: supervisor,
            clock: environment.clock,
            ids: environment.ids,
            logger: environment.logger
        )
    }

    /// The version's first environment is to find its Python compiled.
    @Sendable func prepare(_ version: ExecutableVersion) {
        // A runtime that this host lacks fails at the invocation, with the reason.
        guard let runtime = try? locator.choose(version.runtime) else { return }
        _ = starter.planner.compiled(version, runtime)
    }

    /// Hears of every event that reaches a function, or does not.
    var feed: EventFeed { environment.targets.feed }
    var mappingMetrics: MappingMetrics { MappingMetrics(sink: environment.metrics) }

    /// The front for the control plane's operations; `directory` is its store.
    func invoker(_ directory: any VersionDirectory) -> LambdaInvoker {
        LambdaInvoker(directory: directory, runner: runner, events: events, ids: ids)
    }

    /// Lets accepted events run, and other services' events come to functions.
    func deliver(with invoker: LambdaInvoker, _ settings: any AsyncSettingsSource, _ permissions: OutcomePermissions) {
        let outcomes = AsyncOutcomes(
            targets: environment.targets,
            permissions: permissions,
            metrics: events.metrics,
            clock: environment.clock,
            ids: ids,
            logger: environment.logger
        )
        environment.deliveries.register(outcomes.handler)
        environment.deliveries.register(
            AsyncInvocations(
                settings: settings,
                outcomes: outcomes,
                metrics: events.metrics,
                clock: environment.clock,
                ids: ids,
                logger: environment.logger,
                feed: environment.targets.feed,
                run: { try await invoker.run($0) }
            )
        )
        environment.targets.register(
            LambdaEventTarget(
                events: events,
                settings: settings,
                permissions: permissions,
                ids: ids,
                clock: environment.clock
            )
        )
    }

    /// Drops the events that wait and ends the idle environments, of one account or of all.
    func reset(account: AccountID?) async throws {
        try await environment.deliveries.reset(account: account)
        try await meter.reset(account: account)
        for key in pool.keys() where account == nil || key.scope.account == account { await pool.retire(key) }
        // Lines still on their way would make a log group anew after the logs were reset.
        await logs.flush()
    }

    /// In the order of starting; stopped in reverse: first no new events, then the environments, then their last log lines.
    package var services: [any Service] {
        let optional: [(any Service)?] = [starter.planner.compiler, snapshots]
        return [logs, meter, supervisor, tender, memory] + (cells.map { [$0] } ?? []) + [
            keeper, environment.deliveries,
        ]
            + optional.compactMap { $0 }
    }
}
