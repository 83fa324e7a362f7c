// SPDX-License-Identifier: Apache-2.0
import NIOPosix

/// Where the disk work of images is done. What takes seconds has threads of its own: two, so that many pulls do not take the
/// machine, and what is small does not wait behind them.
enum ImageThreads {
    private static let pool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 2)
        pool.start()
        return pool
    }()

    static func run<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await pool.runIfActive(work)
    }

    static func runQuickly<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await NIOThreadPool.singleton.runIfActive(work)
    }
}
