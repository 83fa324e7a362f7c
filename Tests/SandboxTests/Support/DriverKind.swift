// SPDX-License-Identifier: Apache-2.0
import Glibc
import Sandbox
import SandboxMicroVM
import SandboxNamespaces
import SandboxProcess
import Synchronization
import Testing

/// The ways in which this host can be asked for sandboxes.
enum DriverKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case namespace
    /// With cgroups of version 1, on hosts that have both.
    case namespaceOnCgroups1
    /// The jailer of an ordinary user.
    case rootless
    case process
    /// Each of its sandboxes is a machine that boots, here mostly in an emulator: only where MARTLET_TEST_MICROVM=all asks
    /// for it. `MicroVMTests` are there always.
    case microvm

    var testDescription: String { rawValue }
    var isolates: Bool { self != .process }
    /// Whether memory, process and CPU limits hold. The rootless jailer of these tests has no delegated cgroup.
    var limits: Bool { self != .rootless }

    func makeDriver() -> any SandboxDriver {
        switch self {
        case .namespace: return NamespaceDriver(jailerCommand: jailerCommand)
        case .namespaceOnCgroups1:
            return NamespaceDriver(jailerCommand: jailerCommand, avoidUnifiedCgroups: true)
        case .rootless:
            return NamespaceDriver(jailerCommand: ordinaryUsersJailer, allowMissingCgroups: true)
        case .microvm: return MicroVMDriver(TestMachines.options, jailerCommand: jailerCommand)
        case .process: return ProcessDriver(jailerCommand: jailerCommand, scratchDirectory: "/tmp")
        }
    }

    /// Runs `body` with a driver, and shuts it down.
    func withDriver<Result>(_ body: (any SandboxDriver) async throws -> Result) async throws -> Result {
        await Gate.shared.enter()
        defer { Gate.shared.leave() }
        let driver = makeDriver()
        do {
            let result = try await body(driver)
            await driver.shutDown()
            return result
        } catch {
            await driver.shutDown()
            throw error
        }
    }

    static func usable() async -> [DriverKind] { await found.value }
    static func isolating() async -> [DriverKind] { await found.value.filter(\.isolates) }
    /// Those that take snapshots and start others from them.
    static func restoring() async -> [DriverKind] { await found.value.filter { $0.makeDriver().restores } }
    static func restoringAndLimiting() async -> [DriverKind] { await restoring().filter(\.limits) }
    // What a machine cannot do is refused before it is started, by name: see `MachinePlanTests` and docs/microvm.md.
    /// Those whose sandboxes can await a claim.
    static func claiming() async -> [DriverKind] { await isolating().filter { $0 != .microvm } }
    /// Those that can give a sandbox the host's network.
    static func sharingNetwork() async -> [DriverKind] { await isolating().filter { $0 != .microvm } }
    /// Those that can give a sandbox a way out.
    static func lettingOut() async -> [DriverKind] { await isolating() }
    /// Those that can mount what functions write.
    static func mountingWritable() async -> [DriverKind] { await isolating().filter { $0 != .microvm } }
    static func limiting() async -> [DriverKind] { await found.value.filter(\.limits) }
    static func isolatingAndLimiting() async -> [DriverKind] { await found.value.filter { $0.isolates && $0.limits } }

    /// Those that this host allows; the others say why not.
    private static let found = Task { () -> [DriverKind] in
        var usable: [DriverKind] = []
        for kind in allCases where kind == .microvm ? TestMachines.areAllWanted : !TestMachines.areAloneWanted {
            do {
                let exit = try await kind.withDriver { driver async throws in
                    try await driver.start(specification(["/bin/sh", "-c", "exit 0"])).waitForExit()
                }
                guard exit == .exited(status: 0) else { throw SandboxError(.failed, "a trial ended with \(exit)") }
                usable.append(kind)
            } catch {
                print("SKIPPED: sandbox tests with the \(kind) driver: \(error)")
            }
        }
        return usable
    }
}

/// Lets a few tests at a time start processes: all together they would measure the machine, not the sandbox.
final class Gate: Sendable {
    static let shared = Gate(places: 4)
    private let state: Mutex<(places: Int, waiting: [CheckedContinuation<Void, Never>])>

    init(places: Int) { state = Mutex((places, [])) }

    func enter() async {
        await withCheckedContinuation { continuation in
            let mayEnter = state.withLock { state in
                guard state.places > 0 else {
                    state.waiting.append(continuation)
                    return false
                }
                state.places -= 1
                return true
            }
            if mayEnter { continuation.resume() }
        }
    }

    func leave() {
        state.withLock { state in
            if state.waiting.isEmpty { state.places += 1 }
            return state.waiting.isEmpty ? nil : state.waiting.removeFirst()
        }?.resume()
    }
}

/// The martlet executable, which lies beside the test bundle.
let jailerPath: String = {
    if let path = getenv("MARTLET_TEST_JAILER") { return String(cString: path) }
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/martlet"
}()

let jailerCommand = [jailerPath]

/// Only root can become somebody else; an ordinary user is one already.
private let ordinaryUsersJailer =
    geteuid() == 0
    ? [
        "/usr/bin/setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "/bin/bash", "-c",
        "exec -a martlet-jailer \"$0\"", jailerPath,
    ]
    : jailerCommand

let python = "/usr/bin/python3"
