// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import Sandbox

/// The warm environments of this node. Most recently used first; a request that finds none starts one and takes whichever
/// is ready first: its own, or one that comes back meanwhile.
///
/// Holds only what this node can lose. One lock per function version on the hot path; across functions there are those of the
/// map, which is in parts, for the time of a look.
final class EnvironmentPool: Sendable {
    struct Configuration: Sendable {
        /// An idle environment is frozen after this long, as on AWS nothing runs between invocations.
        var freezeAfter: Duration = .milliseconds(50)
        /// An idle environment ends after this long.
        var reapAfter: Duration = .seconds(600)
        /// Before its role credentials run out.
        var maximumAge: Duration = .seconds(11 * 3_600)
        /// A provisioned one is replaced from here on, so that no request finds one too old.
        var renewAfter: Duration = .seconds(10 * 3_600)
        /// Of all functions on this node; a start beyond it first ends the longest idle one.
        var maximumEnvironments = 1_000

        init() {}
    }

    private let configuration: Configuration
    private let clock: any WallClock
    private let load: ProcessorLoad
    private let pools = Striped<[VersionKey: VersionPool]>(16) { [:] }
    private let count = NIOLockedValueBox(0)

    init(configuration: Configuration, clock: any WallClock, load: ProcessorLoad = ProcessorLoad()) {
        self.configuration = configuration
        self.clock = clock
        self.load = load
    }

    /// A request for that version begins; `leave` must follow. There are never more environments than requests want.
    func enter(_ key: VersionKey) { withPool(key) { $0.enter() } }

    func leave(_ key: VersionKey) { pool(key).leave() }

    enum Offer: Sendable {
        /// An idle one, thawed.
        case environment(ExecutionEnvironment)
        /// None is idle: `wait` with the ticket.
        case ticket(WaiterID, Start)
    }

    /// What a waiting request does for an environment.
    enum Start: Sendable {
        /// It starts one, as there are fewer than requests.
        case now
        /// There are fewer than requests, but enough are starting: its turn comes by `settled`, `fail` or `admit`. After the
        /// first of those that wait, somebody has to look: see `pause`.
        case later(isFirst: Bool)
        /// One that is busy, starting or being frozen will come.
        case never
    }

    /// Looks for an environment, or gets in line for one: in one step, so that none comes back unnoticed in between.
    ///
    /// - Parameter isPatient: whether nobody waits for the answer.
    func ask(_ key: VersionKey, isPatient: Bool = false) async -> Offer {
        while true {
            let now = clock.monotonicMicroseconds
            switch pool(key).ask(isPatient: isPatient, isBusy: isPatient && load.isSaturated(at: now), at: now) {
            case .ticket(let ticket, let start): return .ticket(ticket, start)
            case .idle(let idle):
                if await isReady(idle) { return .environment(idle.environment) }
                await idle.environment.dismiss()
            }
        }
    }

    /// The requests that were told `later` and are to start an environment now.
    func admit(_ key: VersionKey) -> [WaiterID] {
        let now = clock.monotonicMicroseconds
        return pool(key).admit(isBusy: load.isSaturated(at: now), at: now)
    }

    /// How long until `admit` is to be called; nil when nobody waits for it any more.
    func pause(_ key: VersionKey) -> Duration? {
        let now = clock.monotonicMicroseconds
        return pool(key).pause(isBusy: load.isSaturated(at: now), at: now)
    }

    /// `admit` will not be called.
    func unwatch(_ key: VersionKey) { pool(key).unwatch() }

    private func isReady(_ idle: VersionPool.Idle) async -> Bool {
        guard clock.now - idle.environment.startedAt < configuration.maximumAge, idle.environment.isUsable else {
            return false
        }
        // A sandbox that cannot be thawed has ended; the next one is as good.
        return idle.isFrozen ? (try? await idle.environment.thaw()) != nil : true
    }

    /// Whether another should be there in its place before long.
    func isAgeing(_ environment: ExecutionEnvironment) -> Bool {
        clock.now - environment.startedAt >= configuration.renewAfter
    }

    /// What a waiting request gets.
    enum Turn: Sendable {
        case environment(ExecutionEnvironment)
        /// The environment that was started for this request did not come up.
        case failed(InitFailure)
        /// It could not even be started.
        case notStarted(any Error)
        /// What it waited for is gone: ask again.
        case again
        case cancelled
    }

    /// Names a waiting request.
    typealias WaiterID = Int

    /// Puts a request in line that will start an environment of its own in any case.
    func ticket(_ key: VersionKey) -> WaiterID { pool(key).ticketForStart() }

    /// An environment is about to start that no request has asked for.
    func expect(_ key: VersionKey) { withPool(key) { $0.expect() } }

    /// An environment that is provisioned no longer: ended when it is idle, else one like any other from now on.
    func dismiss(_ environment: ExecutionEnvironment) async {
        environment.isProvisioned = false
        if pool(environment.key).take(environment) { await environment.dismiss() }
    }

    /// Waits until an environment is given back or the one started for `ticket` has failed. Cancellable.
    func wait(_ ticket: WaiterID, _ key: VersionKey) async -> Turn { await pool(key).wait(ticket) }

    /// Ends the wait of `ticket`, unless it has been served by another environment meanwhile. Returns the requests that are to
    /// start an environment now, as its start is over.
    func fail(_ ticket: WaiterID, _ key: VersionKey, _ turn: Turn) -> [WaiterID] {
        let now = clock.monotonicMicroseconds
        return pool(key).fail(ticket, turn, isBusy: load.isSaturated(at: now), at: now)
    }

    /// To whoever waits first, else to the idle ones; ended when its version is retired.
    func giveBack(_ environment: ExecutionEnvironment) async {
        if !pool(environment.key).push(environment, at: clock.now) { await environment.dismiss() }
    }

    /// The environment has ended; it must not be handed out again.
    func remove(_ environment: ExecutionEnvironment) {
        pool(environment.key).forget(environment)
        count.withLockedValue { $0 -= 1 }
    }

    /// The environment that was started for `ticket` is up and given to whoever waited first. Returns as `fail`.
    func settled(_ ticket: WaiterID, _ key: VersionKey) -> [WaiterID] {
        let now = clock.monotonicMicroseconds
        return pool(key).settled(ticket, isBusy: load.isSaturated(at: now), at: now)
    }

    /// The start that was asked for did not take place.
    func startFailed(_ key: VersionKey, tookRoom: Bool) {
        pool(key).startFailed()
        if tookRoom { count.withLockedValue { $0 -= 1 } }
    }

    /// Counts a new environment in. When the node is full, the longest idle one goes first; false when none is idle.
    func makeRoom() async -> Bool {
        if reserve() { return true }
        guard let oldest = oldest(),
            known(oldest.environment.key)?.take(oldest.environment) == true
        else { return false }
        await oldest.environment.dismiss()
        return reserve(force: true)
    }

    /// Of an environment that never was in the pool.
    func giveRoomBack() { count.withLockedValue { $0 -= 1 } }

    private func reserve(force: Bool = false) -> Bool {
        count.withLockedValue { count in
            guard force || count < configuration.maximumEnvironments else { return false }
            count += 1
            return true
        }
    }

    /// Freezes, reaps and forgets; called every few tens of milliseconds.
    func tend() async {
        let now = clock.now
        for (key, pool) in pools.map({ $0 }).joined() {
            for environment in pool.reap(idleSince: now - configuration.reapAfter) { await environment.dismiss() }
            await pool.freeze(idleSince: now - configuration.freezeAfter)
            if pool.isUnused { pools.withValue(for: key) { if $0[key]?.isUnused == true { $0[key] = nil } } }
        }
    }

    /// Ends idle environments, the longest idle first, at most so many; provisioned ones stay. Returns how many went.
    func reap(atMost count: Int) async -> Int {
        var reaped = 0
        while reaped < count, let idle = oldest() {
            // One that was taken meanwhile is at work, and the next look finds another.
            guard known(idle.environment.key)?.take(idle.environment) == true else { break }
            await idle.environment.dismiss()
            reaped += 1
        }
        return reaped
    }

    private func oldest() -> VersionPool.Idle? {
        all.compactMap { $0.oldest() }.min { $0.since < $1.since }
    }

    /// The versions of a function that have, or had lately, environments here.
    func keys(of function: String, in scope: Scope) -> [VersionKey] {
        keys().filter { $0.scope == scope && $0.functionName == function }
    }

    func keys() -> [VersionKey] { pools.map { Array($0.keys) }.flatMap(\.self) }

    /// Ends the idle environments of one version now, and those that are busy, starting or being frozen when they come back.
    /// A later request for the version revokes it.
    func retire(_ key: VersionKey) async {
        for environment in known(key)?.retire() ?? [] { await environment.dismiss() }
    }

    func stopAll() async {
        let idle = all.flatMap { $0.reap(idleSince: nil) }
        // Together: a shutdown phase may take its two seconds.
        await withDiscardingTaskGroup { group in
            for environment in idle { group.addTask { await environment.stop() } }
        }
    }

    var environments: Int { count.withLockedValue { $0 } }

    private func pool(_ key: VersionKey) -> VersionPool { withPool(key) { $0 } }

    /// What is done in here is done before the pool could be forgotten as unused.
    private func withPool<Result>(_ key: VersionKey, _ body: (VersionPool) -> Result) -> Result {
        pools.withValue(for: key) { pools in
            if let pool = pools[key] { return body(pool) }
            let pool = VersionPool()
            pools[key] = pool
            return body(pool)
        }
    }

    private func known(_ key: VersionKey) -> VersionPool? { pools.withValue(for: key) { $0[key] } }

    private var all: [VersionPool] { pools.map { Array($0.values) }.flatMap(\.self) }
}
