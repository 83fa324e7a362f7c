// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Synchronization

/// A process that a jailer has started beside the first one of a sandbox.
final class JailedCompanion: SandboxCompanion, JailedLife {
    private struct State {
        var output: FileDescriptor?
        var exit: SandboxExit?
        var waiters: [CheckedContinuation<SandboxExit, Never>] = []
    }

    private let state: Mutex<State>

    init(output: FileDescriptor) { state = Mutex(State(output: output)) }

    deinit { takeOutput()?.close() }

    func takeOutput() -> FileDescriptor? {
        state.withLock { state in
            defer { state.output = nil }
            return state.output
        }
    }

    func waitForExit() async -> SandboxExit {
        await withCheckedContinuation { continuation in
            let exit = state.withLock { state in
                if state.exit == nil { state.waiters.append(continuation) }
                return state.exit
            }
            if let exit { continuation.resume(returning: exit) }
        }
    }

    /// It is killed with its sandbox only.
    func willBeKilled() -> Bool { state.withLock { $0.exit == nil } }

    func firstEnded(_ notice: JailerExit) {}

    func ended(_ notice: JailerExit) {
        let exit = JailedSandbox.meaning(of: notice, killWasAsked: false)
        let waiters = state.withLock { state in
            state.exit = exit
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: exit) }
    }
}

extension JailedSandbox {
    func startCompanion(_ companion: CompanionSpecification) async throws -> any SandboxCompanion {
        let seen = view?.applied(to: companion) ?? companion
        try seen.checkForJailer()
        var writer = JailerWriter()
        writer.u64(handle)
        writer.string(seen.workingDirectory)
        writer.list(seen.command) { $0.string($1) }
        writer.list(seen.environment) { $0.string("\($1.key)=\($1.value)") }
        writer.mounts(mounts)
        let answer = try await client.call(.companion, writer.bytes)
        var contents = try answer.contents()
        let companionHandle = contents.u64()
        guard let output = answer.descriptors.first, !contents.isBroken else {
            answer.descriptors.closeAll()
            throw SandboxError(.failed, "The jailer's answer cannot be read")
        }
        let started = JailedCompanion(output: output)
        client.register(started, handle: companionHandle)
        return started
    }

    func connectInside(to port: UInt16) async throws -> FileDescriptor {
        let socket = try await socketInside()
        do {
            try client.finish(socket, to: port)
            return socket
        } catch {
            socket.close()
            throw SandboxError(jailer: error)
        }
    }

    private func socketInside() async throws -> FileDescriptor {
        do {
            if view != nil { return try FileDescriptor.tcpSocket() }
            let answer = try await client.call(.dial, handleBody)
            if let socket = answer.descriptors.first { return socket }
        } catch {
            throw SandboxError(jailer: error)
        }
        throw SandboxError(.failed, "The jailer's answer cannot be read")
    }

    func terminate(byForce: Bool) async throws {
        var writer = JailerWriter()
        writer.u64(handle)
        writer.u32(byForce ? 1 : 0)
        _ = try await call(.terminate, writer.bytes)
    }
}

extension CompanionSpecification {
    /// A companion is checked as its sandbox is.
    func checkForJailer() throws(SandboxError) {
        guard let id = SandboxID("companion") else { return }
        try SandboxSpecification(
            id: id,
            command: command,
            environment: environment,
            workingDirectory: workingDirectory
        ).checkForJailer()
    }
}
