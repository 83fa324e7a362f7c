// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Synchronization

/// An exit notice.
struct JailerExit: Sendable {
    var isExited: Bool
    /// Exit status or signal.
    var number: Int32
    var outOfMemoryKills: UInt32
    var usage: SandboxUsage

    /// The jailer itself has ended, and taken its sandboxes along.
    static let lost = JailerExit(
        isExited: false,
        number: 9,
        outOfMemoryKills: 0,
        usage: SandboxUsage(memoryPeakBytes: 0, memoryBytes: 0, cpuMicroseconds: 0)
    )

    static func read(_ body: [UInt8]) -> (handle: UInt64, exit: JailerExit)? {
        var reader = JailerReader(body)
        let handle = reader.u64()
        let isExited = reader.u32() == JailerNumber.exited
        let number = Int32(bitPattern: reader.u32())
        let kills = reader.u32()
        let peak = Int(clamping: reader.u64())
        let cpu = Int(clamping: reader.u64())
        guard !reader.isBroken else { return nil }
        let usage = SandboxUsage(memoryPeakBytes: peak, memoryBytes: 0, cpuMicroseconds: cpu)
        return (handle, JailerExit(isExited: isExited, number: number, outOfMemoryKills: kills, usage: usage))
    }
}

/// What the jailer tells the end of.
protocol JailedLife: AnyObject, Sendable {
    /// From here on, an end by SIGKILL is told as `killed`. False when it has ended before.
    @discardableResult func willBeKilled() -> Bool
    /// The first process has ended, the companions have not.
    func firstEnded(_ notice: JailerExit)
    /// All is gone. Called once, by the client's thread.
    func ended(_ notice: JailerExit)
}

/// A sandbox that a jailer has made: of the namespace driver, and of the process driver.
final class JailedSandbox: Sandbox, JailedLife {
    private struct State {
        var output: FileDescriptor?
        var listeners: [FileDescriptor]
        var egress: SandboxEgress?
        var claimLine: ClaimLine?
        var killWasAsked = false
        var exit: SandboxExit?
        var lastUsage: SandboxUsage?
        var waiters: [CheckedContinuation<SandboxExit, Never>] = []
        var isGone = false
        var goneWaiters: [CheckedContinuation<Void, Never>] = []
    }

    let id: SandboxID
    let listenerPorts: [UInt16]
    let client: JailerClient
    let handle: UInt64
    let view: SharedView?
    /// What the processes of a plain sandbox may see, for its companions.
    let mounts: [SandboxMount]
    private let state: Mutex<State>
    /// The kernel's file with the peak of memory use; owned.
    private let memoryPeak: FileDescriptor?

    init(
        _ specification: SandboxSpecification,
        client: JailerClient,
        handle: UInt64,
        output: FileDescriptor,
        listeners: [FileDescriptor],
        egress: SandboxEgress? = nil,
        claimLine: FileDescriptor? = nil,
        memoryPeak: FileDescriptor? = nil,
        view: SharedView?
    ) {
        id = specification.id
        listenerPorts = view?.ports ?? specification.listeners.map(\.port)
        self.client = client
        self.handle = handle
        self.view = view
        self.memoryPeak = memoryPeak
        mounts = client.isPlain ? specification.mounts : []
        state = Mutex(
            State(output: output, listeners: listeners, egress: egress, claimLine: claimLine.map(ClaimLine.init))
        )
    }

    deinit {
        takeOutput()?.close()
        takeListeners().closeAll()
        takeEgress()?.close()
        takeClaimLine()?.close()
        memoryPeak?.close()
    }

    var memoryPeakBytes: Int? { memoryPeak?.readNumber() }

    private func takeClaimLine() -> ClaimLine? {
        state.withLock { state in
            defer { state.claimLine = nil }
            return state.claimLine
        }
    }

    func takeListeners() -> [FileDescriptor] {
        state.withLock { state in
            defer { state.listeners = [] }
            return state.listeners
        }
    }

    func takeEgress() -> SandboxEgress? {
        state.withLock { state in
            defer { state.egress = nil }
            return state.egress
        }
    }

    func takeOutput() -> FileDescriptor? {
        state.withLock { state in
            defer { state.output = nil }
            return state.output
        }
    }

    func visiblePath(_ path: String) -> String { view?.path(path) ?? path }

    func claim(_ claim: SandboxClaim) async throws {
        var writer = JailerWriter()
        writer.u64(handle)
        writer.limits(claim.limits)
        writer.mounts(claim.mounts)
        guard let line = state.withLock({ $0.claimLine }), !line.isUsed else {
            throw SandboxError(.badSpecification, "The sandbox does not await a claim")
        }
        state.withLock { $0.claimLine?.isUsed = true }
        _ = try await call(.claim, writer.bytes, mounts: claim.mounts)
        do {
            try line.say(claim.word)
        } catch {
            throw SandboxError(.ended, "The sandbox cannot be told its claim: \(error)")
        }
        switch claim.word {
        // It may have a failure to tell.
        case .command, .snapshot: return
        case .silence, .text: takeClaimLine()?.close()
        }
    }

    func setCPUShare(_ share: CPUShare?) async throws {
        var writer = JailerWriter()
        writer.u64(handle)
        writer.u32(share.quotaMicroseconds)
        _ = try await call(.cpu, writer.bytes)
    }

    func freeze() async throws { _ = try await call(.freeze, handleBody) }
    func thaw() async throws { _ = try await call(.thaw, handleBody) }

    func usage() async throws -> SandboxUsage {
        if let last = state.withLock({ $0.lastUsage }) { return last }
        do {
            var contents = try await call(.usage, handleBody).contents()
            let peak = Int(clamping: contents.u64())
            let now = Int(clamping: contents.u64())
            return SandboxUsage(memoryPeakBytes: peak, memoryBytes: now, cpuMicroseconds: Int(clamping: contents.u64()))
        } catch {
            // It may have ended meanwhile, and then the notice is on its way.
            guard let error = error as? SandboxError, error.code == .ended else { throw SandboxError(jailer: error) }
            await waitUntilGone()
            return state.withLock { $0.lastUsage } ?? JailerExit.lost.usage
        }
    }

    /// From here on, an end by SIGKILL is told as `killed`. False when it has ended before.
    @discardableResult func willBeKilled() -> Bool {
        state.withLock { state in
            if state.exit == nil { state.killWasAsked = true }
            return !state.isGone
        }
    }

    func kill() async {
        guard willBeKilled() else { return }
        // Fails only when the sandbox, or the jailer with all of them, is ending anyway; the notice tells when.
        _ = try? await client.call(.kill, handleBody)
        await waitUntilGone()
    }

    private func waitUntilGone() async {
        await withCheckedContinuation { continuation in
            let isGone = state.withLock { state in
                if !state.isGone { state.goneWaiters.append(continuation) }
                return state.isGone
            }
            if isGone { continuation.resume() }
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

    func firstEnded(_ notice: JailerExit) { told(notice, isGone: false) }
    func ended(_ notice: JailerExit) { told(notice, isGone: true) }

    private func told(_ notice: JailerExit, isGone: Bool) {
        let line = takeClaimLine()
        let (exit, waiters, goneWaiters) = state.withLock { state in
            var exit = state.exit ?? JailedSandbox.meaning(of: notice, killWasAsked: state.killWasAsked)
            if let failure = line?.failure { exit = .notExecuted(failure) }
            state.exit = exit
            state.isGone = isGone
            if isGone { state.lastUsage = notice.usage }
            defer {
                state.waiters = []
                if isGone { state.goneWaiters = [] }
            }
            return (exit, state.waiters, isGone ? state.goneWaiters : [])
        }
        line?.close()
        for waiter in waiters { waiter.resume(returning: exit) }
        for waiter in goneWaiters { waiter.resume() }
    }

    /// A process that was killed for memory takes the first one along, or makes it fail; one that the first has
    /// outlived well is the function's own matter.
    static func meaning(of notice: JailerExit, killWasAsked: Bool) -> SandboxExit {
        let isFailure = !notice.isExited || notice.number != 0
        if notice.outOfMemoryKills > 0 && isFailure { return .outOfMemory }
        if notice.isExited { return .exited(status: notice.number) }
        return killWasAsked && notice.number == 9 ? .killed : .signalled(notice.number)
    }

    func call(
        _ operation: JailerOperation,
        _ body: [UInt8],
        mounts: [SandboxMount] = []
    ) async throws -> JailerMessage {
        let message = try await client.call(operation, body, mounts: mounts)
        message.descriptors.closeAll()
        return message
    }

    var handleBody: [UInt8] {
        var writer = JailerWriter()
        writer.u64(handle)
        return writer.bytes
    }
}
