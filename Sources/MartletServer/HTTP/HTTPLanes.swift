// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOHTTP1

/// The requests of a listener on their way from its connections to the tasks that answer them: a lane for each event loop.
///
/// A request is answered on the event loop that has read it, so most never change threads: each change costs more than all
/// that the chain does. That asks of every handler what Swift's own pool of threads asks, too: not to block, and to give
/// long computations away.
struct HTTPLanes: Sendable {
    struct Lane: Sendable {
        fileprivate let jobs: AsyncStream<HTTPJob>
        private let accept: AsyncStream<HTTPJob>.Continuation
        fileprivate let executor: (any TaskExecutor)?

        fileprivate init(_ executor: (any TaskExecutor)?) {
            (jobs, accept) = AsyncStream.makeStream()
            self.executor = executor
        }

        func yield(_ job: HTTPJob) { accept.yield(job) }
        fileprivate func finish() { accept.finish() }
    }

    private let lanes: [Lane]
    private let places: [ObjectIdentifier: Int]

    /// Without a group there is one lane, whose requests are answered on Swift's own threads.
    init(_ group: (any EventLoopGroup)?) {
        let loops = group.map { Array($0.makeIterator()) } ?? []
        lanes = loops.isEmpty ? [Lane(nil)] : loops.map { Lane(EventLoopTaskExecutor($0)) }
        places = Dictionary(uniqueKeysWithValues: loops.enumerated().map { (ObjectIdentifier($1), $0) })
    }

    func lane(of loop: any EventLoop) -> Lane { lanes[places[ObjectIdentifier(loop)] ?? 0] }

    func finish() { for lane in lanes { lane.finish() } }

    /// Returns when the lanes are finished and every request that was taken is answered, or has lost its time.
    func run(_ serve: @escaping @Sendable (HTTPJob) async -> Void) async {
        await withDiscardingTaskGroup { group in
            for lane in lanes {
                group.addTask(executorPreference: lane.executor) {
                    await withDiscardingTaskGroup { group in
                        for await job in lane.jobs { group.addTask { await Self.place(job, serve) } }
                        // Whoever is left has lost its client, or its time.
                        group.cancelAll()
                    }
                }
            }
        }
    }

    /// Large bodies take long to decode: their connections' neighbours need not wait for that.
    private static func place(_ job: HTTPJob, _ serve: @Sendable (HTTPJob) async -> Void) async {
        let length = job.head.headers.first(name: "content-length").flatMap { Int($0) }
        let isChunked = job.head.headers.contains(name: "transfer-encoding")
        guard isChunked || (length ?? 0) > largeBytes else { return await serve(job) }
        await withTaskExecutorPreference(globalConcurrentExecutor) { await serve(job) }
    }

    private static let largeBytes = 256 << 10
}

/// Runs tasks on an event loop.
private final class EventLoopTaskExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
