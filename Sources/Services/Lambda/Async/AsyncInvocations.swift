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
        } catch let error as any ServiceError where Self.isFinal(error) {
            log(event, "is never run", error)
            result = .refused(AsyncRefusal(status: error.httpStatus, message: error.message))
        } catch {
            event.history.refusals += 1
            result = error.isThrottle ? .throttled : .platformFailed
            if !error.isThrottle { log(event, "could not be run and waits", error) }
        }
        let decision = AsyncDecision.after(result, event, settings, at: clock.now, draw: ids.fraction())
        return verdict(decision, event, result, settings)
    }

    private func show(_ event: AsyncEvent, _ passed: EventPassage.Result, _ reason: String?) {
        feed.show(
            EventPassage(
                at: clock.now,
                scope: event.function.scope,
                from: "",
                to: event.functionARN.description,
                passed,
                id: event.id,
                reason: reason
            )
        )
    }

    private func verdict(
        _ decision: AsyncDecision,
        _ event: AsyncEvent,
        _ result: AsyncResult?,
        _ settings: AsyncSettings
    ) -> DeliveryVerdict {
        show(event, decision.passed, result?.reason ?? decision.reason)
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
                refusal: result?.refusal,
                endedAt: clock.now
            )
            return .finished(then: outcomes.deliveries(of: record, settings))
        }
    }

    /// Without a function there are no settings, so there is nobody to tell.
    private func drop(_ event: AsyncEvent, because reason: String) -> DeliveryVerdict {
        metrics.record(.dropped, of: event.function)
        log(event, "is dropped", reason)
        show(event, .failed, reason)
        return .finished()
    }

    private func log(_ event: AsyncEvent, _ what: String, _ cause: Any) {
        logger.warning(
            "an asynchronous event \(what)",
            metadata: ["function": "\(event.functionARN)", "event": "\(event.id)", "cause": "\(cause)"]
        )
    }

    /// Trying again cannot help: it is in a loop, or its request was never right. A conflict is a state that passes, and
    /// so are a snapshot that is being made and one that could not be restored.
    private static func isFinal(_ error: any ServiceError) -> Bool {
        error.isFinal && error.code != "ResourceConflictException" && !error.code.hasPrefix("SnapStart")
    }
}

extension AsyncResult {
    fileprivate var response: AsyncResponse? {
        switch self {
        case .success(let response), .functionError(let response): response
        case .throttled, .platformFailed, .refused: nil
        }
    }

    fileprivate var refusal: AsyncRefusal? {
        if case .refused(let refusal) = self { refusal } else { nil }
    }

    fileprivate var reason: String? {
        switch self {
        case .success: nil
        case .functionError(let response): "the function failed: \(response.functionError ?? "")"
        case .throttled: "throttled"
        case .platformFailed: "could not be run"
        case .refused(let refusal): refusal.message
        }
    }
}

extension AsyncDecision {
    fileprivate var passed: EventPassage.Result {
        switch self {
        case .end(.success): .delivered
        case .end: .failed
        case .retry, .backOff: .retried
        }
    }

    /// Of an end without a try.
    fileprivate var reason: String? {
        if case .end(let condition) = self { condition.rawValue } else { nil }
    }
}
