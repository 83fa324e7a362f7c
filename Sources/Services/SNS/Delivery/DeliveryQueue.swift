// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import ServiceLifecycle
import Storage

/// Hands on what was published: takes due rows under a lease, tries each, and completes it, postpones it, or moves it to its
/// subscription's dead-letter queue.
///
/// At least once: a try whose node died is made again. Everything that a restart needs is in the rows. The rest of SNS sees
/// `wake()` and the insertion of rows only.
package final class DeliveryQueue: Service {
    /// Tries at once, in each lane.
    static let places = 64
    /// Tries at once to one subscription over the web: one hanging endpoint does not take all places.
    static let placesPerSubscription = 8
    private static let batch = 8
    /// Longer than a try may take.
    private static let lease = Duration.seconds(120)
    private static let interval = Duration.seconds(1)

    private let store: SNSStore
    private let deliverer: Deliverer
    private let clock: any WallClock
    private let node: String
    private let logger: Logger
    private let wakers: [DeliveryLane: (stream: AsyncStream<Void>, waker: AsyncStream<Void>.Continuation)]
    private let running = NIOLockedValueBox(RunningDeliveries())

    init(store: SNSStore, deliverer: Deliverer, clock: any WallClock, node: String, _ logger: Logger) {
        self.store = store
        self.deliverer = deliverer
        self.clock = clock
        self.node = node
        self.logger = logger
        wakers = Dictionary(
            uniqueKeysWithValues: DeliveryLane.allCases.map { lane in
                let (stream, waker) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
                return (lane, (stream, waker))
            }
        )
    }

    /// New rows are there.
    func wake() { for (_, waker) in wakers.values { waker.yield() } }

    package func run() async throws {
        let (node, now) = (node, clock.now)
        try await store.write { try $0.releaseDeliveries(heldBy: node, at: now) }
        wake()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.tick() }
            for lane in DeliveryLane.allCases { group.addTask { await self.work(lane) } }
        }
    }

    /// Rows that wait for their time need a look without a new arrival.
    private func tick() async {
        await cancelWhenGracefulShutdown {
            // Cancellation ends the wait and with it the loop.
            while (try? await self.clock.sleep(for: Self.interval)) != nil { self.wake() }
        }
    }

    private func work(_ lane: DeliveryLane) async {
        guard let wake = wakers[lane]?.stream else { return }
        await withDiscardingTaskGroup { group in
            for await _ in wake.cancelOnGracefulShutdown() { await self.takeAll(lane, &group) }
            // What is under way is made again by the next node.
            group.cancelAll()
        }
    }

    private func takeAll(_ lane: DeliveryLane, _ group: inout DiscardingTaskGroup) async {
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let (free, busy) = running.withLockedValue { ($0.free(in: lane), $0.busySubscriptions) }
            guard free > 0 else { return }
            do {
                let tasks = try await take(lane, min(free, lane == .web ? Self.batch : Self.places), busy)
                guard !tasks.isEmpty else { return }
                for task in tasks {
                    running.withLockedValue { $0.began(task.held) }
                    group.addTask { await self.process(task) }
                }
            } catch {
                return logger.error("cannot take deliveries", metadata: ["error": "\(error)"])
            }
        }
    }

    private func take(_ lane: DeliveryLane, _ limit: Int, _ busy: [String]) async throws -> [DeliveryTask] {
        let (now, node, cipher) = (clock.now, node, store.cipher)
        return try await store.write { sns in
            let held = try sns.claimDeliveries(
                in: lane,
                upTo: limit,
                exceptTo: busy,
                for: node,
                at: now,
                until: now + Self.lease
            )
            return try DeliveryTask.complete(held, sns, cipher, at: now)
        }
    }

    private func process(_ task: DeliveryTask) async {
        defer {
            running.withLockedValue { $0.ended(task.held) }
            wakers[task.held.lane]?.waker.yield()
        }
        guard running.withLockedValue({ $0.admits(task, at: clock.now) }) else {
            return await record(task.held) { try $0.postpone(task.held, until: $1 + .seconds(1), hasFailed: false) }
        }
        let outcome = await deliverer.attempt(task)
        // A try that was cut short by the end of this node has not failed.
        guard !Task.isCancelled || outcome == .delivered else { return }
        await finish(task, outcome)
    }

    private func finish(_ task: DeliveryTask, _ outcome: DeliveryOutcome) async {
        let held = task.held
        switch outcome {
        case .delivered: await record(held) { try $0.complete(held, at: $1) }
        case .failed(let reason):
            guard let pause = task.schedule.pause(after: held.failures + 1) else { return await giveUp(task, reason) }
            await record(held) { try $0.postpone(held, until: $1 + pause, hasFailed: true) }
        case .refused(let reason): await giveUp(task, reason)
        }
    }

    private func giveUp(_ task: DeliveryTask, _ reason: String) async {
        let held = task.held
        logger.notice(
            "a notification was not delivered",
            metadata: [
                "message": "\(held.messageID)", "subscription": "\(held.subscriptionID ?? "none")",
                "stage": "\(held.stage.rawValue)", "tries": "\(held.failures + 1)", "reason": "\(reason)",
            ]
        )
        let hasQueue = held.stage == .first && task.deadLetterQueue != nil && task.message.content.kind == .notification
        await record(held) { sns, now in
            if hasQueue { try sns.moveToDeadLetters(held, at: now) } else { try sns.complete(held, at: now) }
        }
        if hasQueue { wake() }
    }

    /// When it cannot be written, the lease runs out, and the delivery is made again.
    private func record(
        _ held: HeldDelivery,
        _ change: @escaping @Sendable (SNSChanges, Instant) throws -> Void
    ) async {
        let now = clock.now
        do {
            try await store.write { try change($0, now) }
        } catch {
            logger.error(
                "cannot record a delivery",
                metadata: ["message": "\(held.messageID)", "error": "\(error)"]
            )
        }
    }
}

extension DeliveryTask {
    /// Looks up what the deliveries need. Those that are for nobody any more are completed.
    static func complete(
        _ held: [HeldDelivery],
        _ sns: SNSChanges,
        _ cipher: any Cipher,
        at now: Instant
    ) throws -> [DeliveryTask] {
        guard !held.isEmpty else { return [] }
        var messages: [String: StoredMessage] = [:]
        for row in try sns.rows.messages(Array(Set(held.map(\.messageID)))) {
            messages[row.id] = try row.opened(by: cipher)
        }
        var topics: [Int: StoredTopic] = [:]
        for id in Set(messages.values.compactMap(\.topicID)) { topics[id] = try sns.rows.topic(id: id) }
        return try held.sorted { $0.id < $1.id }.compactMap { delivery in
            let subscription = try delivery.subscriptionID.flatMap { try sns.rows.subscription($0) }
            guard let message = messages[delivery.messageID], subscription != nil || delivery.target != nil else {
                try sns.complete(delivery, at: now)
                return nil
            }
            return DeliveryTask(
                held: delivery,
                message: message,
                topic: message.topicID.flatMap { topics[$0] },
                subscription: subscription
            )
        }
    }
}

/// What this node is trying just now, and how often in this second.
struct RunningDeliveries: Sendable {
    private var byLane: [DeliveryLane: Int] = [:]
    private var bySubscription: [String: Int] = [:]
    /// Posts to subscriptions with a limit in the current second.
    private var posts: [String: Int] = [:]
    private var second: Int64 = 0

    func free(in lane: DeliveryLane) -> Int { DeliveryQueue.places - (byLane[lane] ?? 0) }

    var busySubscriptions: [String] {
        bySubscription.filter { $0.value >= DeliveryQueue.placesPerSubscription }.map(\.key).sorted()
    }

    mutating func began(_ held: HeldDelivery) {
        byLane[held.lane, default: 0] += 1
        if held.lane == .web, let id = held.subscriptionID { bySubscription[id, default: 0] += 1 }
    }

    mutating func ended(_ held: HeldDelivery) {
        byLane[held.lane, default: 1] -= 1
        guard held.lane == .web, let id = held.subscriptionID, let count = bySubscription[id] else { return }
        bySubscription[id] = count > 1 ? count - 1 : nil
    }

    /// Whether the subscription may get one more in this second.
    mutating func admits(_ task: DeliveryTask, at now: Instant) -> Bool {
        guard task.held.stage == .first, task.wire.isWeb, let id = task.held.subscriptionID,
            let limit = task.policy.maxReceivesPerSecond
        else { return true }
        let current = now.milliseconds / 1_000
        if current != second { (second, posts) = (current, [:]) }
        guard (posts[id] ?? 0) < limit else { return false }
        posts[id, default: 0] += 1
        return true
    }
}
