// SPDX-License-Identifier: Apache-2.0
import ServiceLifecycle

/// Answers all who wait for messages when the server is about to stop, so that it need not wait for them. To be stopped before
/// the server.
struct EndOfWaiting: Service {
    let waiters: QueueWaiters

    func run() async throws {
        // Cancellation is an end, too.
        try? await gracefulShutdown()
        waiters.close()
    }
}
