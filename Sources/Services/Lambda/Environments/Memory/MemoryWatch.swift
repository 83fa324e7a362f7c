// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import ServiceLifecycle

/// What shortage of memory has cost since the server started.
package struct MemoryFigures: Sendable {
    package var isShort = false
    package var environmentsReaped = 0
}

/// Looks at the host's memory at regular times, and lets go of what only waits when there is too little. See `MemoryPressure`.
final class MemoryWatch: Service {
    private struct Seen {
        var pressure = MemoryPressure()
        var figures = MemoryFigures()
    }

    private let pool: EnvironmentPool
    /// Nil where there are none.
    private let cells: StemCells?
    private let source: any MemorySource
    private let clock: any WallClock
    private let logger: Logger
    private let seen = NIOLockedValueBox(Seen())
    static let interval: Duration = .seconds(1)
    /// With nothing to let go of, an idle server need not wake up for it.
    static let restingInterval: Duration = .seconds(10)

    init(pool: EnvironmentPool, cells: StemCells?, source: any MemorySource, clock: any WallClock, logger: Logger) {
        (self.pool, self.cells, self.source, self.clock, self.logger) = (pool, cells, source, clock, logger)
    }

    var figures: MemoryFigures { seen.withLockedValue { $0.figures } }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // Cancellation ends the wait and with it the loop.
            while (try? await self.clock.sleep(for: self.isIdle ? Self.restingInterval : Self.interval)) != nil {
                await self.look()
            }
        }
    }

    private var isIdle: Bool {
        pool.environments == 0 && (cells?.figures.waiting ?? 0) == 0 && !figures.isShort
    }

    func look() async {
        guard let reading = source.read() else { return }
        let action = seen.withLockedValue { seen in
            let action = seen.pressure.observe(reading)
            seen.figures.isShort = seen.pressure.state != .ample
            return action
        }
        switch action {
        case .none: return
        case .recover: cells?.allow(true)
        case .dropCells:
            logger.warning(
                "the host is short of memory: runtimes that wait are let go, then idle environments",
                metadata: [
                    "available": "\(reading.availableBytes >> 20) MiB", "total": "\(reading.totalBytes >> 20) MiB",
                ]
            )
            cells?.allow(false)
        case .reap(let most):
            let reaped = await pool.reap(atMost: most)
            seen.withLockedValue { $0.figures.environmentsReaped += reaped }
        }
    }
}
