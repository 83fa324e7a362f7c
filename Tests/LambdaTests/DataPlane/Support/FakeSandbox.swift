// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import NIOConcurrencyHelpers
import Sandbox

@testable import Lambda

/// A process that ends when the test says so.
final class FakeProcess: SandboxCompanion {
    private let state = NIOLockedValueBox<(exit: SandboxExit?, waiters: [CheckedContinuation<SandboxExit, Never>])>(
        (nil, [])
    )

    /// Nil while it runs.
    var exit: SandboxExit? { state.withLockedValue { $0.exit } }

    func takeOutput() -> LinuxSystem.FileDescriptor? { nil }

    /// Of several ends the first counts.
    func end(_ exit: SandboxExit) {
        let (exit, waiters) = state.withLockedValue { state in
            let first = state.exit ?? exit
            state.exit = first
            defer { state.waiters = [] }
            return (first, state.waiters)
        }
        for waiter in waiters { waiter.resume(returning: exit) }
    }

    func waitForExit() async -> SandboxExit {
        await withCheckedContinuation { continuation in
            let exit = state.withLockedValue { state in
                if state.exit == nil { state.waiters.append(continuation) }
                return state.exit
            }
            if let exit { continuation.resume(returning: exit) }
        }
    }
}

/// A sandbox with nothing in it. What a test does not care about does nothing.
protocol FakeSandbox: Sandbox {
    var process: FakeProcess { get }
}

extension FakeSandbox {
    func takeListeners() -> [LinuxSystem.FileDescriptor] { [] }
    func takeOutput() -> LinuxSystem.FileDescriptor? { nil }
    func claim(_ claim: SandboxClaim) async throws {}
    func setCPUShare(_ share: CPUShare?) async throws {}
    func freeze() async throws {}
    func thaw() async throws {}
    func usage() async throws -> SandboxUsage { SandboxUsage(memoryPeakBytes: 0, memoryBytes: 0, cpuMicroseconds: 0) }
    func kill() async { process.end(.killed) }
    func waitForExit() async -> SandboxExit { await process.waitForExit() }
}

extension OutputPoller {
    /// A poller's thread lives as long as the process: one for all tests.
    static let ofTests: OutputPoller = {
        do { return try OutputPoller() } catch { preconditionFailure("no epoll on this host: \(error)") }
    }()
}
