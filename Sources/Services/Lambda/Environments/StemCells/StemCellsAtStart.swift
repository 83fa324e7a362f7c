// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import ServiceLifecycle

/// After a start of the server, has stem cells booted for the functions that there are, the latest changed first: so the
/// first invocations after a restart need not wait for interpreters. It begins once the server listens, and looks at so
/// many functions that their kinds are surely known; the budget of the cells bounds what comes of it.
final class StemCellsAtStart: Service {
    /// Gives the names of functions, the latest changed first.
    typealias Functions = @Sendable (_ limit: Int) async throws -> [(name: String, scope: Scope)]

    static let functionsLookedAt = 64

    private let starter: EnvironmentStarter
    private let directory: any VersionDirectory
    private let functions: Functions
    private let logger: Logger
    private let beginning: AsyncStream<Void>
    private let begins: AsyncStream<Void>.Continuation

    init(starter: EnvironmentStarter, directory: any VersionDirectory, logger: Logger, functions: @escaping Functions) {
        (self.starter, self.directory, self.functions, self.logger) = (starter, directory, functions, logger)
        (beginning, begins) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// The server listens.
    func begin() {
        begins.yield()
        begins.finish()
    }

    func run() async throws {
        for await _ in beginning.cancelOnGracefulShutdown() { await expectAll() }
        // A service that ends early would end the server.
        try? await gracefulShutdown()
    }

    private func expectAll() async {
        do {
            for (name, scope) in try await functions(Self.functionsLookedAt) where !Task.isShuttingDownGracefully {
                // One that is not ready, or whose code is gone, is none to boot for.
                guard let found = try? await directory.resolve(function: name, qualifier: nil, in: scope, draw: 0)
                else {
                    continue
                }
                starter.expect(found.version)
            }
        } catch {
            logger.warning("cannot look for runtimes to boot ahead", metadata: ["cause": "\(error)"])
        }
    }
}
