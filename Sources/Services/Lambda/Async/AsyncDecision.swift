// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import MartletCore
import NIOCore

/// How one try at an asynchronous event went.
enum AsyncResult: Sendable {
    case success(AsyncResponse)
    /// The function ran and failed.
    case functionError(AsyncResponse)
    /// It did not run: no concurrency was free.
    case throttled
    /// It did not run: something of the platform failed.
    case platformFailed
    /// It did not run and never will: a loop that is ended, a directory that is gone.
    case refused(AsyncRefusal)
}

/// What a synchronous caller would have been told.
struct AsyncRefusal: Sendable, Equatable {
    var status: Int
    var message: String
}

/// What the function answered. AWS: responseContext, responsePayload
struct AsyncResponse: Sendable {
    var executedVersion: String
    /// `Unhandled`; nil for a success.
    var functionError: String?
    var payload: ByteBuffer
}

/// What happens to the event next. Pure.
enum AsyncDecision: Sendable, Equatable {
    /// Once more after the function's error.
    case retry(after: Duration)
    /// Once more when the target may have room again.
    case backOff(after: Duration)
    case end(Condition)

    /// AWS: requestContext.condition
    enum Condition: String, Sendable {
        case success = "Success"
        case retriesExhausted = "RetriesExhausted"
        case eventAgeExceeded = "EventAgeExceeded"
        case zeroReservedConcurrency = "ZeroReservedConcurrency"
    }

    /// Between runs that failed: one minute, then two.
    static let firstRetry: Duration = .seconds(60)
    /// While the function is throttled: 1 second to 5 minutes.
    static let backoff = Backoff(first: .seconds(1), longest: .seconds(300), jitter: 0.2)

    /// Before anything is tried; nil when the event may be tried.
    static func beforeTry(_ event: AsyncEvent, _ settings: AsyncSettings, at now: Instant) -> AsyncDecision? {
        if settings.isStopped { return .end(.zeroReservedConcurrency) }
        if now - event.acceptedAt > settings.maximumAge { return .end(.eventAgeExceeded) }
        return nil
    }

    /// `event.history` has the try in it.
    static func after(
        _ result: AsyncResult,
        _ event: AsyncEvent,
        _ settings: AsyncSettings,
        at now: Instant,
        draw: Double
    ) -> AsyncDecision {
        let next: AsyncDecision
        let pause: Duration
        switch result {
        case .success: return .end(.success)
        // AWS has no condition of its own for it, and no more tries are left.
        case .refused: return .end(.retriesExhausted)
        case .functionError:
            guard event.history.invokes <= settings.maximumRetries else { return .end(.retriesExhausted) }
            pause = firstRetry * max(1, event.history.invokes)
            next = .retry(after: pause)
        case .throttled, .platformFailed:
            pause = backoff.pause(afterTries: event.history.refusals - 1, draw: draw)
            next = .backOff(after: pause)
        }
        return now + pause - event.acceptedAt > settings.maximumAge ? .end(.eventAgeExceeded) : next
    }
}
