// SPDX-License-Identifier: Apache-2.0
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers

@testable import Lambda

/// A queue in memory: messages hide for the visibility timeout, groups of a FIFO queue wait for their first.
final class FakeQueue: QueueSource {
    private struct Stored {
        var message: QueueMessage
        var visibleAt: Instant
    }

    private struct State {
        var stored: [Stored] = []
        var next = 0
        var receives = 0
        var deleted: [String] = []
        var nextWaiter = 0
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        var cancelled: Set<Int> = []
        var refusedDeletions = 0
    }

    let arn: ARN
    let clock: MemoryClock
    private let visibility: Duration
    private let state = NIOLockedValueBox(State())

    init(_ name: String = "q", clock: MemoryClock, visibility: Duration = .seconds(30)) {
        arn = ARN(service: "sqs", region: "us-east-1", account: "000000000000", resource: name)
        (self.clock, self.visibility) = (clock, visibility)
    }

    private var isFIFO: Bool { arn.resource.hasSuffix(".fifo") }

    /// Returns the messages' ids.
    @discardableResult
    func send(_ bodies: [String], group: String? = nil) -> [String] {
        let now = clock.now
        let (ids, waiting) = state.withLockedValue { state in
            var ids: [String] = []
            for body in bodies {
                state.next += 1
                var message = QueueMessage(
                    id: "m\(state.next)",
                    receiptHandle: "",
                    body: body,
                    bodyMD5: "md5",
                    attributes: ["SentTimestamp": "1"],
                    messageAttributes: [:],
                    messageAttributesMD5: nil
                )
                message.attributes["MessageGroupId"] = group
                ids.append(message.id)
                state.stored.append(Stored(message: message, visibleAt: now))
            }
            defer { state.waiting = [:] }
            return (ids, Array(state.waiting.values))
        }
        for continuation in waiting { continuation.resume() }
        return ids
    }

    var bodies: [String] { state.withLockedValue { $0.stored.map(\.message.body) } }
    /// Who waits for messages.
    var waiting: Int { state.withLockedValue { $0.waiting.count } }
    var deleted: [String] { state.withLockedValue { $0.deleted } }
    var visible: Int {
        let now = clock.now
        return state.withLockedValue { $0.stored.count { $0.visibleAt <= now } }
    }

    func facts(of queue: ARN) async throws -> QueueFacts? {
        queue == arn ? QueueFacts(isFIFO: isFIFO, visibilityTimeout: visibility) : nil
    }

    func receive(from queue: ARN, limit: Int, wait: Duration) async throws -> [QueueMessage] {
        let seen = state.withLockedValue { $0.next }
        let found = take(limit)
        if !found.isEmpty { return found }
        try await untilSomethingHappens(wait, since: seen)
        return take(limit)
    }

    /// A message, a message that is visible again, the end of the wait, or a cancellation.
    private func untilSomethingHappens(_ wait: Duration, since seen: Int) async throws {
        let now = clock.now
        let again = state.withLockedValue { $0.stored.map(\.visibleAt).filter { $0 > now }.min() }
        let until = min(now + wait, again ?? now + wait)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [clock] in try await clock.sleep(until: until) }
            group.addTask { await self.untilSent(since: seen) }
            defer { group.cancelAll() }
            try await group.next()
        }
        try Task.checkCancellation()
    }

    private func untilSent(since seen: Int) async {
        let id = state.withLockedValue { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = state.withLockedValue { state in
                    guard state.cancelled.remove(id) == nil, state.next == seen else { return false }
                    state.waiting[id] = continuation
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            let waiting = state.withLockedValue { state in
                if state.waiting[id] == nil { state.cancelled.insert(id) }
                return state.waiting.removeValue(forKey: id)
            }
            waiting?.resume()
        }
    }

    private func take(_ limit: Int) -> [QueueMessage] {
        let now = clock.now
        return state.withLockedValue { state in
            var found: [QueueMessage] = []
            var lockedGroups = Set(
                state.stored.filter { $0.visibleAt > now }.compactMap { $0.message.attributes["MessageGroupId"] }
            )
            for index in state.stored.indices where found.count < limit && state.stored[index].visibleAt <= now {
                if isFIFO, let group = state.stored[index].message.attributes["MessageGroupId"],
                    lockedGroups.contains(group)
                {
                    continue
                }
                state.receives += 1
                state.stored[index].visibleAt = now + visibility
                state.stored[index].message.receiptHandle = "r\(state.receives)"
                found.append(state.stored[index].message)
            }
            lockedGroups = []
            return found
        }
    }

    func delete(_ receiptHandles: [String], from queue: ARN) async throws {
        try state.withLockedValue { state in
            guard state.refusedDeletions == 0 else {
                state.refusedDeletions -= 1
                throw MartletError("test.queue", "the queue is away")
            }
            for handle in receiptHandles {
                guard let index = state.stored.firstIndex(where: { $0.message.receiptHandle == handle }) else {
                    continue
                }
                state.deleted.append(state.stored.remove(at: index).message.body)
            }
        }
    }

    /// The next so many attempts fail.
    func refuse(deletions count: Int) { state.withLockedValue { $0.refusedDeletions = count } }

    func changeVisibility(of receiptHandles: [String], in queue: ARN, to timeout: Duration) async throws {
        let now = clock.now
        state.withLockedValue { state in
            for index in state.stored.indices where receiptHandles.contains(state.stored[index].message.receiptHandle) {
                state.stored[index].visibleAt = now + timeout
            }
        }
    }
}
