// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import Glibc
import IAM
import Lambda
import LinuxSystem
import Logging
import Logs
import MartletCLI
import MartletCore
import MartletServer
import NIOPosix
import OCI
import SNS
import SQS
import STS
import Sandbox
import ServiceLifecycle
import Storage
import StorageSQLite
import UnixSignals

/// The composition root: builds everything, in order, in one place, and runs it until it is told to stop.
enum Platform {
    static func run(_ settings: PlatformSettings) async throws {
        var logger = Logger(label: "martlet")
        logger.logLevel = settings.logLevel
        do {
            try await serve(settings, logger)
        } catch let error as MartletError {
            throw StartFailure(error)
        } catch let error as SandboxError {
            throw StartFailure(description: "\(error.message)\n  Try: martlet doctor")
        }
    }

    private static func serve(_ settings: PlatformSettings, _ logger: Logger) async throws {
        raiseFileLimit()
        let storage = try PlatformStorage(settings, logger)
        let clock = SystemClock()
        let ids = SystemIDSource()
        let isOpen = settings.auth == .open
        let isEnforced = settings.auth == .enforced

        // Who is who.
        let iamStore = IAMStore(storage.database)
        try await iamStore.migrate()
        let usage = UsageLedger(store: iamStore, clock: clock, logger: logger)
        let identities = IdentityDirectory(store: iamStore, clock: clock)
        let sessions = SessionTable()
        let callers = CallerDirectory(identities: identities, sessions: sessions, clock: clock)
        let roles = IAMRoles(
            callers: callers,
            identities: identities,
            configuration: .init(enforcesTrust: isEnforced, takesUnknownRoles: isOpen),
            usage: usage,
            clock: clock,
            logger: logger
        )
        let mint = SessionMint(cipher: storage.cipher, clock: clock, ids: ids)
        let resourcePolicies = ResourcePolicies()
        let credentials: [any CredentialDirectory] = [
            SessionCredentialDirectory(mint: mint, table: sessions, roles: roles),
            IAMCredentials(store: iamStore, cipher: storage.cipher, clock: clock, usage: usage),
        ]
        let authorizer: any Authorizer =
            isEnforced
            ? IAMAuthorizer(callers: callers, resourcePolicies: resourcePolicies, usage: usage) : PermissiveAuthorizer()

        // The services.
        let iam = IAMService(store: iamStore, cipher: storage.cipher, clock: clock, ids: ids)
        let sts = STSService(roles: roles, mint: mint, sessions: sessions)
        // One process holds the data directory, so what was held in it was held by its predecessor.
        let node = "local"
        let deliveries = try await DeliveryEngine(
            database: storage.database,
            clock: clock,
            ids: ids,
            node: node,
            logger: logger
        )
        let (targets, sources) = (EventTargets(), EventSources())
        let logs = LogsService(
            database: storage.database,
            deliveries: deliveries,
            targets: targets,
            clock: clock,
            ids: ids,
            logger: logger
        )
        try await logs.migrate()
        let sqs = try await queues(storage, authorizer, settings, clock, ids, logger, feed: targets.feed)
        resourcePolicies.register(SQSResourcePolicies(sqs))
        let web = WebClient(policy: isOpen ? .withLoopback : .withoutLoopback, logger: logger)
        let sns = try await topics(
            storage,
            settings,
            logs,
            web,
            deliveries,
            clock,
            ids,
            logger,
            feed: targets.feed
        ) {
            targets.target(of: $0)
        }
        resourcePolicies.register(SNSResourcePolicies(sns))
        targets.register(QueueTarget(sqs))
        sources.register(queues: PolledQueues(sqs))
        targets.register(SNSTopicTarget(sns, authorizer: authorizer))
        let images = try await imageStore(settings, storage, ids, logger)
        let sandboxes = try await functionSandboxes(settings, storage, logger)
        let gateway = SandboxGateway()
        // Until there is a CloudWatch that stores them; /_martlet/metrics shows what they come to.
        let metrics = MinuteMetrics()
        var environment = LambdaDataPlane.Environment(
            sandboxes: sandboxes,
            locator: RuntimeLocator(
                finder: .ofThisHost(),
                allowsNearest: isOpen,
                // Without namespaces there is no root to give.
                images: settings.sandboxes.includes(.process) ? nil : RuntimeImages(images)
            ),
            runtimeFiles: try RuntimeFiles(in: "\(storage.directory)/lambda/runtime"),
            credentials: RoleCredentialVendor(mint: mint, roles: roles),
            gateway: gateway,
            logSink: logs,
            database: storage.database,
            deliveries: deliveries,
            targets: targets,
            eventLoops: MultiThreadedEventLoopGroup.singleton,
            clock: clock,
            ids: ids,
            node: node,
            logger: logger,
            directory: "\(storage.directory)/lambda",
            metrics: metrics
        )
        environment.stemCellBudgetMiB = settings.stemCellBudgetMiB
        environment.snapshotBudgetBytes = settings.snapshotBudgetBytes
        environment.sdks = settings.sdks
        environment.networks = settings.networks
        environment.folders = settings.folders
        environment.egress = try await wayOut(settings, sandboxes, clock, logger)
        let data = try await LambdaDataPlane(environment)
        var lambdaConfiguration = LambdaControlPlane.Configuration(
            directory: "\(storage.directory)/lambda",
            takesUnknownRoles: isOpen,
            enforcesPolicies: isEnforced
        )
        lambdaConfiguration.folders = settings.folders
        let lambda = try await LambdaPlatform(
            control: .init(
                database: storage.database,
                files: storage.files,
                cipher: storage.cipher,
                roles: roles,
                authorizer: authorizer,
                images: images,
                sources: sources,
                clock: clock,
                ids: ids,
                logger: logger
            ),
            lambdaConfiguration,
            data: data
        )
        resourcePolicies.register(LambdaResourcePolicies(lambda.control))
        logs.neighbours.register(authorizer)
        logs.roles.register(roles, takesUnknownRoles: isOpen)
        logs.neighbours.register(metrics)

        // The front door.
        let dispatcher = ServiceDispatcher([lambda.service, iam, sts, logs, sqs, sns], authorizer: authorizer)
        var chain = ChainConfiguration(
            dispatcher: dispatcher,
            auth: settings.auth,
            credentials: credentials,
            clock: clock,
            ids: ids,
            logger: logger
        )
        chain.version = MartletVersion.current
        chain.allowedHosts = settings.allowedHosts
        chain.hostRoutes = [FunctionURLRoute(urls: lambda.urls)]
        chain.pathRoutes = [CodeDownloads(lambda: lambda.service), SNSCertificates(sns: sns)]
        chain.reports = [
            UsageReport(meter: data.meter, clock: clock),
            PrometheusReport(
                meter: data.meter,
                stemCells: { data.stemCellFigures },
                memory: { data.memoryFigures },
                deliveries: { try await deliveries.figures() },
                measurements: metrics,
                clock: clock
            ),
            QueueReport { try await sqs.peek(at: $0, in: $1, limit: $2) }, EventReport(feed: targets.feed),
        ]
        chain.resettables = [
            ResetAction { try await lambda.reset(account: $0) }, ResetAction { try await logs.reset(account: $0) },
            ResetAction { try await sqs.reset(account: $0) }, ResetAction { try await sns.reset(account: $0) },
            ResetAction { try await iamStore.reset($0) },
        ]
        if !isOpen { try await showRootKey(iamStore, storage, ids, clock) }
        let server = MartletServer(
            ServerConfiguration(host: settings.host, port: settings.port),
            auth: settings.auth,
            chain: RequestChain(chain),
            logger: logger,
            onListening: {
                Announcement(endpoint: $0, settings, directory: storage.directory).print()
                lambda.serverListens()
            }
        )
        gateway.open(through: server)

        // Stopped in reverse: the door first, what it leads to after.
        var services: [any Service] = [usage] + logs.services + sns.services + sqs.services
        services += lambda.services
        services += [server, sqs.endOfWaiting, EndOfWatching(feed: targets.feed, clock: clock)]
        let group = ServiceGroup(
            configuration: .init(
                services: services.map {
                    .init(service: NamedService($0), successTerminationBehavior: .gracefullyShutdownGroup)
                },
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        try await group.run()
        await web.close()
        await storage.close()
    }

    private static func queues(
        _ storage: PlatformStorage,
        _ authorizer: any Authorizer,
        _ settings: PlatformSettings,
        _ clock: any WallClock,
        _ ids: any IDSource,
        _ logger: Logger,
        feed: EventFeed
    ) async throws -> SQSService {
        var service = SQSService(
            database: storage.database,
            clock: clock,
            ids: ids,
            authorizer: authorizer,
            logger: logger,
            configuration: SQSConfiguration(
                // Tests on a laptop make and delete queues of one name all the time.
                nameRest: settings.auth == .open ? .zero : .seconds(60),
                enforcesPolicies: settings.auth == .enforced
            )
        )
        service.feed = feed
        try await service.migrate()
        return service
    }

    /// Each environment and each connection takes descriptors; the usual soft limit of 1,024 is for programs that use select.
    /// Functions have a limit of their own.
    private static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        // Where even that is refused, the server runs with what it has.
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private static func imageStore(
        _ settings: PlatformSettings,
        _ storage: PlatformStorage,
        _ ids: any IDSource,
        _ logger: Logger
    ) async throws -> ImageStore {
        do {
            let images = ImageStore(
                directory: "\(storage.directory)/images",
                policy: settings.images,
                credentials: try settings.registryLogins.map(RegistryCredentials.init(file:)) ?? RegistryCredentials(),
                ids: ids,
                logger: logger
            )
            try await images.prepare()
            return images
        } catch let fault as ImageFault {
            throw StartFailure(description: fault.message)
        }
    }

    /// Shown once: only its hash and its sealed form are kept.
    private static func showRootKey(
        _ store: IAMStore,
        _ storage: PlatformStorage,
        _ ids: any IDSource,
        _ clock: any WallClock
    ) async throws {
        let key = try await RootKey.ensure(
            account: .local,
            store: store,
            cipher: storage.cipher,
            ids: ids,
            clock: clock
        )
        guard let key else { return }
        FileHandles.standardOutput(
            """
            The root key of account \(AccountID.local), shown this once:
              AWS_ACCESS_KEY_ID=\(key.accessKeyID)
              AWS_SECRET_ACCESS_KEY=\(key.secretAccessKey)

            """
        )
    }
}

/// Why the server could not start, for the person who typed the command.
struct StartFailure: Error, CustomStringConvertible {
    var description: String

    init(description: String) { self.description = description }

    /// The chain's messages without the codes, which are for logs.
    init(_ error: MartletError) {
        description = error.message
        var cause = error.cause
        while let next = cause {
            description += "\n  because: " + ((next as? MartletError)?.message ?? "\(next)")
            cause = (next as? MartletError)?.cause
        }
    }
}
