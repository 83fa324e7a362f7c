// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

extension ExecutionEnvironment {
    /// Runs one invocation to its end. The caller owns the environment exclusively. On a timeout or a crash the sandbox is
    /// killed before this returns, so nothing of it runs on.
    func invoke(_ invocation: Invocation) async -> InvocationResult {
        await withCheckedContinuation { continuation in
            let action = state.withLockedValue { state in
                let action = state.isDoomed ? .refuse : state.session.dispatch(invocation)
                if action != .refuse { state.running = .init(invocation: invocation, finish: continuation) }
                return action
            }
            switch action {
            case .hand(let request): hand(invocation, to: request)
            case .wait: break
            case .refuse: continuation.resume(returning: InvocationResult(outcome: .notStarted, duration: .zero))
            }
        }
    }

    func hand(_ invocation: Invocation, to request: RuntimeRequest) {
        let handedAt = clock.monotonicMicroseconds
        let timeout = invocation.timeout
        let deadline = clock.now + timeout
        let due = NIODeadline.now() + .microseconds(timeout.wholeMicroseconds)
        state.withLockedValue { state in
            state.running?.handedAt = handedAt
            state.running?.deadline = due
            setAlarm(at: due, &state)
        }
        var headers = [
            ("Lambda-Runtime-Aws-Request-Id", invocation.id),
            ("Lambda-Runtime-Deadline-Ms", String(deadline.milliseconds)),
            ("Lambda-Runtime-Invoked-Function-Arn", invocation.invokedARN.description),
            ("Lambda-Runtime-Trace-Id", invocation.traceHeader),
        ]
        tellExtensions(of: invocation, deadline: deadline)
        if let context = invocation.clientContext { headers.append(("Lambda-Runtime-Client-Context", context)) }
        if let tenant = key.tenantID { headers.append(("Lambda-Runtime-Aws-Tenant-Id", tenant)) }
        request.answer(status: .ok, headers: headers, body: invocation.payload)
    }

    /// Rings at `due` or before.
    private func setAlarm(at due: NIODeadline, _ state: inout EnvironmentState) {
        if let alarm = state.alarm {
            guard due < alarm.at else { return }
            alarm.scheduled.cancel()
        }
        state.alarm = (due, eventLoop.scheduleTask(deadline: due) { [weak self] in self?.alarmRang() })
    }

    private func alarmRang() {
        let overdue = state.withLockedValue { state -> Invocation? in
            state.alarm = nil
            guard let running = state.running, running.deadline < .distantFuture else { return nil }
            guard running.deadline <= .now() else {
                setAlarm(at: running.deadline, &state)
                return nil
            }
            return running.invocation
        }
        if let overdue { timedOut(overdue) }
    }

    /// Ends the running invocation, once; later endings find nothing.
    func finish(id: String, _ outcome: InvocationResult.Outcome) {
        let now = clock.monotonicMicroseconds
        let running = state.withLockedValue { state -> EnvironmentState.Running? in
            guard state.running?.invocation.id == id else { return nil }
            defer { state.running = nil }
            return state.running
        }
        guard let running else { return }
        let handedAt = running.handedAt ?? now
        running.finish.resume(
            returning: InvocationResult(
                outcome: outcome,
                duration: .microseconds(now - handedAt),
                latency: running.invocation.relay?.received.firstAt.map { .microseconds($0 - handedAt) }
            )
        )
    }

    /// The answer waits until the sandbox is gone: `run` sees the end and finishes the invocation.
    private func timedOut(_ invocation: Invocation) {
        let isCurrent = state.withLockedValue { state in
            guard state.running?.invocation.id == invocation.id else { return false }
            state.running?.isOverdue = true
            state.isDoomed = true
            return true
        }
        guard isCurrent else { return }
        supervisor.submit { [self] in
            // The last reading, for the REPORT line.
            _ = await maxMemoryMiB(limitMiB: .max)
            await shutDown(.timeout)
        }
    }
}
