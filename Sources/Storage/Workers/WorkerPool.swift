// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// A few threads for blocking work, each with a tool of its own, such as a database connection. Threads and tools are
/// made when the work first needs them.
package final class WorkerPool<Tool>: Sendable {
    private typealias Job = @Sendable (Result<Tool, any Error>) -> Void

    private let name: String
    private let threadLimit: Int
    private let queue: WorkQueue<Job>
    private let makeTool: @Sendable () throws -> Tool
    private let threads = NIOLockedValueBox<[WorkerThread]>([])

    /// - Parameter queueLimit: how many calls may wait; one more throws `storage.busy`.
    package init(_ name: String, threads: Int, queueLimit: Int, makeTool: @escaping @Sendable () throws -> Tool) {
        self.name = name
        self.threadLimit = threads
        self.queue = WorkQueue(name, limit: queueLimit)
        self.makeTool = makeTool
    }

    deinit {
        queue.close()
        for thread in takeThreads() { thread.detach() }
    }

    /// How many calls wait for a thread.
    package var waitingCount: Int { queue.count }

    /// Runs `body` on one of the threads and rethrows what it throws. It runs even when the calling task is cancelled.
    package func run<T: Sendable>(_ body: @escaping @Sendable (Tool) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try submit { tool in continuation.resume(with: tool.flatMap { tool in Result { try body(tool) } }) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Does it when a thread is free, waiting for nothing. Throws `storage.busy` when too much waits already.
    package func runLater(_ body: @escaping @Sendable (Result<Tool, any Error>) -> Void) throws { try submit(body) }

    /// Refuses new work; what waits is still done.
    package func close() { queue.close() }

    /// Waits, blocking, until the threads have ended. Legal after `close()`.
    package func join() {
        for thread in takeThreads() { thread.join() }
    }

    /// Closes, waits until all is done, and then does `last`, off Swift's pool as well.
    package func close(then last: @escaping @Sendable () -> Void) async throws {
        close()
        let done = Latch()
        let thread = try WorkerThread("\(name) end") { [self] in
            join()
            last()
            done.open()
        }
        thread.detach()
        await done.wait()
    }

    private func takeThreads() -> [WorkerThread] {
        threads.withLockedValue { threads in
            defer { threads = [] }
            return threads
        }
    }

    private func submit(_ job: @escaping Job) throws {
        if queue.hasTooFewTakers { try grow() }
        try queue.submit(job)
    }

    private func grow() throws {
        try threads.withLockedValue { threads in
            guard threads.count < threadLimit else { return }
            do {
                threads.append(try WorkerThread("\(name) \(threads.count)", Self.loop(queue, makeTool)))
            } catch  where !threads.isEmpty {
                // The threads that there are will get to it.
            }
        }
    }

    /// Must not hold the pool, or it would never end.
    private static func loop(
        _ queue: WorkQueue<Job>,
        _ makeTool: @escaping @Sendable () throws -> Tool
    ) -> @Sendable () -> Void {
        {
            var made: Tool?
            while let job = queue.take(upTo: 1).first {
                job(
                    Result { if let made { made } else { try makeTool() } }.map { tool in
                        made = tool
                        return tool
                    }
                )
            }
        }
    }
}
