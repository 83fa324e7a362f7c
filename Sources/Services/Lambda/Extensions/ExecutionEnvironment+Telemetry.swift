// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

extension ExecutionEnvironment {
    func tellStart(_ invocation: Invocation, _ version: ExecutableVersion) {
        log.telemetry.post(
            .start(requestID: invocation.id, version: version.key.version, traceHeader: invocation.traceHeader)
        )
    }

    func tellRuntimeDone(_ invocation: Invocation, _ result: InvocationResult) {
        log.telemetry.post(.runtimeDone(runtimeDone(invocation, result)))
    }

    private func runtimeDone(_ invocation: Invocation, _ result: InvocationResult) -> TelemetryEvent.RuntimeDone {
        var done = TelemetryEvent.RuntimeDone(
            requestID: invocation.id,
            handedAt: clock.now - result.duration,
            duration: result.duration,
            producedBytes: 0
        )
        switch result.outcome {
        case .success(let payload): done.producedBytes = payload.readableBytes
        case .failure(let error):
            done.status = error.status
            done.errorType = error.errorType
            done.producedBytes = error.payload.readableBytes
        case .notStarted: break
        }
        return done
    }
}
