// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers
import Sandbox
import Synchronization

extension ExecutionEnvironment {
    /// AWS's limits of the shutdown phase, and the runtime's share of it.
    private static let internalLimit: Duration = .milliseconds(500)
    private static let externalLimit: Duration = .milliseconds(2_000)
    private static let runtimeLimit: Duration = .milliseconds(600)
    private static let telemetryLimit: Duration = .milliseconds(300)

    /// Ends the sandbox, at once or, with extensions, after the shutdown phase. A second call waits for the first.
    func shutDown(_ reason: ShutdownReason) async {
        guard isExtended.load(ordering: .relaxed) else { return await sandbox.kill() }
        let (ending, isFirst, hasExternal) = extensions.withLockedValue { state in
            let ending = state.ending ?? Latch()
            defer {
                state.ending = ending
                state.session.beginEnding()
            }
            return (ending, state.ending == nil, state.session.members.contains(where: \.isExternal))
        }
        guard isFirst else {
            _ = await ending.wait(atMost: Self.externalLimit * 2, on: eventLoop)
            return
        }
        // A frozen one could do nothing; thawing one that is not changes nothing, and one that has ended needs nothing.
        try? await thaw()
        if hasExternal {
            await endExternally(reason)
        } else if reason == .spindown {
            try? await sandbox.terminate(byForce: false)
            _ = await runtimeGone.wait(atMost: Self.internalLimit, on: eventLoop)
        }
        await sandbox.kill()
        ending.open()
    }

    /// First the runtime, then the extensions that want to know, all within the limit.
    private func endExternally(_ reason: ShutdownReason) async {
        let began = clock.monotonicMicroseconds
        let deadline = clock.now + Self.externalLimit
        if reason == .spindown {
            try? await sandbox.terminate(byForce: false)
            _ = await runtimeGone.wait(atMost: Self.runtimeLimit, on: eventLoop)
        }
        try? await sandbox.terminate(byForce: true)
        await log.telemetry.drain(within: Self.telemetryLimit)
        dispatch(.shutdown(reason, deadlineMilliseconds: deadline.milliseconds))
        guard extensions.withLockedValue({ $0.session.awaitsShutdown }) else { return }
        let spent = Duration.microseconds(clock.monotonicMicroseconds - began)
        _ = await extensionsGone.wait(atMost: Self.externalLimit - spent, on: eventLoop)
    }

    /// As `stop`, but only begins the shutdown phase where there is one.
    func dismiss() async {
        guard isExtended.load(ordering: .relaxed) else { return await stop() }
        supervisor.submit { [self] in await stop() }
    }

    func freeze() async throws {
        log.telemetry.pause()
        try await sandbox.freeze()
    }

    func thaw() async throws {
        try await sandbox.thaw()
        log.telemetry.resume()
    }
}
