// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// How long a sender goes on trying.
package struct DeliveryPatience: Sendable {
    package var tries: Int
    /// Since the delivery was accepted. No try is planned for later.
    package var age: Duration
    package var backoff: Backoff

    package init(tries: Int = .max, age: Duration, backoff: Backoff) {
        (self.tries, self.age, self.backoff) = (tries, age, backoff)
    }

    /// What becomes of a delivery whose try has failed; nil when nobody will try again.
    ///
    /// - Parameters:
    ///   - tries: those that were made so far, the failed one included.
    ///   - draw: a number in 0..<1, for the backoff.
    package func verdict(
        after error: any Error,
        tries: Int,
        acceptedAt: Instant,
        detail: String,
        at now: Instant,
        draw: Double
    ) -> DeliveryVerdict? {
        let pause = backoff.pause(afterTries: tries - 1, draw: draw)
        guard !error.isFinal, tries < self.tries, now + pause - acceptedAt <= age else { return nil }
        return error.isThrottle ? .throttled(after: pause, detail: detail) : .again(after: pause, detail: detail)
    }

    /// Where each try counts, throttled ones too.
    package func verdict(
        after error: any Error,
        _ delivery: Delivery,
        at now: Instant,
        draw: Double
    ) -> DeliveryVerdict? {
        verdict(
            after: error,
            tries: delivery.earlierTries + 1,
            acceptedAt: delivery.acceptedAt,
            detail: delivery.detail,
            at: now,
            draw: draw
        )
    }
}

extension Error {
    /// The target, or the request itself, will not be another one next time.
    package var isFinal: Bool {
        guard let error = self as? any ServiceError else { return false }
        return (error.httpStatus < 500 && !isThrottle) || error.httpStatus == 501
    }

    /// The target takes no more for now. Most services say so with status 429, some by name only.
    package var isThrottle: Bool {
        guard let error = self as? any ServiceError else { return false }
        return error.httpStatus == 429 || Self.throttles.contains(error.code)
    }

    private static var throttles: Set<String> {
        ["Throttling", "ThrottlingException", "ProvisionedThroughputExceededException"]
    }
}
