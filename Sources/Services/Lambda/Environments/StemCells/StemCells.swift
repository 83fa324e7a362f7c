// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import Sandbox
import ServiceLifecycle

/// What came of the stem cells since the server started.
package struct StemCellFigures: Sendable {
    package var hits = 0
    package var misses = 0
    package var waiting = 0
}

/// One of them: a sandbox whose doors are open already, though nobody's yet.
struct StemCell: Sendable {
    let sandbox: any Sandbox
    let doors: EnvironmentDoors
    let startedAt: Instant

    func end() async {
        doors.close()
        await sandbox.kill()
    }
}

/// Sandboxes booted ahead, each with a runtime in it and nothing of any function. One function version claims one, uses it
/// as its environment, and it is never given back.
///
/// Each is executed on its own, so it has an address layout and random state of its own. Refilling happens beside the
/// requests' path, one cell at a time.
final class StemCells: Service {
    private struct State {
        var stock: StemCellStock
        var cells: [StemCellKind: [StemCell]] = [:]
        /// Mounts and such that a kind is booted with.
        var recipes: [StemCellKind: [SandboxMount]] = [:]
        var isOver = false
        /// The host is short of memory: there are to be none.
        var isShort = false

        mutating func targets(at now: Instant) -> [StemCellKind: StemCellStock.Target] {
            let targets = stock.targets(at: now)
            return isShort ? targets.mapValues { _ in .init() } : targets
        }

        /// The kind that lacks the most: of what is needed, or else of what may be spared.
        mutating func next(at now: Instant) -> (kind: StemCellKind, isSpare: Bool)? {
            let targets = targets(at: now)
            func most(_ wanted: (StemCellStock.Target) -> Int) -> StemCellKind? {
                let lacks = targets.map { kind, target in
                    (kind: kind, count: wanted(target) - (cells[kind]?.count ?? 0))
                }
                return lacks.max { $0.count < $1.count }.flatMap { $0.count > 0 ? $0.kind : nil }
            }
            return most(\.needed).map { ($0, false) } ?? most(\.total).map { ($0, true) }
        }

        var count: Int { cells.values.reduce(0) { $0 + $1.count } }

        mutating func take(_ kind: StemCellKind, near eventLoop: (any EventLoop)?, at now: Instant) -> StemCell? {
            let waiting = (cells[kind] ?? []).map { cell in
                (startedAt: cell.startedAt, isNear: eventLoop.map { $0 === cell.doors.eventLoop } ?? false)
            }
            return StemCellStock.choice(among: waiting, at: now).flatMap { cells[kind]?.remove(at: $0) }
        }
    }

    let driver: any SandboxDriver
    private let doors: DoorKeeper
    private let clock: any WallClock
    private let load: ProcessorLoad
    private let ids: any IDSource
    private let supervisor: Supervisor
    private let logger: Logger
    private let state: NIOLockedValueBox<State>
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    /// After a claim, refilling waits this long for the requests to go first.
    private static let pause: Duration = .milliseconds(10)
    private static let lookInterval: Duration = .seconds(10)
    /// The processors are watched that long; what they can do in it besides is some four cells each.
    private static let idleTime: Duration = .milliseconds(50)
    private static let sparedByProcessor = 4

    init(
        _ configuration: StemCellStock.Configuration,
        driver: any SandboxDriver,
        doors: DoorKeeper,
        supervisor: Supervisor,
        clock: any WallClock,
        load: ProcessorLoad = ProcessorLoad(),
        ids: any IDSource,
        logger: Logger
    ) {
        self.driver = driver
        self.load = load
        self.doors = doors
        self.supervisor = supervisor
        self.clock = clock
        self.ids = ids
        self.logger = logger
        state = NIOLockedValueBox(State(stock: StemCellStock(configuration)))
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How often a new environment found a cell, how often it did not, and how many wait now.
    var figures: StemCellFigures {
        state.withLockedValue { StemCellFigures(hits: $0.stock.hits, misses: $0.stock.misses, waiting: $0.count) }
    }

    /// A function of that kind exists, so cells should; one for itself where it has just been deployed.
    func expect(_ kind: StemCellKind, _ plan: LaunchPlan, newcomer: VersionKey? = nil) {
        state.withLockedValue { state in
            state.stock.expect(kind, newcomer: newcomer, at: clock.now)
            state.recipes[kind] = Self.recipe(plan)
        }
        waker.yield()
    }

    private static func recipe(_ plan: LaunchPlan) -> [SandboxMount] {
        plan.mounts.filter { !StemCellKind.isOfVersion($0) }
    }

    /// Whether there may be cells. Without, those that wait end and none are booted; what is wanted is still counted.
    func allow(_ isAllowed: Bool) {
        state.withLockedValue { $0.isShort = !isAllowed }
        waker.yield()
    }

    /// A waiting cell, which is the caller's from now on; of several one whose doors are on that event loop.
    func take(
        _ kind: StemCellKind,
        _ plan: LaunchPlan,
        for version: VersionKey,
        near eventLoop: (any EventLoop)? = nil
    ) -> StemCell? {
        let cell = state.withLockedValue { state in
            let cell = state.take(kind, near: eventLoop, at: clock.now)
            state.stock.wanted(kind, for: version, found: cell != nil, at: clock.now)
            state.recipes[kind] = Self.recipe(plan)
            return cell
        }
        waker.yield()
        return cell
    }

    func run() async throws {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.look() }
            for await _ in wake.cancelOnGracefulShutdown() { await self.refill() }
            group.cancelAll()
        }
        let rest = state.withLockedValue { state in
            state.isOver = true
            defer { state.cells = [:] }
            return state.cells.values.flatMap { $0 }
        }
        for cell in rest { await cell.end() }
    }

    /// Kinds go out of use without anybody's word.
    private func look() async {
        await cancelWhenGracefulShutdown {
            // Cancellation ends the wait and with it the loop.
            while (try? await self.clock.sleep(for: Self.lookInterval)) != nil { self.waker.yield() }
        }
    }

    private func refill() async {
        /// How many may boot before the processors are looked at again.
        var spared = 0
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            await dismiss()
            guard let next = state.withLockedValue({ $0.next(at: clock.now) }) else { return }
            if next.isSpare, spared == 0 {
                if await load.isIdle(for: Self.idleTime, clock) { spared = Self.sparedByProcessor * load.processors }
                // Others may want something else meanwhile.
                continue
            }
            if next.isSpare {
                spared -= 1
            } else {
                // A cancelled pause ends the service, which the loop's condition sees.
                try? await clock.sleep(for: Self.pause)
            }
            do {
                try await boot(next.kind, state.withLockedValue { $0.recipes[next.kind] ?? [] })
            } catch {
                // Requests start their environments plainly, and say what is wrong then.
                return logger.debug("cannot boot a stem cell", metadata: ["error": "\(error)"])
            }
        }
    }

    private func boot(_ kind: StemCellKind, _ mounts: [SandboxMount]) async throws {
        guard let id = SandboxID("cell-\(ids.hex(24))") else { return }
        let sandbox = try await driver.start(
            SandboxSpecification(
                id: id,
                command: kind.command,
                environment: kind.environment,
                mounts: mounts,
                limits: SandboxLimits(memoryBytes: kind.memoryMiB << 20),
                network: kind.network.sandbox,
                listeners: doors.listeners(kind.network),
                awaitsClaim: true,
                // An internal extension may want telemetry.
                isAttended: true
            )
        )
        let cell: StemCell
        do {
            cell = StemCell(
                sandbox: sandbox,
                doors: try await doors.open(sandbox, on: doors.eventLoops.next()),
                startedAt: clock.now
            )
        } catch {
            await sandbox.kill()
            throw error
        }
        let isKept = state.withLockedValue { state in
            if !state.isOver { state.cells[kind, default: []].append(cell) }
            return !state.isOver
        }
        guard isKept else { return await cell.end() }
        supervisor.submit { [self] in
            _ = await sandbox.waitForExit()
            forget(sandbox, kind)
        }
    }

    /// One that has ended, claimed or not, is not to be handed out. The doors of a claimed one are its environment's.
    private func forget(_ sandbox: any Sandbox, _ kind: StemCellKind) {
        let gone = state.withLockedValue { state -> StemCell? in
            guard let index = state.cells[kind]?.firstIndex(where: { $0.sandbox.id == sandbox.id }) else { return nil }
            return state.cells[kind]?.remove(at: index)
        }
        gone?.doors.close()
    }

    /// Ends what is more than wanted.
    private func dismiss() async {
        let surplus = state.withLockedValue { state in
            let targets = state.targets(at: clock.now)
            var surplus: [StemCell] = []
            for (kind, cells) in state.cells {
                let target = targets[kind]?.total ?? 0
                surplus += cells.dropFirst(target)
                state.cells[kind] = cells.isEmpty ? nil : Array(cells.prefix(target))
            }
            // Also of kinds that never had room for a cell.
            state.recipes = state.recipes.filter { targets[$0.key] != nil }
            return surplus
        }
        for cell in surplus { await cell.end() }
    }
}
