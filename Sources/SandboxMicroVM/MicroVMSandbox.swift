// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Sandbox
internal import Synchronization

/// A sandbox inside a guest inside a machine inside a sandbox: its function's end is told by the jailer in the guest, and
/// everything that must hold against the guest is done to the machine from outside.
final class MicroVMSandbox: Sandbox {
    private struct State {
        var listeners: [FileDescriptor]
        var killWasAsked = false
        var isFrozen = false
        var hasEnded = false
        var lastUsage = SandboxUsage(memoryPeakBytes: 0, memoryBytes: 0, cpuMicroseconds: 0)
    }

    let id: SandboxID
    let listenerPorts: [UInt16]
    /// The monitor's, and of the program beside it.
    private let machine: any Sandbox
    /// The function's, in the guest.
    private let inner: any Sandbox
    private let line: GuestLine
    private let state: Mutex<State>
    private let life: Task<SandboxExit, Never>

    /// Takes the listeners. `onEnd` is called once, when everything is gone.
    init(
        machine: any Sandbox,
        inner: any Sandbox,
        line: GuestLine,
        listeners: [FileDescriptor],
        onEnd: @escaping @Sendable (SandboxID) -> Void
    ) {
        id = machine.id
        listenerPorts = inner.listenerPorts
        self.machine = machine
        self.inner = inner
        self.line = line
        state = Mutex(State(listeners: listeners))
        let id = machine.id
        life = Task {
            let exit = await inner.waitForExit()
            let wasLost = line.hasEnded && exit == .signalled(SIGKILL)
            await machine.kill()
            onEnd(id)
            return wasLost ? await machine.waitForExit() : exit
        }
    }

    deinit { takeListeners().closeAll() }

    func takeListeners() -> [FileDescriptor] {
        state.withLock { state in
            defer { state.listeners = [] }
            return state.listeners
        }
    }

    func takeOutput() -> FileDescriptor? { inner.takeOutput() }

    /// The machine's: what the guest wants outside, the program beside it connects to.
    func takeEgress() -> SandboxEgress? { machine.takeEgress() }

    func claim(_ claim: SandboxClaim) async throws {
        throw SandboxError(.badSpecification, "The sandbox does not await a claim")
    }

    func setCPUShare(_ share: CPUShare?) async throws { try await machine.setCPUShare(share) }

    func freeze() async throws {
        try await machine.freeze()
        state.withLock { $0.isFrozen = true }
    }

    func thaw() async throws {
        try await machine.thaw()
        state.withLock { $0.isFrozen = false }
    }

    /// As the guest's kernel counts it. Of a frozen or ended one, what was last read.
    func usage() async throws -> SandboxUsage {
        if state.withLock({ $0.isFrozen }) { return state.withLock { $0.lastUsage } }
        let usage = try await inner.usage()
        return state.withLock { state in
            let last = state.lastUsage
            state.lastUsage = SandboxUsage(
                memoryPeakBytes: max(usage.memoryPeakBytes, last.memoryPeakBytes),
                memoryBytes: usage.memoryBytes,
                cpuMicroseconds: max(usage.cpuMicroseconds, last.cpuMicroseconds)
            )
            return state.lastUsage
        }
    }

    func startCompanion(_ companion: CompanionSpecification) async throws -> any SandboxCompanion {
        try await inner.startCompanion(companion)
    }

    func connectInside(to port: UInt16) async throws -> FileDescriptor { try await inner.connectInside(to: port) }

    func terminate(byForce: Bool) async throws { try await inner.terminate(byForce: byForce) }

    /// From here on, the machine's end is told as `killed`.
    func willBeKilled() { state.withLock { $0.killWasAsked = true } }

    func kill() async {
        willBeKilled()
        await machine.kill()
        _ = await life.value
    }

    func waitForExit() async -> SandboxExit {
        let exit = await life.value
        // Machines are always ended from here; who did not ask for it is told what it means to the function.
        switch exit {
        case .killed where state.withLock({ $0.killWasAsked }): return .killed
        case .killed: return .signalled(SIGKILL)
        default: return exit
        }
    }
}
