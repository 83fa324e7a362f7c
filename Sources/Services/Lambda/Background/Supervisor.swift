// SPDX-License-Identifier: Apache-2.0
import ServiceLifecycle

/// Owns the work that outlives a request: environments that run, starts that somebody else may profit from. Everything
/// submitted is a child of `run`, so nothing is left behind when the service ends.
package struct Supervisor: Service {
    private let work: AsyncStream<@Sendable () async -> Void>
    private let submission: AsyncStream<@Sendable () async -> Void>.Continuation

    package init() {
        // Each submission is bounded by whoever makes it: the pool's size, the concurrency ledger.
        (work, submission) = AsyncStream.makeStream()
    }

    package func submit(_ body: @escaping @Sendable () async -> Void) { submission.yield(body) }

    /// After graceful shutdown new work is refused; what runs is awaited.
    package func run() async throws {
        await withDiscardingTaskGroup { group in
            for await body in work.cancelOnGracefulShutdown() { group.addTask { await body() } }
        }
    }
}
