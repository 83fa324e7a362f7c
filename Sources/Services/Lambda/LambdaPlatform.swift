// SPDX-License-Identifier: Apache-2.0
package import MartletCore
package import ServiceLifecycle

/// Lambda whole: control plane, data plane, and the threads between them. What the composition root builds.
package struct LambdaPlatform: Sendable {
    package let control: LambdaControlPlane
    package let data: LambdaDataPlane
    package let service: LambdaService
    package let urls: FunctionURLFront
    private let mappings: MappingSupervisor
    private let cells: StemCellsAtStart

    package init(
        control environment: LambdaControlPlane.Environment,
        _ configuration: LambdaControlPlane.Configuration,
        data: LambdaDataPlane
    ) async throws {
        let follower = FunctionFollower(
            pool: data.pool,
            starter: data.starter,
            keeper: data.keeper,
            shelf: data.snapshots?.shelf,
            supervisor: data.supervisor,
            prepared: data.prepare
        )
        control = try await LambdaControlPlane(
            environment,
            configuration,
            runtimes: data.locator,
            observer: follower,
            snapshots: data.snapshots
        )
        follower.follow(control.directory)
        self.data = data
        let (store, invoker) = (control.store, data.invoker(control.invocationDirectory))
        mappings = MappingSupervisor(
            control,
            node: data.node,
            makeReader: control.readers(running: invoker, shownTo: data.feed, countedBy: data.mappingMetrics)
        )
        data.deliver(with: invoker, StoredAsyncSettings(store: store), control.outcomePermissions)
        data.snapshots?.shelf.follow { key, now in try await store.write { try $0.noteSnapshotUse(key, at: now) } }
        data.keeper.follow({ try await store.read { try $0.provisionedTargets() } }, control.directory)
        cells = StemCellsAtStart(
            starter: data.starter,
            directory: control.directory,
            logger: environment.logger,
            functions: { limit in try await store.read { try $0.latestFunctions(limit: limit) } }
        )
        service = LambdaService(control, invoker: invoker, provisioner: data.keeper)
        urls = FunctionURLFront(cache: control.changes.cache, invoker: invoker, authorizer: environment.authorizer)
    }

    /// To be called once the server listens: what can wait until then begins.
    package func serverListens() { cells.begin() }

    /// Forgets everything of the account, or of all: functions, waiting events, environments. For `open` mode.
    package func reset(account: AccountID?) async throws {
        try await control.reset(account: account)
        try await data.reset(account: account)
    }

    /// In the order of starting.
    package var services: [any Service] { data.services + control.services + [mappings, cells] }
}

extension LambdaInvoker: Invoker {}
