// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import MartletCore
import NIOConcurrencyHelpers

/// What becomes of a batch.
extension QueueReader {
    enum End {
        case done
        case failed
        case throttled
    }

    /// Runs the function with the batch. While it is throttled, again, as long as the messages stay hidden.
    func process(_ batch: QueueBatch, since began: Instant, until stop: StopSignal) async -> End {
        let hidden = (try? await around.queues.facts(of: queue))??.visibilityTimeout ?? .seconds(30)
        let trace = trace(of: batch.messages)
        for tries in 0... {
            count(.invoked, batch.messages.count)
            do {
                let response = try await around.invoke(mapping.function, batch.event, trace)
                return await conclude(batch, response)
            } catch {
                count(.failed, batch.messages.count)
                if error.isThrottle { scaling.withLockedValue { $0.wasThrottled(at: around.clock.now) } }
                show(batch.messages.count, .retried, error.sentence)
                let pause = Self.throttled.pause(afterTries: tries, draw: around.ids.fraction())
                let wouldBeSeen = around.clock.now + pause - began >= hidden
                guard error.isThrottle, !wouldBeSeen else {
                    log("cannot run its function", error)
                    return error.isThrottle ? .throttled : .failed
                }
                guard (try? await stop.unlessStopped({ [around] in try await around.clock.sleep(for: pause) })) != nil
                else { return .throttled }
            }
        }
        return .throttled
    }

    /// One message's own trace goes on; several begin a new one, which knows the functions that all of them came through.
    private func trace(of messages: [QueueMessage]) -> String? {
        let headers = messages.compactMap { TraceHeader.accepted($0.attributes["AWSTraceHeader"]) }
        guard messages.count > 1 else { return headers.first }
        var lineage = Lineage(traceHeader: "")
        for header in headers { lineage.merge(Lineage(traceHeader: header)) }
        guard !lineage.entries.isEmpty else { return nil }
        return lineage.written(into: TraceHeader.new(ids: around.ids, at: around.clock.now))
    }

    private func conclude(_ batch: QueueBatch, _ response: AsyncResponse) async -> End {
        if let error = response.functionError {
            return failed(batch.messages.count, "the function failed: \(error)")
        }
        guard mapping.settings.reportsItemFailures else { return await forget(batch.messages) }
        switch ItemFailures(response.payload, of: batch.messages.map(\.id)) {
        case .all:
            return failed(batch.messages.count, "the function reported all of the batch as failed")
        case .some(let ids):
            let end = await forget(batch.messages.filter { !ids.contains($0.id) })
            return ids.isEmpty ? end : failed(ids.count, "the function reported them as failed")
        }
    }

    private func failed(_ messages: Int, _ reason: String) -> End {
        count(.failed, messages)
        show(messages, .retried, reason)
        return .failed
    }

    /// The function has done them. What cannot be deleted now comes again, though it was done.
    private func forget(_ done: [QueueMessage]) async -> End {
        guard !done.isEmpty else { return .done }
        do {
            try await delete(done)
        } catch {
            count(.deleted, 0)
            log("cannot delete what its function has done", error)
            show(done.count, .retried, error.sentence)
            return .failed
        }
        count(.deleted, done.count)
        show(done.count, .delivered)
        return .done
    }

    private func show(_ count: Int, _ result: EventPassage.Result, _ reason: String? = nil) {
        around.feed.show(
            EventPassage(
                at: around.clock.now,
                scope: mapping.function.scope,
                from: queue.description,
                to: mapping.function.qualifiedARN.description,
                result,
                count: count,
                reason: reason
            )
        )
    }
}
