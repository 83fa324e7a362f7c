// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import Logging
import MartletCore

/// Runs asynchronous events: tries, retries, and what a function's destinations and dead-letter queue are told at the end.
///
/// At least once: an event whose run a crash has interrupted runs again. The end of an event and the records of it are
/// stored in one transaction, so a record is never lost, and a function is not run again because a queue is away.
/// AWS: Invoke with InvocationType Event
struct AsyncInvocations: DeliveryHandler {
    /// Runs one event; throws when it could not be run at all.
    typealias Run = @Sendable (AsyncEvent) async throws -> AsyncResponse

    let queue = AsyncEvent.queue
    let settings: any AsyncSettingsSource
    let outcomes: AsyncOutcomes
    let metrics: AsyncMetrics
    let clock: any WallClock
    let ids: any IDSource
    let logger: Logger
    var feed = EventFeed()
    let run: Run

    func attempt(_ delivery: Delivery) async -> DeliveryVerdict {
        do {
            var event = try AsyncEvent(delivery)
            guard let settings = try await settings.asyncSettings(of: event.function) else {
                return drop(event, because: "the function is gone")
            }
            let now = clock.now
            if let decision = AsyncDecision.beforeTry(event, settings, at: now) {
                return verdict(decision, event, nil, settings)
            }
            if event.history == AsyncEvent.History() {
                let age = now - event.acceptedAt
                metrics.record(.age, Double(age.wholeMilliseconds), of: event.function)
            }
            return await attempt(&event, settings)
        } catch {
            logger.error("an asynchronous event waits", metadata: ["event": "\(delivery.id)", "error": "\(error)"])
            let pause = AsyncDecision.backoff.pause(afterTries: delivery.earlierTries, draw: ids.fraction())
            return .again(after: pause, detail: delivery.detail)
        }
    }

    private func attempt(_ event: inout AsyncEvent, _ settings: AsyncSettings) async -> DeliveryVerdict {
        let result: AsyncResult
        do {
            let response = try await run(event)
            event.history.invokes += 1
            result = response.functionError == nil ? .success(response) : .functionError(response)
        } catch {
            guard !Self.isFinal(error) else { return drop(event, because: "\(error)") }
            event.history.refusals += 1
            result = error.isThrottle ? .throttled : .platformFailed
            if !error.isThrottle { log(event, "could not be run and waits", error) }
        }
        let decision = AsyncDecision.after(result, event, settings, at: clock.now, draw: ids.fraction())
        show(event, result, decision)
        return verdict(decision, event, result, settings)
    }

    private func show(_ event: AsyncEvent, _ result: AsyncResult, _ decision: AsyncDecision) {
        let passed: EventPassage.Result =
            switch decision {
            case .end(.success): .delivered
            case .end: .failed
            case .retry, .backOff: .retried
            }
        feed.show(
            EventPassage(
                at: clock.now,
                scope: event.function.scope,
                from: "",
                to: event.functionARN.description,
                passed,
                id: event.id,
                reason: result.reason
            )
        )
    }

    private func verdict(
        _ decision: AsyncDecision,
        _ event: AsyncEvent,
        _ result: AsyncResult?,
        _ settings: AsyncSettings
    ) -> DeliveryVerdict {
        switch decision {
        case .retry(let pause): return .again(after: pause, detail: event.detail)
        case .backOff(let pause):
            guard case .throttled? = result else { return .again(after: pause, detail: event.detail) }
            return .throttled(after: pause, detail: event.detail)
        case .end(let condition):
            if condition != .success { metrics.record(.dropped, of: event.function) }
            let record = InvocationRecord(
                event: event,
                condition: condition,
                response: result?.response,
                endedAt: clock.now
            )
            return .finished(then: outcomes.deliveries(of: record, settings))
        }
    }

    private func drop(_ event: AsyncEvent, because reason: String) -> DeliveryVerdict {
        metrics.record(.dropped, of: event.function)
        log(event, "is dropped", reason)
        return .finished()
    }

    private func log(_ event: AsyncEvent, _ what: String, _ cause: Any) {
        logger.warning(
            "an asynchronous event \(what)",
            metadata: ["function": "\(event.functionARN)", "event": "\(event.id)", "cause": "\(cause)"]
        )
    }

    /// Trying again cannot help: the function is gone, or its request was never right. A conflict is a state that passes, and
    /// so are a snapshot that is being made and one that could not be restored.
    private static func isFinal(_ error: any Error) -> Bool {
        guard error.isFinal, let code = (error as? any ServiceError)?.code else { return false }
        return code != "ResourceConflictException" && !code.hasPrefix("SnapStart")
    }
}

extension AsyncResult {
    fileprivate var response: AsyncResponse? {
        switch self {
        case .success(let response), .functionError(let response): response
        case .throttled, .platformFailed: nil
        }
    }

    fileprivate var reason: String? {
        switch self {
        case .success: nil
        case .functionError(let response): "the function failed: \(response.functionError ?? "")"
        case .throttled: "throttled"
        case .platformFailed: "could not be run"
        }
    }
}
