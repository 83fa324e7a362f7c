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

/// It knows whether it is frozen, and ends when it is killed.
private final class PooledSandbox: FakeSandbox {
    let id: SandboxID
    let process = FakeProcess()
    private let frozen = NIOLockedValueBox(false)

    init(_ id: SandboxID) { self.id = id }

    var isFrozen: Bool { frozen.withLockedValue { $0 } }
    var isKilled: Bool { process.exit != nil }

    func freeze() async throws { frozen.withLockedValue { $0 = true } }
    func thaw() async throws { frozen.withLockedValue { $0 = false } }
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

    private func environment(
        _ number: Int,
        on eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    ) throws -> (ExecutionEnvironment, PooledSandbox) {
        let sandbox = PooledSandbox(try #require(SandboxID("sandbox-\(number)")))
        let log = EnvironmentLog(group: "g", stream: "s", scope: key.scope, queue: NoLogQueue(), clock: clock)
        let environment = ExecutionEnvironment(
            key: key,
            sandbox: sandbox,
            log: log,
            poller: .ofTests,
            eventLoop: eventLoop,
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

    /// An idle environment; nil when there is none. Leaves the line again.
    private func take(_ pool: EnvironmentPool) async -> ExecutionEnvironment? {
        switch await pool.ask(key) {
        case .environment(let environment): return environment
        case .ticket(let ticket, let start):
            _ = pool.fail(ticket, key, .cancelled)
            _ = await pool.wait(ticket, key)
            if case .now = start { pool.startFailed(key, tookRoom: false) }
            return nil
        }
    }

    @Test("of the last few used one is taken that is served by the event loop that asks, else the most recently used")
    func nearOnes() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let (here, there) = (group.next(), group.next())
        let pool = VersionPool()
        func taken() async throws -> ExecutionEnvironment? {
            try await here.submit {
                if case .idle(let idle) = pool.ask(isPatient: false, isBusy: false, at: 0) {
                    idle.environment
                } else {
                    nil
                }
            }.get()
        }
        let near = try environment(0, on: here).0
        let far = try (1...8).map { try environment($0, on: there).0 }
        for environment in [near] + far { #expect(pool.push(environment, at: clock.now)) }
        // Eight others were used after it.
        #expect(try await taken() === far[7])
        #expect(try await taken() === near)
        #expect(try await taken() === far[6])
        try await group.shutdownGracefully()
    }

    @Test("there are never more environments than requests: the next request waits for one that is under way")
    func noMoreThanRequests() async throws {
        let pool = pool()
        pool.enter(key)
        pool.enter(key)
        guard case .ticket(_, .now) = await pool.ask(key),
            case .ticket(_, .now) = await pool.ask(key)
        else {
            Issue.record("two requests may start two")
            return
        }
        pool.leave(key)
        pool.enter(key)
        guard case .ticket(_, .never) = await pool.ask(key) else {
            Issue.record("a third request while two are asked for must wait")
            return
        }
    }

    /// Fourteen requests at once.
    private func burst(_ pool: EnvironmentPool) async -> (starting: [Int], waiting: [Int]) {
        for _ in 0..<14 { pool.enter(key) }
        var (starting, waiting): ([Int], [Int]) = ([], [])
        for _ in 0..<14 {
            switch await pool.ask(key) {
            case .ticket(let ticket, .now): starting.append(ticket)
            case .ticket(let ticket, .later(let isFirst)):
                #expect(isFirst == waiting.isEmpty)
                waiting.append(ticket)
            default: Issue.record("there are fewer environments than requests")
            }
        }
        #expect(starting.count == StartGate.atOnce && waiting.count == 4)
        return (starting, waiting)
    }

    @Test("of a burst ten start environments, the others in turn when one of those is up or all of them take long")
    func burst() async throws {
        let pool = pool()
        let (starting, waiting) = await burst(pool)
        #expect(pool.admit(key) == [] && pool.pause(key) == StartGate.youth)
        #expect(pool.settled(starting[0], key) == [waiting[0]])
        #expect(pool.fail(starting[1], key, .notStarted(CancellationError())) == [waiting[1]])
        #expect(pool.admit(key) == [])
        await clock.advance(by: StartGate.youth)
        #expect(pool.pause(key) == .zero && pool.admit(key) == Array(waiting[2...]))
        #expect(pool.pause(key) == nil)
    }

    @Test("a request that is served or cancelled while its start waits lets the next one in its place")
    func burstServed() async throws {
        let pool = pool()
        let (starting, waiting) = await burst(pool)
        #expect(pool.fail(waiting[0], key, .cancelled) == [])
        // The first in line are those whose environments start.
        for number in 0...10 { await pool.giveBack(try environment(number).0) }
        #expect(pool.settled(starting[0], key) == [waiting[2]])
    }

    @Test("a request whose start waits begins none when there are environments enough meanwhile")
    func burstOver() async throws {
        let pool = pool()
        let (starting, _) = await burst(pool)
        for _ in 0..<4 { pool.leave(key) }
        #expect(pool.settled(starting[0], key) == [])
        await clock.advance(by: StartGate.youth)
        #expect(pool.admit(key) == [] && pool.pause(key) == nil)
    }

    @Test("when the environment that a request waits for ends, the request asks again")
    func asksAgain() async throws {
        let pool = pool()
        let (environment, _) = try environment(1)
        let starting = pool.ticket(key)
        guard case .ticket(let dependent, .never) = await pool.ask(key) else {
            Issue.record("the second request of one must wait")
            return
        }
        pool.remove(environment)
        guard case .again = await pool.wait(dependent, key) else {
            Issue.record("nobody may wait for what is gone")
            return
        }
        _ = pool.fail(starting, key, .notStarted(CancellationError()))
        guard case .notStarted = await pool.wait(starting, key) else {
            Issue.record("whose environment is starting hears of that one only")
            return
        }
    }

    @Test("a request whose environment went to an earlier one waits like the others")
    func settled() async throws {
        let pool = pool()
        let (environment, _) = try environment(1)
        let ticket = pool.ticket(key)
        #expect(pool.settled(ticket, key) == [])
        pool.remove(environment)
        guard case .again = await pool.wait(ticket, key) else {
            Issue.record("it depends on others now")
            return
        }
    }

    @Test("an environment that comes back after its version was retired ends")
    func comesBackRetired() async throws {
        let pool = pool()
        let (environment, sandbox) = try environment(1)
        pool.enter(key)
        await pool.retire(key)
        await pool.giveBack(environment)
        #expect(sandbox.isKilled)
    }

    @Test("the most recently used environment is taken first")
    func mostRecent() async throws {
        let pool = pool()
        let (first, _) = try environment(1)
        let (second, _) = try environment(2)
        await pool.giveBack(first)
        await pool.giveBack(second)
        #expect(await take(pool) === second)
        #expect(await take(pool) === first)
        #expect(await take(pool) == nil)
    }

    @Test("a provisioned environment is taken before one that was started on demand, whichever was used last")
    func provisionedFirst() async throws {
        let pool = pool()
        let (provisioned, onDemand) = (try environment(1).0, try environment(2).0)
        provisioned.isProvisioned = true
        await pool.giveBack(provisioned)
        await pool.giveBack(onDemand)
        #expect(await take(pool) === provisioned)
        #expect(await take(pool) === onDemand)
    }

    @Test("a waiting request gets the environment that comes back first, in order of arrival")
    func waiting() async throws {
        let pool = pool()
        let (environment, _) = try environment(1)
        let early = pool.ticket(key)
        let late = pool.ticket(key)
        await pool.giveBack(environment)
        guard case .environment(let given) = await pool.wait(early, key) else {
            Issue.record("the first in line must be served")
            return
        }
        #expect(given === environment)
        _ = pool.fail(late, key, .cancelled)
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
        await pool.giveBack(environment)
        _ = pool.fail(ticket, key, .notStarted(CancellationError()))
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
        await pool.giveBack(environment)
        #expect(await take(pool) === environment)
    }

    @Test("for want of memory the longest idle go first, so many at most, and provisioned ones stay")
    func reapedForMemory() async throws {
        let pool = pool()
        var all: [(environment: ExecutionEnvironment, sandbox: PooledSandbox)] = []
        for number in 1...5 {
            all.append(try environment(number))
            all[number - 1].environment.isProvisioned = number == 1
            await pool.giveBack(all[number - 1].environment)
            await clock.advance(by: .seconds(1))
        }
        #expect(await pool.reap(atMost: 2) == 2)
        #expect(all.map(\.sandbox.isKilled) == [false, true, true, false, false])
        // What is provisioned is taken first, as it competes with nobody.
        #expect(await take(pool) === all[0].environment)
        #expect(await take(pool) === all[4].environment)
        #expect(await pool.reap(atMost: 10) == 1)
        #expect(all.map(\.sandbox.isKilled) == [false, true, true, true, false])
    }

    @Test("an idle environment is frozen after its pause and thawed when it is taken")
    func freezing() async throws {
        let pool = pool { $0.freezeAfter = .milliseconds(50) }
        let (environment, sandbox) = try environment(1)
        await pool.giveBack(environment)
        await pool.tend()
        #expect(!sandbox.isFrozen)
        await clock.advance(by: .milliseconds(51))
        await pool.tend()
        #expect(sandbox.isFrozen)
        #expect(await take(pool) === environment)
        #expect(!sandbox.isFrozen)
    }

    @Test("an environment that nobody needs ends, and so does one that is too old")
    func reaping() async throws {
        let pool = pool {
            $0.reapAfter = .seconds(600)
            $0.maximumAge = .seconds(1_000)
        }
        let (idle, idleSandbox) = try environment(1)
        await pool.giveBack(idle)
        await clock.advance(by: .seconds(601))
        await pool.tend()
        #expect(idleSandbox.isKilled)
        #expect(await take(pool) == nil)
        let (old, oldSandbox) = try environment(2)
        await clock.advance(by: .seconds(1_000))
        await pool.giveBack(old)
        #expect(await take(pool) == nil)
        #expect(oldSandbox.isKilled)
    }

    @Test("a full node ends its longest idle environment for a new one, and refuses when none is idle")
    func full() async throws {
        let pool = pool { $0.maximumEnvironments = 1 }
        let (environment, sandbox) = try environment(1)
        #expect(await pool.makeRoom())
        #expect(await !pool.makeRoom())
        await pool.giveBack(environment)
        #expect(await pool.makeRoom())
        #expect(sandbox.isKilled)
    }

    @Test("a retired version's idle environments end")
    func retired() async throws {
        let pool = pool()
        let (environment, sandbox) = try environment(1)
        await pool.giveBack(environment)
        #expect(pool.keys(of: "f", in: key.scope) == [key])
        await pool.retire(key)
        #expect(sandbox.isKilled)
    }
}
