// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Sandbox
import ServiceLifecycle
import Testing

@testable import Lambda

/// A sandbox without a process: it ends when it is killed.
private final class FakeSandbox: Sandbox {
    struct State {
        var isFrozen = false
        var isKilled = false
        var waiters: [CheckedContinuation<SandboxExit, Never>] = []
    }

    let id: SandboxID
    let state = NIOLockedValueBox(State())

    init(_ id: SandboxID) { self.id = id }

    var isFrozen: Bool { state.withLockedValue { $0.isFrozen } }
    var isKilled: Bool { state.withLockedValue { $0.isKilled } }

    func takeListeners() -> [LinuxSystem.FileDescriptor] { [] }
    func takeOutput() -> LinuxSystem.FileDescriptor? { nil }
    func claim(_ claim: SandboxClaim) async throws {}
    func setCPUShare(_ share: CPUShare?) async throws {}
    func freeze() async throws { state.withLockedValue { $0.isFrozen = true } }
    func thaw() async throws { state.withLockedValue { $0.isFrozen = false } }
    func usage() async throws -> SandboxUsage { SandboxUsage(memoryPeakBytes: 0, memoryBytes: 0, cpuMicroseconds: 0) }

    func kill() async {
        let waiters = state.withLockedValue { state in
            state.isKilled = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: .killed) }
    }

    func waitForExit() async -> SandboxExit {
        await withCheckedContinuation { continuation in
            let isOver = state.withLockedValue { state in
                if !state.isKilled { state.waiters.append(continuation) }
                return state.isKilled
            }
            if isOver { continuation.resume(returning: .killed) }
        }
    }
}

private struct NoLogQueue: LogQueue {
    func enqueue(_ records: [LogRecord], group: String, stream: String, scope: Scope) {}
}

@Suite("Pool of warm environments") struct EnvironmentPoolTests {
    private let clock = MemoryClock()
    private let key = VersionKey(
        scope: Scope(account: .local, region: .usEast1),
        functionName: "f",
        version: "$LATEST",
        generation: "1"
    )

    private func environment(_ number: Int) throws -> (ExecutionEnvironment, FakeSandbox) {
        let sandbox = FakeSandbox(try #require(SandboxID("sandbox-\(number)")))
        let log = EnvironmentLog(group: "g", stream: "s", scope: key.scope, queue: NoLogQueue(), clock: clock)
        let environment = ExecutionEnvironment(
            key: key,
            sandbox: sandbox,
            log: log,
            poller: try OutputPoller(),
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            clock: clock,
            supervisor: Supervisor(),
            startedMicroseconds: 0
        )
        return (environment, sandbox)
    }

    private func pool(_ change: (inout EnvironmentPool.Configuration) -> Void = { _ in }) -> EnvironmentPool {
        var configuration = EnvironmentPool.Configuration()
        change(&configuration)
        return EnvironmentPool(configuration: configuration, clock: clock)
    }

    @Test("the most recently used environment is taken first")
    func mostRecent() async throws {
        let pool = pool()
        let (first, _) = try environment(1)
        let (second, _) = try environment(2)
        pool.giveBack(first)
        pool.giveBack(second)
        #expect(await pool.takeIdle(key) === second)
        #expect(await pool.takeIdle(key) === first)
        #expect(await pool.takeIdle(key) == nil)
    }

    @Test("a waiting request gets the environment that comes back first, in order of arrival")
    func waiting() async throws {
        let pool = pool()
        let (environment, _) = try environment(1)
        let early = pool.ticket(key)
        let late = pool.ticket(key)
        pool.giveBack(environment)
        guard case .environment(let given) = await pool.wait(early, key) else {
            Issue.record("the first in line must be served")
            return
        }
        #expect(given === environment)
        pool.fail(late, key, .cancelled)
        guard case .cancelled = await pool.wait(late, key) else {
            Issue.record("the second must get its own end")
            return
        }
    }

    @Test("a failed start does not take an environment from a request that was served otherwise")
    func failureAfterService() async throws {
        let pool = pool()
        let (environment, _) = try environment(1)
        let ticket = pool.ticket(key)
        pool.giveBack(environment)
        pool.fail(ticket, key, .notStarted(CancellationError()))
        guard case .environment = await pool.wait(ticket, key) else {
            Issue.record("served is served")
            return
        }
    }

    @Test("a cancelled request leaves the line, and the next environment is kept for others")
    func cancelled() async throws {
        let pool = pool()
        let (environment, _) = try environment(1)
        let ticket = pool.ticket(key)
        let task = Task { [key] in await pool.wait(ticket, key) }
        task.cancel()
        guard case .cancelled = await task.value else {
            Issue.record("a cancelled wait must end")
            return
        }
        pool.giveBack(environment)
        #expect(await pool.takeIdle(key) === environment)
    }

    @Test("an idle environment is frozen after its pause and thawed when it is taken")
    func freezing() async throws {
        let pool = pool { $0.freezeAfter = .milliseconds(50) }
        let (environment, sandbox) = try environment(1)
        pool.giveBack(environment)
        await pool.tend()
        #expect(!sandbox.isFrozen)
        await clock.advance(by: .milliseconds(51))
        await pool.tend()
        #expect(sandbox.isFrozen)
        #expect(await pool.takeIdle(key) === environment)
        #expect(!sandbox.isFrozen)
    }

    @Test("an environment that nobody needs ends, and so does one that is too old")
    func reaping() async throws {
        let pool = pool {
            $0.reapAfter = .seconds(600)
            $0.maximumAge = .seconds(1_000)
        }
        let (idle, idleSandbox) = try environment(1)
        pool.giveBack(idle)
        await clock.advance(by: .seconds(601))
        await pool.tend()
        #expect(idleSandbox.isKilled)
        #expect(await pool.takeIdle(key) == nil)
        let (old, oldSandbox) = try environment(2)
        await clock.advance(by: .seconds(1_000))
        pool.giveBack(old)
        #expect(await pool.takeIdle(key) == nil)
        #expect(oldSandbox.isKilled)
    }

    @Test("a full node ends its longest idle environment for a new one, and refuses when none is idle")
    func full() async throws {
        let pool = pool { $0.maximumEnvironments = 1 }
        let (environment, sandbox) = try environment(1)
        #expect(await pool.makeRoom())
        #expect(await !pool.makeRoom())
        pool.giveBack(environment)
        #expect(await pool.makeRoom())
        #expect(sandbox.isKilled)
    }

    @Test("a retired version's idle environments end")
    func retired() async throws {
        let pool = pool()
        let (environment, sandbox) = try environment(1)
        pool.giveBack(environment)
        #expect(pool.keys(of: "f", in: key.scope) == [key])
        await pool.retire(key)
        #expect(sandbox.isKilled)
    }
}
