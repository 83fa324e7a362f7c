// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

extension ExecutionEnvironment {
    func tellStart(_ invocation: Invocation, _ version: ExecutableVersion) {
        log.telemetry.post(
            .start(
                requestID: invocation.id,
                version: version.key.version,
                traceHeader: invocation.traceHeader,
                tenantID: version.key.tenantID
            )
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
            latency: result.latency,
            producedBytes: 0,
            tenantID: key.tenantID
        )
        switch result.outcome {
        case .success(let payload): done.producedBytes = payload.readableBytes
        case .failure(let error):
            done.status = error.status
            done.errorType = error.errorType
            done.producedBytes = error.payload.readableBytes
        case .notStarted: break
        }
        // What has gone out piece by piece is in no payload.
        if let streamed = invocation.relay?.received.bytes, streamed > 0 { done.producedBytes = streamed }
        return done
    }
}
