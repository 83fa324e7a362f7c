// SPDX-License-Identifier: Apache-2.0
package import Logging

extension WallClock {
    /// What a service does by itself, again and again: a round at once, and one after each pause, until the task is cancelled.
    /// A round that fails is logged and does not end it; nothing must depend on when the next one is made.
    package func rounds(
        every pause: Duration,
        _ logger: Logger,
        failing message: Logger.Message,
        _ round: () async throws -> Void
    ) async {
        while !Task.isCancelled {
            do {
                try await round()
            } catch is CancellationError {
                return
            } catch {
                logger.warning(message, metadata: ["error": "\(error)"])
            }
            // Ends early by cancellation only, which ends the loop.
            try? await sleep(for: pause)
        }
    }
}

extension Task where Success == Never, Failure == Never {
    /// Between two steps of long work: others get their turn. Throws `CancellationError` where the work is to end.
    package static func passTurn() async throws {
        try checkCancellation()
        await yield()
    }
}
