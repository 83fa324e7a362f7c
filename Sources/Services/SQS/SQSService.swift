// SPDX-License-Identifier: Apache-2.0
package import AWSWire
package import Logging
package import MartletCore
package import ServiceLifecycle
package import Storage

/// Amazon SQS: standard and FIFO queues.
///
/// Every operation is one transaction of the store. What it holds beside that can be lost: who waits for messages on this node,
/// and how many messages are in flight at most.
package struct SQSService: SQSAPI, ServiceProvider {
    let store: SQSStore
    let clock: any WallClock
    let ids: any IDSource
    let configuration: SQSConfiguration
    let waiters: QueueWaiters
    let inFlight = InFlightGauge()
    let authorizer: any Authorizer
    let sweeper: QueueSweeper
    let mover: MessageMover
    /// Hears of each message that goes to a dead-letter queue.
    package var feed = EventFeed()

    /// `migrate` is to be called before anything else. The authorizer decides what other services deliver; what clients ask
    /// is decided before it comes here.
    package init(
        database: any Database,
        clock: any WallClock,
        ids: any IDSource,
        authorizer: any Authorizer,
        logger: Logger,
        configuration: SQSConfiguration = SQSConfiguration()
    ) {
        store = SQSStore(database: database)
        self.clock = clock
        self.ids = ids
        self.authorizer = authorizer
        self.configuration = configuration
        waiters = QueueWaiters(limit: configuration.waitersLimit)
        sweeper = QueueSweeper(store: store, clock: clock, nameRest: configuration.nameRest, logger: logger)
        mover = MessageMover(store: store, waiters: waiters, clock: clock, ids: ids, logger: logger)
    }

    /// Brings the tables up to date.
    package func migrate() async throws { try await store.database.migrate(SQSSchema.migrations, of: "sqs") }

    /// To be run beside the server, and stopped after it.
    package var services: [any Service] { [sweeper, mover] }

    /// To be run beside the server, and stopped before it: ends the waiting.
    package var endOfWaiting: any Service { EndOfWaiting(waiters: waiters) }

    /// Removes all that has expired or was deleted. For tests; otherwise it happens by itself.
    package func sweep() async throws { try await sweeper.sweep() }

    /// Returns once everything of the account is gone, or of all accounts when it is nil.
    package func reset(account: AccountID?) async throws { try await store.removeAll(of: account) }

    package var model: ServiceModel { .sqs }
    package var operations: [Operation] { sqsOperations }

    package func resources(of operation: String, input: any Shape, in scope: Scope) -> [ARN] {
        SQSResources.named(by: input, in: scope)
    }

    /// Throws `MissingParameter` without a URL, `InvalidAddress` for one that is no queue's.
    func address(_ url: String?, in context: RequestContext) throws -> QueueAddress {
        let url = try required(url, "QueueUrl")
        guard let address = QueueAddress(url: url, in: context.scope.region) else {
            throw InvalidAddress("The address \(url.prefix(512)) is not valid for this endpoint.")
        }
        return address
    }

    /// Never the same again.
    func newRevision() -> Int {
        ids.bytes(8).reduce(0) { $0 << 8 | Int($1) }
    }
}
