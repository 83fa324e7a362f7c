// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import MartletTesting
import NIOCore
import Testing

@testable import Lambda

/// Knows one version.
private struct OneVersion: VersionDirectory {
    var version: ExecutableVersion

    func resolve(function: String, qualifier: String?, in: Scope, draw: Double) async throws -> ResolvedInvocation {
        ResolvedInvocation(version: version, invokedARN: version.key.functionARN)
    }

    func claimedConcurrency(in scope: Scope) async throws -> ClaimedConcurrency { ClaimedConcurrency() }
}

/// A keeper of two environments, each of which becomes ready when the test says so.
private struct KeeperBench: Sendable {
    let bench: StarterBench
    let keeper: ProvisionedKeeper
    let configuration: ProvisionedConcurrency

    static func run(_ body: @escaping @Sendable (KeeperBench) async throws -> Void) async throws {
        var pool = EnvironmentPool.Configuration()
        (pool.renewAfter, pool.maximumAge) = (.seconds(60), .seconds(120))
        try await StarterBench.run(pool: pool) { bench in
            var version = bench.version
            version.environment = ["MARTLET_STEM_CELLS": "never"]
            let key = version.key
            let configuration = ProvisionedConcurrency(
                scope: key.scope,
                functionName: key.functionName,
                qualifier: key.version,
                requested: 2,
                lastModified: bench.clock.now
            )
            let keeper = ProvisionedKeeper(
                supply: bench.supply,
                clock: bench.clock,
                logger: Logger(label: "test")
            )
            keeper.follow({ [ProvisionedTarget(configuration, alias: nil)] }, OneVersion(version: version))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await keeper.run() }
                try await body(KeeperBench(bench: bench, keeper: keeper, configuration: configuration))
                group.cancelAll()
            }
        }
    }

    var sandboxes: [HollowSandbox] { bench.driver.sandboxes }
    var standing: ProvisionedStanding { keeper.standing(of: configuration) }

    /// The runtime in it asks for its first event; the connection must be kept.
    func becomesReady(_ sandbox: HollowSandbox) async throws -> RawConnection {
        try await sandbox.begin("GET /2018-06-01/runtime/invocation/next")
    }

    /// Real threads do the work, so there is nothing to await but its result.
    func until(_ isSo: @Sendable () -> Bool) async {
        for _ in 0..<6_000 where !isSo() { try? await Task.sleep(for: .milliseconds(10)) }
        #expect(isSo())
    }

    func place() throws -> ConcurrencyLedger.Place {
        let key = bench.version.key
        return try bench.supply.ledger.enter(.init(key: key), at: bench.clock.monotonicMicroseconds)
    }
}

@Suite("Keeper of provisioned environments", .timeLimit(.minutes(20))) struct ProvisionedKeeperTests {
    @Test("each that is ready is a place of its own for the version, until it ends")
    func places() async throws {
        try await KeeperBench.run { bench in
            await bench.until { bench.sandboxes.count == 2 }
            #expect(try bench.place() == .unreserved)
            let first = try await bench.becomesReady(bench.sandboxes[0])
            let second = try await bench.becomesReady(bench.sandboxes[1])
            await bench.until { bench.standing.available == 2 }
            #expect(bench.standing.status(requested: 2) == .ready)
            #expect(try bench.place() == .provisioned)
            #expect(try bench.place() == .provisioned)
            #expect(try bench.place() == .unreserved)
            bench.bench.supply.ledger.leave(bench.bench.version.key, .provisioned)
            await bench.sandboxes[0].kill()
            // Its place is gone with it; the one that takes it is not ready.
            await bench.until { bench.sandboxes.count == 3 }
            #expect(try bench.place() == .unreserved)
            _ = (first, second)
        }
    }

    @Test("those that get old are replaced one after the other, before a request would find them too old")
    func renewal() async throws {
        try await KeeperBench.run { bench in
            await bench.until { bench.sandboxes.count == 2 }
            var connections: [RawConnection] = []
            for sandbox in bench.sandboxes { connections.append(try await bench.becomesReady(sandbox)) }
            await bench.until { bench.standing.available == 2 }
            await bench.bench.clock.advance(by: .seconds(59))
            #expect(bench.sandboxes.count == 2)
            for successor in 2...3 {
                await bench.bench.clock.advance(by: .seconds(5))
                await bench.until { bench.sandboxes.count == successor + 1 }
                // Meanwhile nothing is missing, and nothing is too many.
                #expect(bench.standing == ProvisionedStanding(allocated: 2, available: 2, failure: nil))
                await bench.bench.clock.advance(by: .seconds(10))
                #expect(bench.sandboxes.count == successor + 1)
                #expect(bench.sandboxes.filter(\.isKilled).count == successor - 2)
                connections.append(try await bench.becomesReady(bench.sandboxes[successor]))
                await bench.until { bench.sandboxes.filter(\.isKilled).count == successor - 1 }
                #expect(bench.standing == ProvisionedStanding(allocated: 2, available: 2, failure: nil))
            }
            #expect(bench.sandboxes.map(\.isKilled) == [true, true, false, false])
            // No request meets one that the pool would send away.
            let key = bench.bench.version.key
            for _ in 0..<2 {
                guard case .environment(let environment) = await bench.bench.supply.pool.ask(key) else {
                    Issue.record("two wait")
                    return
                }
                #expect(environment.isProvisioned)
            }
            #expect(bench.bench.supply.ledger.remembered.provisions == 1)
            _ = connections
        }
    }
}
