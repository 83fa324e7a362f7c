// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOPosix
import Testing

@testable import Lambda

/// The processors, as a test has them.
private final class FakeHost: Sendable {
    private let state = NIOLockedValueBox((isIdle: false, isSilent: false))
    let clock = MemoryClock()

    func set(isIdle: Bool = false, isSilent: Bool = false) { state.withLockedValue { $0 = (isIdle, isSilent) } }

    var load: ProcessorLoad {
        ProcessorLoad(processors: 2) { [self] in
            let (isIdle, isSilent) = state.withLockedValue { $0 }
            let up = Int(clock.monotonicMicroseconds / 1_000)
            return isSilent ? nil : ProcessorReading(upMilliseconds: up, idleMilliseconds: isIdle ? up : up / 2)
        }
    }
}

@Suite("Stem cells are booted", .timeLimit(.minutes(20))) struct StemCellRefillTests {
    private func run(_ body: (FakeHost, StemCells, HollowDriver) async throws -> Void) async throws {
        let (host, driver, supervisor) = (FakeHost(), HollowDriver(), Supervisor())
        let cells = StemCells(
            .init(),
            driver: driver,
            doors: DoorKeeper(eventLoops: MultiThreadedEventLoopGroup.singleton),
            supervisor: supervisor,
            clock: host.clock,
            load: host.load,
            ids: SystemIDSource(),
            logger: Logger(label: "test")
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await supervisor.run() }
            group.addTask { try await cells.run() }
            let result: Result<Void, any Error>
            do { result = .success(try await body(host, cells, driver)) } catch { result = .failure(error) }
            for sandbox in driver.sandboxes { await sandbox.kill() }
            group.cancelAll()
            try result.get()
        }
    }

    private func deploy(_ count: Int, on cells: StemCells) throws -> (StemCellKind, LaunchPlan, [VersionKey]) {
        let bench = StemCellTests()
        let (plan, version) = (bench.plan(), bench.version())
        let kind = try #require(StemCellKind(plan, version))
        let keys = (0..<count).map { index in
            var key = version.key
            key.functionName = "f\(index)"
            return key
        }
        for key in keys { cells.expect(kind, plan, newcomer: key) }
        return (kind, plan, keys)
    }

    private func until(_ count: Int, _ cells: StemCells, _ host: FakeHost) async {
        while cells.figures.waiting != count { await host.clock.advance(by: .milliseconds(10)) }
    }

    @Test("for functions that were just deployed while processors are idle, the few that a kind always has in any case")
    func spare() async throws {
        try await run { host, cells, driver in
            let (kind, plan, keys) = try deploy(7, on: cells)
            await until(2, cells, host)
            for _ in 0..<20 { await host.clock.advance(by: .milliseconds(50)) }
            #expect(cells.figures.waiting == 2 && driver.sandboxes.count == 2)
            host.set(isSilent: true)
            for _ in 0..<20 { await host.clock.advance(by: .milliseconds(50)) }
            #expect(cells.figures.waiting == 2 && driver.sandboxes.count == 2)
            host.set(isIdle: true)
            await until(7, cells, host)
            // Whoever was invoked wants none any more.
            for key in keys.prefix(4) { #expect(cells.take(kind, plan, for: key) != nil) }
            // A burst of four may come again; that is more than the three who were not invoked.
            await until(4, cells, host)
            for _ in 0..<20 { await host.clock.advance(by: .milliseconds(50)) }
            #expect(cells.figures.waiting == 4 && driver.sandboxes.count == 8)
        }
    }

    @Test("no more after two minutes in which nobody was invoked")
    func expiry() async throws {
        try await run { host, cells, driver in
            _ = try deploy(5, on: cells)
            host.set(isIdle: true)
            await until(5, cells, host)
            await host.clock.advance(by: .seconds(130))
            await until(2, cells, host)
            #expect(driver.sandboxes.count { $0.isKilled } == 3)
        }
    }
}
