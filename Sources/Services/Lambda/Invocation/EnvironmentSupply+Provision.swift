// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Sandbox

extension EnvironmentSupply {
    enum Provision: Sendable {
        case ready
        /// In AWS's words for a StatusReason.
        case failed(String)
    }

    /// Starts an environment that waits for invocations, and gives it to the pool once it is initialised. `onStart` gets it
    /// before that, `onEnd` runs once it is gone. AWS: provisioned concurrency
    func provision(
        _ version: ExecutableVersion,
        onStart: @Sendable (ExecutionEnvironment) -> Void,
        onEnd: @escaping @Sendable () -> Void
    ) async -> Provision {
        let key = version.key
        guard ledger.mayStart(key.functionName, in: key.scope, at: clock.monotonicMicroseconds), await pool.makeRoom()
        else { return .failed("There is no room for more environments on this host.") }
        pool.expect(key)
        let environment: ExecutionEnvironment
        do {
            environment = try await starter.start(version, initialization: .provisioned)
        } catch {
            pool.startFailed(key, tookRoom: true)
            return .failed("The environment could not be started: \(error)")
        }
        environment.isProvisioned = true
        onStart(environment)
        supervisor.submit {
            await environment.run()
            pool.remove(environment)
            onEnd()
        }
        let began = clock.monotonicMicroseconds
        switch await environment.initialized(within: .seconds(LambdaLimits.provisionedInitSeconds)) {
        case .ready:
            await applyCPUShare(environment, version)
            await pool.giveBack(environment)
            return .ready
        case .failed(let failure):
            environment.drainOutput()
            let duration = Duration.microseconds(clock.monotonicMicroseconds - began)
            await environment.tellFailedInit(version, failure, duration, nil, meter)
            await environment.stop(.failure)
            return .failed("FUNCTION_ERROR_INIT_FAILURE")
        }
    }
}
