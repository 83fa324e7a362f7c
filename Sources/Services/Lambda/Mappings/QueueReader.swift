// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import Logging
import MartletCore
import NIOConcurrencyHelpers
import NIOCore

/// Reads a queue for a mapping: pollers that each receive, collect a batch, run the function, and delete what it has done.
///
/// What a function fails at stays hidden for the queue's visibility timeout and comes again; nothing is deleted that was not
/// done or filtered out. A poller does one batch at a time, so a message group's order is the queue's.
struct QueueReader: MappingReader {
    /// What the reader needs of the rest.
    struct Surroundings: Sendable {
        var queues: any QueueSource
        /// Throws when the function could not be run.
        var invoke: @Sendable (FunctionReference, ByteBuffer, _ trace: String?) async throws -> AsyncResponse
        /// Throws while the function's role may not read the queue.
        var permit: @Sendable () async throws -> Void
        var clock: any WallClock
        var ids: any IDSource
        var logger: Logger
        /// Hears of each batch.
        var feed = EventFeed()
        /// Counts what becomes of each message.
        var metrics = MappingMetrics()
    }

    /// Of one receive. AWS: WaitTimeSeconds, MaxNumberOfMessages
    private static let longestWait: Duration = .seconds(20)
    private static let mostReceived = 10
    private static let shortestLook: Duration = .milliseconds(100)
    /// While the queue or the function's permission is away.
    private static let trouble = Backoff(first: .seconds(1), longest: .seconds(30))
    static let throttled = Backoff(first: .milliseconds(500), longest: .seconds(30))

    let mapping: EventSourceMapping
    let filter: EventFilter
    let around: Surroundings
    let scaling: NIOLockedValueBox<PollerScaling>

    init(_ mapping: EventSourceMapping, filter: EventFilter, around: Surroundings) {
        (self.mapping, self.filter, self.around) = (mapping, filter, around)
        scaling = NIOLockedValueBox(PollerScaling(mapping.settings))
    }

    var queue: ARN { mapping.source }

    private enum Work {
        case lane
        case growth(after: Duration)
    }

    func run(until stop: StopSignal) async {
        let (work, begin) = AsyncStream<Work>.makeStream()
        let left = NIOLockedValueBox(0)
        let grow: @Sendable (PollerScaling.Growth) -> Void = { growth in
            switch growth {
            case .none: break
            case .lanes(let count):
                left.withLockedValue { $0 += count }
                for _ in 0..<count { begin.yield(.lane) }
            case .later(let pause): begin.yield(.growth(after: pause))
            }
        }
        grow(.lanes(scaling.withLockedValue { $0.lanes }))
        await withDiscardingTaskGroup { group in
            for await next in work {
                group.addTask {
                    switch next {
                    case .growth(let pause): await grow(growth(after: pause, until: stop))
                    case .lane:
                        await poll(until: stop, grow)
                        let isLast = left.withLockedValue { left in
                            left -= 1
                            return left == 0
                        }
                        if isLast { begin.finish() }
                    }
                }
            }
        }
    }

    private func growth(after pause: Duration, until stop: StopSignal) async -> PollerScaling.Growth {
        // Stopped: nothing grows any more.
        guard (try? await stop.unlessStopped({ [around] in try await around.clock.sleep(for: pause) })) != nil
        else { return .none }
        return scaling.withLockedValue { $0.paused(until: around.clock.now) }
    }

    /// One poller: until the stop, or until there are too many.
    private func poll(until stop: StopSignal, _ grow: @Sendable (PollerScaling.Growth) -> Void) async {
        var kept: [QueueMessage] = []
        var troubles = 0
        while !stop.isStopped, !Task.isCancelled {
            do {
                try await around.permit()
                let began = around.clock.now
                guard let batch = try await collect(&kept, until: stop) else { break }
                troubles = 0
                if batch.isEmpty {
                    if scaling.withLockedValue({ $0.foundTooMuch() }) { break }
                    // A queue that answers at once, as one does that ends its waits, is not asked without a pause.
                    guard around.clock.now - began < Self.shortestLook else { continue }
                    _ = try await stop.unlessStopped { [around] in try await around.clock.sleep(for: Self.shortestLook)
                    }
                    continue
                }
                if batch.room == 0 {
                    grow(scaling.withLockedValue { $0.foundPlenty(at: around.clock.now) })
                }
                let end = await process(batch, since: began, until: stop)
                // A group whose message has failed must not go on with a later one.
                if end != .done, mapping.isFIFO { await giveBack(&kept) }
                if end == .throttled, scaling.withLockedValue({ $0.foundTooMuch() }) { break }
            } catch {
                troubles += 1
                log("cannot read its queue", error)
                let pause = Self.trouble.pause(afterTries: troubles - 1, draw: around.ids.fraction())
                // Stopped: the loop ends by its own condition.
                _ = try? await stop.unlessStopped { [around] in try await around.clock.sleep(for: pause) }
            }
        }
        await giveBack(&kept)
    }

    /// Messages that were received and not tried are there for others at once.
    private func giveBack(_ kept: inout [QueueMessage]) async {
        guard !kept.isEmpty else { return }
        do {
            try await around.queues.changeVisibility(of: kept.map(\.receiptHandle), in: queue, to: .zero)
        } catch {
            // They come back by themselves when their time is over.
            log("cannot give messages back", error)
        }
        kept = []
    }

    // MARK: A batch

    /// Nil at the stop. `kept` are messages that did not fit into the batch before.
    private func collect(_ kept: inout [QueueMessage], until stop: StopSignal) async throws -> QueueBatch? {
        var batch = QueueBatch(limit: mapping.settings.batchSize)
        var messages = kept
        kept = []
        var deadline: Instant?
        while true {
            if messages.isEmpty {
                let wait = min(Self.longestWait, deadline.map { $0 - around.clock.now } ?? Self.longestWait)
                guard let received = try await receive(batch, wait: wait, until: stop) else {
                    kept = batch.messages
                    return nil
                }
                count(.polled, received.count)
                messages = received
            }
            let (passing, filtered) = sort(messages)
            if !filter.isEmpty { count(.filteredOut, filtered.count) }
            try await delete(filtered)
            for (index, message) in passing.enumerated() {
                guard batch.add(QueueRecord(message: message, queue: queue)) else {
                    kept = Array(passing[index...])
                    return batch
                }
            }
            if !batch.isEmpty, deadline == nil {
                deadline = around.clock.now + .seconds(mapping.settings.windowSeconds)
            }
            let isOver = deadline.map { $0 <= around.clock.now } ?? messages.isEmpty
            if batch.room == 0 || isOver { return batch }
            messages = []
        }
    }

    private func receive(_ batch: QueueBatch, wait: Duration, until stop: StopSignal) async throws -> [QueueMessage]? {
        let limit = max(1, min(Self.mostReceived, batch.room))
        // Queues wait in whole seconds: the rest of a window passes here.
        let rest: Duration? = wait < .seconds(1) ? wait : nil
        return try await stop.unlessStopped { [around, queue] in
            if let rest { try await around.clock.sleep(for: rest) }
            return try await around.queues.receive(from: queue, limit: limit, wait: rest == nil ? wait : .zero)
        }
    }

    private func sort(_ messages: [QueueMessage]) -> (passing: [QueueMessage], filtered: [QueueMessage]) {
        guard !filter.isEmpty else { return (messages, []) }
        var (passing, filtered): ([QueueMessage], [QueueMessage]) = ([], [])
        for message in messages {
            if filter.passes(QueueRecord(message: message, queue: queue)) {
                passing.append(message)
            } else {
                filtered.append(message)
            }
        }
        return (passing, filtered)
    }

    func delete(_ messages: [QueueMessage]) async throws {
        var rest = messages.map(\.receiptHandle)[...]
        while !rest.isEmpty {
            try await around.queues.delete(Array(rest.prefix(Self.mostReceived)), from: queue)
            rest = rest.dropFirst(Self.mostReceived)
        }
    }

    func count(_ name: MappingMetrics.Name, _ count: Int) {
        around.metrics.record(name, count, of: mapping, at: around.clock.now)
    }

    func log(_ what: String, _ error: any Error) {
        around.logger.warning(
            "an event source mapping \(what)",
            metadata: ["mapping": "\(mapping.id)", "source": "\(queue)", "cause": "\(error)"]
        )
    }
}
