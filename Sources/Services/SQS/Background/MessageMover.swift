// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import ServiceLifecycle

/// Runs the tasks that move messages out of dead-letter queues: a step is a transaction, so a task goes on where it was when the
/// server comes back. Sleeps while there is nothing to do.
///
/// No deliveries of the engine: a task is no event for a target that may refuse it, but work inside this service's own tables.
/// A step moves messages and notes in the task's row how far it has come and when the next one is due, in one transaction. As
/// deliveries, each step would be two transactions and could run twice; the task's row, which callers list and cancel, would
/// have a twin to be kept in agreement with. It needs no lease either: who takes a step holds the row for the step's transaction,
/// and nothing between steps.
struct MessageMover: Service {
    let store: SQSStore
    let waiters: QueueWaiters
    let clock: any WallClock
    let ids: any IDSource
    let logger: Logger

    /// No queue has this number; it stands for the mover among those who wait.
    static let bell = 0
    private static let interval = Duration.seconds(60)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            let waiter = waiters.register(for: Self.bell)
            defer { waiter?.leave(passingOn: false) }
            while !Task.isCancelled {
                var dueAt: Instant?
                do {
                    try await runDue()
                    dueAt = try await store.read { try $0.nextMoveDue() }
                } catch is CancellationError {
                    return
                } catch {
                    logger.warning("messages are not moved; trying again", metadata: ["error": "\(error)"])
                }
                await rest(waiter, until: clock.now + Self.interval, dueAt: dueAt)
            }
        }
    }

    /// Until the next step is due or a task is started. Ends early by cancellation only, which ends the loop.
    private func rest(_ waiter: Waiter?, until instant: Instant, dueAt: Instant?) async {
        if let waiter, !waiters.hasClosed {
            try? await waiter.wait(until: instant, dueAt: dueAt, clock: clock)
        } else {
            // The server is about to stop this one, too.
            try? await clock.sleep(until: instant)
        }
    }

    /// Does all that is due now.
    func runDue() async throws {
        while let step = try await step() {
            for queue in step.destinations { waiters.signal(queue, count: step.moved) }
            if let source = step.source { waiters.signal(source) }
            try await Task.passTurn()
        }
    }

    private func step() async throws -> MoveStep? {
        let now = clock.now
        return try await store.write { [ids] queues in try queues.stepOfMove(newID: { ids.uuid() }, at: now) }
    }
}
