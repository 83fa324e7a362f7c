// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import ServiceLifecycle
import Storage

/// Brings new events to subscriptions and metric filters, beside the requests that stored them.
///
/// What is to be done is a row (`logs_outbox`), written with the events, held under a lease while it is worked on and removed
/// when its destination has accepted. So events are delivered at least once, and out of order where one of them had to be tried
/// again. A destination that is busy or broken is tried for 24 hours; one that refuses is not.
package final class LogDelivery: Service {
    private static let maximumRunning = 16
    /// Longer than any target may take to accept.
    private static let lease = Duration.seconds(120)
    private static let longestPause = Duration.seconds(300)

    private let store: LogsStore
    private let neighbours: LogsNeighbours
    private let clock: any WallClock
    /// The holder of leases: after a restart a node takes its own back at once.
    private let node: String
    private let logger: Logger
    private let wakes: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let running = NIOLockedValueBox(0)

    init(store: LogsStore, neighbours: LogsNeighbours, clock: any WallClock, node: String, logger: Logger) {
        self.store = store
        self.neighbours = neighbours
        self.clock = clock
        self.node = node
        self.logger = logger
        (wakes, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// There is something new in the outbox.
    func wake() { waker.yield() }

    package func run() async throws {
        try await store.releaseOutbox(of: node, at: clock.now)
        await withDiscardingTaskGroup { group in
            group.addTask { await self.tick() }
            waker.yield()
            for await _ in wakes.cancelOnGracefulShutdown() { await self.takeAll(&group) }
            group.cancelAll()
        }
    }

    /// What is tried again needs a look without a new arrival.
    private func tick() async {
        await cancelWhenGracefulShutdown {
            // Cancellation ends the wait and with it the loop.
            while (try? await self.clock.sleep(for: .seconds(1))) != nil { self.waker.yield() }
        }
    }

    private func takeAll(_ group: inout DiscardingTaskGroup) async {
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            let room = Self.maximumRunning - running.withLockedValue { $0 }
            guard room > 0 else { return }
            do {
                let now = clock.now
                let due = try await store.claimOutbox(upTo: room, for: node, at: now, until: now + Self.lease)
                guard !due.isEmpty else { return }
                running.withLockedValue { $0 += due.count }
                for entry in due { group.addTask { await self.process(entry) } }
            } catch {
                return logger.error("cannot take log events to deliver", metadata: ["error": "\(error)"])
            }
        }
    }

    private func process(_ entry: OutboxEntry) async {
        defer {
            running.withLockedValue { $0 -= 1 }
            waker.yield()
        }
        do {
            do {
                if let subscription = entry.subscriptionID {
                    try await deliver(entry, to: subscription)
                } else {
                    try await measure(entry)
                }
                try await store.complete(entry)
            } catch {
                try await retryLater(entry, error)
            }
        } catch {
            // The lease runs out, and the entry is taken again.
            logger.error("cannot note what became of log events", metadata: ["error": "\(error)"])
        }
    }

    private func retryLater(_ entry: OutboxEntry, _ error: any Error) async throws {
        let metadata: Logger.Metadata = ["entry": "\(entry.id)", "error": "\(error)"]
        let now = clock.now
        guard mayTryAgain(entry, after: error) else {
            logger.warning("log events are not delivered", metadata: metadata)
            return try await store.complete(entry)
        }
        let pause = min(Self.longestPause, .seconds(1 << min(max(entry.hold.count - 1, 0), 9)))
        logger.debug("log events are delivered later", metadata: metadata)
        try await store.postpone(entry, to: now + pause)
    }

    private func mayTryAgain(_ entry: OutboxEntry, after error: any Error) -> Bool {
        clock.now - entry.acceptedAt < LogLimits.deliveryAge && !Self.isFinal(error)
    }

    /// A destination that says no will say no again; one that is busy, or fails, will not always.
    static func isFinal(_ error: any Error) -> Bool {
        guard let error = error as? any ServiceError else { return false }
        return (400..<500).contains(error.httpStatus) && error.httpStatus != 429
            && !["ThrottlingException", "Throttling", "ProvisionedThroughputExceededException"].contains(error.code)
    }
}

extension LogDelivery {
    // MARK: Subscriptions

    /// What a subscription wants and where it leads: one of a group, or the account's.
    private struct Subscription: Sendable {
        var name: String
        var pattern: String
        var destination: String
        var role: String?
        var distribution: String
        var isTransformed: Bool

        init(_ stored: StoredSubscription) {
            (name, pattern, destination) = (stored.name, stored.pattern, stored.destination)
            (role, distribution, isTransformed) = (stored.role, stored.distribution, stored.isTransformed)
        }

        init(_ policy: StoredAccountPolicy) throws {
            let subscription = try AccountSubscription(policy.document)
            (name, pattern, destination) = (policy.name, subscription.pattern, subscription.destination)
            (role, distribution) = (subscription.role, subscription.distribution.rawValue)
            isTransformed = false
        }

        /// Nil where it is gone by now, or does not cover the group any more.
        static func find(_ id: Int, forGroup name: String, _ logs: LogRows) throws -> Subscription? {
            guard id == OutboxEntry.accountSubscription else { return try logs.subscription(id).map(Subscription.init) }
            let policy = try logs.accountPolicies().first { $0.type == .subscriptionFilterPolicy && $0.covers(name) }
            return try policy.map { try Subscription($0) }
        }
    }

    private func deliver(_ entry: OutboxEntry, to subscription: Int) async throws {
        let work = try await store.read(entry.scope) { logs -> (Subscription, SubscriptionDocument)? in
            guard let group = try logs.name(ofGroup: entry.groupID),
                let stream = try logs.name(ofStream: entry.streamID),
                let subscription = try Subscription.find(subscription, forGroup: group, logs)
            else { return nil }
            // It was compiled when it was stored, with an older version perhaps: what it no longer takes is not delivered.
            let pattern = try FilterPattern(subscription.pattern)
            let events = try logs.events(of: entry).map { event in
                SubscriptionDocument.Event(event, text: subscription.isTransformed ? event.filtered : event.message)
            }.filter { pattern.matches($0.message) }
            let document = SubscriptionDocument(
                owner: entry.scope.account.text,
                group: group,
                stream: stream,
                filters: [subscription.name],
                events: events
            )
            return events.isEmpty ? nil : (subscription, document)
        }
        guard let (subscription, document) = work else { return }
        let target = try SubscriptionTarget(subscription.destination, role: subscription.role)
        // An account's subscription would go round in circles here: what the function writes about an event is an event.
        guard target.ownLogGroup != document.group || target.arn.scope != entry.scope else { return }
        let passage = EventPassage(
            at: clock.now,
            scope: entry.scope,
            from: entry.scope.arn("logs", "log-group:\(document.group)").description,
            to: target.arn.description,
            .delivered,
            count: document.events.count
        )
        do {
            try await send(document, to: target, subscription, in: entry.scope)
            neighbours.feed.show(passage)
        } catch {
            neighbours.feed.show(passage.ended(mayTryAgain(entry, after: error) ? .retried : .failed, error))
            throw error
        }
    }

    private func send(
        _ document: SubscriptionDocument,
        to target: SubscriptionTarget,
        _ subscription: Subscription,
        in scope: Scope
    ) async throws {
        guard let neighbour = neighbours.target(target.arn.service) else {
            throw CommonError.notImplemented("log subscriptions to \(target.arn.service)")
        }
        let source = Self.source(document.group, scope, role: subscription.role)
        // Three quarters of the limit, as base 64 makes four bytes of three.
        for piece in try document.compressed(limit: LogLimits.deliveryBytes / 4 * 3) {
            let payload =
                target.kind == .function ? SubscriptionDocument.functionEvent(piece) : ByteBuffer(bytes: piece)
            var delivery = EventDelivery(payload, from: source)
            delivery.messageGroupID = subscription.distribution == Distribution.random.rawValue ? nil : document.stream
            try await neighbour.deliver(delivery, to: target.arn)
        }
    }

    /// Functions' policies name the group with `:*` behind it, or all groups.
    static func source(_ group: String?, _ scope: Scope, role: String?) -> MartletCore.EventSource {
        MartletCore.EventSource(
            servicePrincipal: "logs.amazonaws.com",
            arn: scope.arn("logs", group.map { "log-group:\($0):*" } ?? "log-group:*"),
            account: scope.account,
            role: role.flatMap { ARN($0) }
        )
    }

    // MARK: Metric filters

    private func measure(_ entry: OutboxEntry) async throws {
        guard let metrics = neighbours.metrics else { return }
        let measurements = try await store.read(entry.scope) { logs in
            let rules = try logs.metricFilters(ofGroup: entry.groupID).map {
                try MetricRule(pattern: $0.pattern, $0.transformation.shape, isTransformed: $0.isTransformed)
            }
            let events = try logs.events(of: entry)
            return rules.flatMap { rule in
                let found = events.compactMap { rule.measure($0, in: entry.scope) }
                guard found.isEmpty, !events.isEmpty else { return found }
                return rule.defaultMeasurement(at: entry.acceptedAt, in: entry.scope).map { [$0] } ?? []
            }
        }
        for measurement in measurements { metrics.record(measurement) }
    }
}

extension EventPassage {
    fileprivate func ended(_ result: Result, _ error: any Error) -> EventPassage {
        var passage = self
        passage.result = result
        passage.reason = (error as? any ServiceError).map { "\($0.code): \($0.message)" } ?? "\(error)"
        return passage
    }
}

extension SubscriptionDocument.Event {
    init(_ event: StoredEvent, text: String) {
        self.init(
            id: event.position.eventID(stream: event.streamID),
            timestamp: event.position.timestamp,
            message: text
        )
    }
}
