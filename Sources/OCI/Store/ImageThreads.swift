// SPDX-License-Identifier: Apache-2.0
import NIOPosix

/// Threads of their own for the disk work of images, which takes seconds: two, so that many pulls do not take the machine.
enum ImageThreads {
    private static let pool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 2)
        pool.start()
        return pool
    }()

    static func run<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await pool.runIfActive(work)
    }
}
