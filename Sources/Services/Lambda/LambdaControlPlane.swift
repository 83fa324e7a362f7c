// SPDX-License-Identifier: Apache-2.0
package import EventDelivery
package import Logging
package import MartletCore
package import OCI
package import ServiceLifecycle
package import Storage

/// What Lambda knows of functions, put together: the store, the code on this machine, and the work that follows a change.
package struct LambdaControlPlane: Sendable {
    /// What the server decides.
    package struct Configuration: Sendable {
        /// `open` mode: a role that nobody created is taken, with a warning.
        package var takesUnknownRoles: Bool
        /// `enforced` mode: another account's layer is used only if its policy allows it.
        package var enforcesPolicies: Bool
        /// Where other nodes write to the same store: how old this node's knowledge may be. Nil for a store of its own.
        package var revalidatesAfter: Duration?
        /// What functions may mount.
        package var folders = HostFolders()
        /// A directory of Lambda's own inside the data directory.
        package var directory: String

        package init(
            directory: String,
            takesUnknownRoles: Bool = false,
            enforcesPolicies: Bool = false,
            revalidatesAfter: Duration? = nil
        ) {
            self.directory = directory
            self.takesUnknownRoles = takesUnknownRoles
            self.enforcesPolicies = enforcesPolicies
            self.revalidatesAfter = revalidatesAfter
        }
    }

    /// What the host and the other services lend.
    package struct Environment: Sendable {
        package var database: any Database
        package var files: any FileStore
        package var cipher: any Cipher
        package var roles: any RoleDirectory
        /// Asked whether the caller may pass the role to Lambda.
        package var authorizer: any Authorizer
        /// Nil: functions of PackageType Image are refused.
        package var images: ImageStore?
        /// What event source mappings can read.
        package var sources: EventSources
        package var clock: any WallClock
        package var ids: any IDSource
        package var logger: Logger

        package init(
            database: any Database,
            files: any FileStore,
            cipher: any Cipher,
            roles: any RoleDirectory,
            authorizer: any Authorizer = PermissiveAuthorizer(),
            images: ImageStore? = nil,
            sources: EventSources = EventSources(),
            clock: any WallClock,
            ids: any IDSource,
            logger: Logger
        ) {
            (self.database, self.files, self.cipher, self.roles) = (database, files, cipher, roles)
            (self.authorizer, self.images, self.sources) = (authorizer, images, sources)
            (self.clock, self.ids, self.logger) = (clock, ids, logger)
        }
    }

    let configuration: Configuration
    let environment: Environment
    let runtimes: any RuntimeAvailability
    let store: LambdaStore
    let intake: PackageIntake
    let images: FunctionImages
    let changes: FunctionChanges
    let transitions: StateTransitions
    let mappingChanges = MappingChanges()
    /// Nil where nothing runs functions.
    let snapshots: (any VersionSnapshots)?

    /// Migrates the tables and clears away what an earlier process left half done.
    init(
        _ environment: Environment,
        _ configuration: Configuration,
        runtimes: any RuntimeAvailability,
        observer: (any FunctionObserver)? = nil,
        snapshots: (any VersionSnapshots)? = nil
    ) async throws {
        let (clock, ids) = (environment.clock, environment.ids)
        (self.configuration, self.environment, self.runtimes) = (configuration, environment, runtimes)
        self.snapshots = snapshots
        store = LambdaStore(database: environment.database, cipher: environment.cipher)
        let unpacked = UnpackedPackages(root: configuration.directory, files: environment.files, ids: ids)
        intake = PackageIntake(store: store, files: environment.files, unpacked: unpacked, clock: clock)
        images = FunctionImages(store: environment.images)
        let source = VersionSource(store: store, packages: unpacked, images: images)
        let cache = VersionCache(source: source, clock: clock, revalidatesAfter: configuration.revalidatesAfter)
        changes = FunctionChanges(store: store, cache: cache, observer: observer)
        transitions = StateTransitions(
            store: store,
            source: source,
            changes: changes,
            clock: clock,
            ids: ids,
            logger: environment.logger,
            snapshots: snapshots
        )
        try await store.migrate()
        try await unpacked.prepare()
    }

    /// For the data plane: what a name stands for, whoever asks.
    var directory: any VersionDirectory { changes.cache }

    /// For invocations: what they name is wanted.
    var invocationDirectory: any VersionDirectory { WakingDirectory(cache: changes.cache, idling: idling) }

    private var idling: SnapshotIdling {
        SnapshotIdling(store: store, changes: changes, transitions: transitions, ids: environment.ids)
    }

    /// Throws what whoever asks for SnapStart is to get when this server has no snapshots.
    func checkSnapStart(_ settings: FunctionSettings, of function: FunctionReference) throws {
        guard settings.appliesSnapStart else { return }
        guard let snapshots else {
            throw CommonError.notImplemented("SnapStart on this server, which takes no snapshots")
        }
        try snapshots.checkHost(for: function)
    }

    /// Asked before a role is used in Lambda's name.
    var outcomePermissions: OutcomePermissions {
        OutcomePermissions(authorizer: environment.authorizer, clock: environment.clock)
    }

    /// To be run as long as the server runs.
    package var services: [any Service] {
        let sweep = PackageSweep(
            store: store,
            intake: intake,
            clock: environment.clock,
            logger: environment.logger,
            images: environment.images
        )
        return [transitions, sweep] + [upkeep].compactMap { $0 }
    }

    /// Nil where there are no snapshots.
    var upkeep: SnapshotUpkeep? {
        snapshots.map { snapshots in
            SnapshotUpkeep(
                source: changes.cache.source,
                idling: idling,
                snapshots: snapshots,
                clock: environment.clock,
                logger: environment.logger
            )
        }
    }

    /// Returns when no version waits for its next state any more: for tests, and for callers that cannot poll.
    package func settle() async throws { try await transitions.settleAll() }
}
