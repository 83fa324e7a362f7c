// SPDX-License-Identifier: Apache-2.0
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Sandbox
import Testing

@testable import Lambda

@Suite("Starts of environments", .timeLimit(.minutes(20))) struct EnvironmentStarterTests {
    private func isReady(_ environment: ExecutionEnvironment) async -> Bool {
        if case .ready = await environment.initialized(within: .seconds(60)) { true } else { false }
    }

    @Test("a stem cell's doors are open before it is anybody's, and then they are its environment's")
    func claimed() async throws {
        try await StarterBench.run { bench in
            let cell = try await bench.cell()
            #expect(bench.gateway.open.withLockedValue { $0 } == 1)
            // As an interpreter does that waits for its claim.
            let early = try await RawConnection(to: Endpoint(host: "127.0.0.1", port: cell.ports[0]))
            let environment = try await bench.starter.start(bench.version)
            #expect(environment.sandbox.id == cell.id && cell.claims == 1)
            #expect(bench.gateway.open.withLockedValue { $0 } == 1)
            try await early.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await isReady(environment))
            await environment.stop()
            await environment.run()
            #expect(bench.gateway.open.withLockedValue { $0 } == 0)
            await cell.untilClosed()
        }
    }

    @Test("nobody is answered by a stem cell's Runtime API")
    func nobodys() async throws {
        try await StarterBench.run { bench in
            let cell = try await bench.cell()
            let connection = try await cell.begin("GET /2018-06-01/runtime/invocation/next")
            #expect(try await connection.receiveText().isEmpty)
        }
    }

    @Test("a cell that cannot be claimed ends with its doors, and a new sandbox takes its place")
    func claimFails() async throws {
        try await StarterBench.run { bench in
            let cell = try await bench.cell()
            bench.driver.state.withLockedValue { $0.claimError = SandboxError(.ended, "it has died") }
            let environment = try await bench.starter.start(bench.version)
            #expect(environment.sandbox.id != cell.id && cell.isKilled)
            await cell.untilClosed()
            #expect(bench.gateway.open.withLockedValue { $0 } == 1)
            let sandbox = try #require(bench.driver.sandboxes.last)
            #expect(!sandbox.awaitsClaim)
            _ = try await sandbox.begin("GET /2018-06-01/runtime/invocation/next")
            #expect(await isReady(environment))
            await environment.stop()
            await environment.run()
        }
    }

    @Test("a cell that dies while it waits closes its doors and is not handed out")
    func cellDies() async throws {
        try await StarterBench.run { bench in
            let cell = try await bench.cell()
            await cell.kill()
            await cell.untilClosed()
            #expect(bench.gateway.open.withLockedValue { $0 } == 0)
            let environment = try await bench.starter.start(bench.version)
            #expect(environment.sandbox.id != cell.id && cell.claims == 0)
            await environment.stop()
            await environment.run()
        }
    }

    @Test("where a door cannot be opened the start fails, and nothing of the sandbox stays")
    func doorsFail() async throws {
        try await StarterBench.run { bench in
            bench.gateway.isBroken.withLockedValue { $0 = true }
            await #expect(throws: MartletError.self) { try await bench.starter.start(bench.version) }
            let sandbox = try #require(bench.driver.sandboxes.first)
            #expect(sandbox.isKilled)
            await sandbox.untilClosed()
        }
    }

    @Test("a cell whose doors cannot be opened is none")
    func cellDoorsFail() async throws {
        try await StarterBench.run { bench in
            bench.gateway.isBroken.withLockedValue { $0 = true }
            bench.starter.expect(bench.version)
            await bench.clock.untilSleepers(2)
            await bench.clock.advance(by: .milliseconds(20))
            var started = bench.driver.started.makeAsyncIterator()
            let cell = try #require(await started.next())
            #expect(await cell.waitForExit() == .killed)
            await cell.untilClosed()
            #expect(bench.cells.figures.waiting == 0)
        }
    }

    @Test("of a burst ten start at once; when they take long, the others follow without anything else happening")
    func burst() async throws {
        try await StarterBench.run { bench in
            let requests = StartGate.atOnce + 3
            for _ in 0..<requests { bench.supply.pool.enter(bench.version.key) }
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<requests {
                    group.addTask { _ = try? await bench.supply.acquire(bench.version, isPatient: false) }
                }
                var started = bench.driver.started.makeAsyncIterator()
                for _ in 0..<StartGate.atOnce { _ = await started.next() }
                // The cells' look and pause, and the one that watches.
                await bench.clock.untilSleepers(3)
                await bench.clock.advance(by: StartGate.youth)
                // The starts themselves take real time, on threads that other tests want too.
                for _ in 0..<6_000
                where bench.driver.sandboxes.count(where: { !$0.awaitsClaim || $0.claims > 0 }) < requests {
                    try? await Task.sleep(for: .milliseconds(10))
                }
                #expect(bench.driver.sandboxes.count { !$0.awaitsClaim || $0.claims > 0 } == requests)
                group.cancelAll()
            }
        }
    }
}
