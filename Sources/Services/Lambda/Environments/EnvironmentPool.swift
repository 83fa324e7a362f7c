// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import Sandbox

/// The warm environments of this node. Most recently used first; a request that finds none starts one and takes whichever
/// is ready first: its own, or one that comes back meanwhile.
///
/// Holds only what this node can lose. One lock per function version on the hot path, none across functions but the map's.
final class EnvironmentPool: Sendable {
    struct Configuration: Sendable {
        /// An idle environment is frozen after this long, as on AWS nothing runs between invocations.
        var freezeAfter: Duration = .milliseconds(50)
        /// An idle environment ends after this long.
        var reapAfter: Duration = .seconds(600)
        /// Before its role credentials run out.
        var maximumAge: Duration = .seconds(11 * 3_600)
        /// Of all functions on this node; a start beyond it first ends the longest idle one.
        var maximumEnvironments = 1_000

        init() {}
    }

    private let configuration: Configuration
    private let clock: any WallClock
    private let pools = NIOLockedValueBox<[VersionKey: VersionPool]>([:])
    private let count = NIOLockedValueBox(0)

    init(configuration: Configuration, clock: any WallClock) {
        self.configuration = configuration
        self.clock = clock
    }

    /// An idle environment of that version, thawed; nil when there is none.
    func takeIdle(_ key: VersionKey) async -> ExecutionEnvironment? {
        while let idle = pools.withLockedValue({ $0[key] })?.pop() {
            guard clock.now - idle.environment.startedAt < configuration.maximumAge else {
                await idle.environment.stop()
                continue
            }
            if idle.isFrozen {
                // A sandbox that cannot be thawed has ended; the next one is as good.
                guard (try? await idle.environment.sandbox.thaw()) != nil else {
                    await idle.environment.stop()
                    continue
                }
            }
            return idle.environment
        }
        return nil
    }

    /// What a waiting request gets.
    enum Turn: Sendable {
        case environment(ExecutionEnvironment)
        /// The environment that was started for this request did not come up.
        case failed(ExecutionEnvironment.InitFailure)
        /// It could not even be started.
        case notStarted(any Error)
        case cancelled
    }

    /// Names a waiting request.
    typealias WaiterID = Int

    /// Puts a request in line, before the environment for it is started.
    func ticket(_ key: VersionKey) -> WaiterID { pool(key).ticket() }

    /// Waits until an environment is given back or the one started for `ticket` has failed. Cancellable.
    func wait(_ ticket: WaiterID, _ key: VersionKey) async -> Turn { await pool(key).wait(ticket) }

    /// Ends the wait of `ticket`, unless it has been served by another environment meanwhile.
    func fail(_ ticket: WaiterID, _ key: VersionKey, _ turn: Turn) { pool(key).resolve(ticket, turn) }

    func giveBack(_ environment: ExecutionEnvironment) { pool(environment.key).push(environment, at: clock.now) }

    /// The environment has ended; it must not be handed out again.
    func remove(_ environment: ExecutionEnvironment) {
        pools.withLockedValue { $0[environment.key] }?.remove(environment)
        count.withLockedValue { $0 -= 1 }
    }

    /// Counts a new environment in. When the node is full, the longest idle one goes first; false when none is idle.
    func makeRoom() async -> Bool {
        if reserve() { return true }
        guard
            let oldest = pools.withLockedValue({ Array($0.values) }).compactMap({ $0.oldest() }).min(by: {
                $0.since < $1.since
            }),
            pools.withLockedValue({ $0[oldest.environment.key] })?.remove(oldest.environment) == true
        else { return false }
        await oldest.environment.stop()
        return reserve(force: true)
    }

    private func reserve(force: Bool = false) -> Bool {
        count.withLockedValue { count in
            guard force || count < configuration.maximumEnvironments else { return false }
            count += 1
            return true
        }
    }

    /// A start failed before there was an environment.
    func giveRoomBack() { count.withLockedValue { $0 -= 1 } }

    /// Freezes, reaps and forgets; called every few tens of milliseconds.
    func tend() async {
        let now = clock.now
        let all = pools.withLockedValue { $0 }
        for (key, pool) in all {
            for environment in pool.reap(idleSince: now - configuration.reapAfter) { await environment.stop() }
            await pool.freeze(idleSince: now - configuration.freezeAfter)
            if pool.isUnused { pools.withLockedValue { if $0[key]?.isUnused == true { $0[key] = nil } } }
        }
    }

    /// The versions of a function that have, or had lately, environments here.
    func keys(of function: String, in scope: Scope) -> [VersionKey] {
        pools.withLockedValue { $0.keys.filter { $0.scope == scope && $0.functionName == function } }
    }

    func keys() -> [VersionKey] { pools.withLockedValue { Array($0.keys) } }

    /// Ends the idle environments of one version.
    func retire(_ key: VersionKey) async {
        for environment in pools.withLockedValue({ $0[key] })?.reap(idleSince: nil) ?? [] { await environment.stop() }
    }

    func stopAll() async {
        for pool in pools.withLockedValue({ Array($0.values) }) {
            for environment in pool.reap(idleSince: nil) { await environment.stop() }
        }
    }

    var environments: Int { count.withLockedValue { $0 } }

    private func pool(_ key: VersionKey) -> VersionPool {
        pools.withLockedValue { pools in
            if let pool = pools[key] { return pool }
            let pool = VersionPool()
            pools[key] = pool
            return pool
        }
    }
}

/// The idle environments of one function version, and who waits for one.
private final class VersionPool: Sendable {
    struct Idle: Sendable {
        let environment: ExecutionEnvironment
        let since: Instant
        var isFrozen = false
    }

    typealias Turn = EnvironmentPool.Turn

    private enum Waiter {
        /// Has its place in line and does not wait yet.
        case inLine
        case waiting(CheckedContinuation<Turn, Never>)
        /// Was served before it began to wait.
        case served(Turn)
    }

    private struct State {
        /// The last is the most recently used.
        var idle: [Idle] = []
        /// In order of arrival.
        var line: [Int] = []
        var waiters: [Int: Waiter] = [:]
        var nextTicket = 0

        /// Takes the first in line out; the caller resumes the continuation outside the lock.
        mutating func serveFirst(_ turn: Turn) -> (isServed: Bool, resume: CheckedContinuation<Turn, Never>?) {
            guard let first = line.first else { return (false, nil) }
            return (true, serve(first, turn))
        }

        mutating func serve(_ ticket: Int, _ turn: Turn) -> CheckedContinuation<Turn, Never>? {
            guard let index = line.firstIndex(of: ticket) else { return nil }
            line.remove(at: index)
            if case .waiting(let continuation) = waiters.removeValue(forKey: ticket) { return continuation }
            waiters[ticket] = .served(turn)
            return nil
        }
    }

    private let state = NIOLockedValueBox(State())

    func pop() -> Idle? { state.withLockedValue { $0.idle.popLast() } }

    func push(_ environment: ExecutionEnvironment, at now: Instant) {
        let resume = state.withLockedValue { state in
            let (isServed, resume) = state.serveFirst(.environment(environment))
            if !isServed { state.idle.append(Idle(environment: environment, since: now)) }
            return resume
        }
        resume?.resume(returning: .environment(environment))
    }

    func ticket() -> Int {
        state.withLockedValue { state in
            state.nextTicket += 1
            state.line.append(state.nextTicket)
            state.waiters[state.nextTicket] = .inLine
            return state.nextTicket
        }
    }

    func wait(_ ticket: Int) async -> Turn {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let turn = state.withLockedValue { state -> Turn? in
                    if case .served(let turn) = state.waiters[ticket] {
                        state.waiters[ticket] = nil
                        return turn
                    }
                    state.waiters[ticket] = .waiting(continuation)
                    return nil
                }
                if let turn { continuation.resume(returning: turn) }
            }
        } onCancel: {
            resolve(ticket, .cancelled)
        }
    }

    func resolve(_ ticket: Int, _ turn: Turn) {
        let resume = state.withLockedValue { $0.serve(ticket, turn) }
        resume?.resume(returning: turn)
    }

    @discardableResult
    func remove(_ environment: ExecutionEnvironment) -> Bool {
        state.withLockedValue { state in
            guard let index = state.idle.firstIndex(where: { $0.environment === environment }) else { return false }
            state.idle.remove(at: index)
            return true
        }
    }

    /// Takes out those idle since before `instant`; all of them when nil.
    func reap(idleSince instant: Instant?) -> [ExecutionEnvironment] {
        state.withLockedValue { state in
            let old = state.idle.filter { instant == nil || $0.since < instant ?? $0.since }
            guard !old.isEmpty else { return [] }
            state.idle.removeAll { idle in old.contains { $0.environment === idle.environment } }
            return old.map(\.environment)
        }
    }

    /// Each is taken out while it is being frozen, so that nobody gets a half frozen one.
    func freeze(idleSince instant: Instant) async {
        while true {
            let next = state.withLockedValue { state -> Idle? in
                guard let index = state.idle.firstIndex(where: { !$0.isFrozen && $0.since < instant }) else {
                    return nil
                }
                return state.idle.remove(at: index)
            }
            guard var idle = next else { return }
            // One that cannot be frozen has ended, and its `run` removes it.
            idle.isFrozen = (try? await idle.environment.sandbox.freeze()) != nil
            guard idle.isFrozen else { continue }
            await putBack(idle)
        }
    }

    /// A request may have begun to wait meanwhile: then it gets this one, thawed.
    private func putBack(_ idle: Idle) async {
        let hasWaiters = state.withLockedValue { state in
            guard state.line.isEmpty else { return true }
            state.idle.append(idle)
            state.idle.sort { $0.since < $1.since }
            return false
        }
        guard hasWaiters else { return }
        // One that cannot be thawed has ended; the waiting request has an environment of its own on the way.
        guard (try? await idle.environment.sandbox.thaw()) != nil else { return }
        push(idle.environment, at: idle.since)
    }

    func oldest() -> Idle? { state.withLockedValue { $0.idle.first } }

    var isUnused: Bool { state.withLockedValue { $0.idle.isEmpty && $0.waiters.isEmpty } }
}
