// SPDX-License-Identifier: Apache-2.0
package import AWSWire
package import EventDelivery
package import Logging
package import MartletCore
package import ServiceLifecycle
package import Storage

/// Amazon SNS: topics, their subscriptions, and messages that are handed on to each of them at least once.
///
/// Publishing is one transaction that stores the message and each of its deliveries; the `DeliveryEngine` makes them, by
/// `NotificationHandler`.
package struct SNSService: SNSAPI, ServiceProvider {
    let store: SNSStore
    let clock: any WallClock
    let ids: any IDSource
    let filters = FilterCache()
    /// Removes what has expired, and replays archives.
    package let sweeper: SNSSweeper
    let signatures: SigningKeys

    /// `migrate` is to be called before anything else. Registers with the engine, which is not to run yet.
    package init(_ parts: SNSParts) {
        let store = SNSStore(database: parts.database, cipher: parts.cipher, deliveries: parts.deliveries)
        self.store = store
        clock = parts.clock
        ids = parts.ids
        signatures = SigningKeys(store: store, cipher: parts.cipher, clock: parts.clock)
        let deliverer = Deliverer(
            targets: parts.targets,
            web: parts.web,
            outbox: parts.outbox,
            notes: NotificationWriter(keys: signatures),
            clock: parts.clock,
            feed: parts.feed
        )
        let posts = PostsPerSecond()
        for kind in NotificationQueue.allCases {
            parts.deliveries.register(
                NotificationHandler(
                    kind: kind,
                    store: store,
                    deliverer: deliverer,
                    posts: posts,
                    clock: parts.clock,
                    logger: parts.logger
                )
            )
        }
        sweeper = SNSSweeper(store: store, filters: filters, clock: parts.clock, logger: parts.logger)
    }

    /// Brings the tables up to date.
    package func migrate() async throws {
        try await store.database.migrate(SNSSchema.migrations, of: "sns")
        try await EarlierDeliveries.handOver(to: store.deliveries, at: clock.now)
    }

    /// To be run beside the server and the engine.
    package var services: [any Service] { [sweeper] }

    /// Returns once everything of the account is gone, or of all accounts when it is nil. What other services deliver for it
    /// through the engine is dropped, too.
    package func reset(account: AccountID?) async throws {
        try await store.deliveries.reset(account: account)
        try await store.removeAll(of: account)
    }

    package var model: ServiceModel { .sns }
    package var operations: [Operation] { snsOperations }

    package func resources(of operation: String, input: any Shape, in scope: Scope) -> [ARN] {
        SNSResources.named(by: input, in: scope)
    }
}

/// Finds who takes events for an ARN. Asked at each delivery: some services deliver to SNS in turn, and are built later.
package typealias TargetLookup = @Sendable (ARN) -> (any EventTarget)?

/// What the service is built from.
package struct SNSParts: Sendable {
    package var database: any Database
    package var cipher: any Cipher
    /// Where functions and queues are reached.
    package var targets: TargetLookup
    package var web: any WebSender
    package var outbox: any Outbox
    package var clock: any WallClock
    package var ids: any IDSource
    /// Makes the deliveries.
    package var deliveries: DeliveryEngine
    package var logger: Logger
    /// Hears of each delivery.
    package var feed = EventFeed()

    package init(
        database: any Database,
        cipher: any Cipher,
        targets: @escaping TargetLookup,
        web: any WebSender,
        outbox: any Outbox,
        clock: any WallClock,
        ids: any IDSource,
        deliveries: DeliveryEngine,
        logger: Logger
    ) {
        self.database = database
        self.cipher = cipher
        self.targets = targets
        self.web = web
        self.outbox = outbox
        self.clock = clock
        self.ids = ids
        self.deliveries = deliveries
        self.logger = logger
    }
}
