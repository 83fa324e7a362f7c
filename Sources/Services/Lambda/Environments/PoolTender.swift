// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Sandbox
import ServiceLifecycle

/// Freezes and reaps idle environments at regular times, and ends them all when the server stops.
struct PoolTender: Service {
    var pool: EnvironmentPool
    var drivers: [any SandboxDriver]
    var clock: any WallClock
    /// While there are environments; without any there is nothing to do, and an idle server should not wake up for it.
    var interval: Duration = .milliseconds(25)
    var restingInterval: Duration = .milliseconds(500)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // Cancellation ends the wait and with it the loop.
            while (try? await clock.sleep(for: pool.environments == 0 ? restingInterval : interval)) != nil {
                await pool.tend()
            }
        }
        await pool.stopAll()
        for driver in drivers { await driver.shutDown() }
    }
}
