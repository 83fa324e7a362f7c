// SPDX-License-Identifier: Apache-2.0
package import Logging
package import Sandbox

/// Linux namespaces, a private root, no capabilities, a seccomp filter and cgroups: the default. See `SandboxDriver`.
package struct NamespaceDriver: SandboxDriver {
    package let name = "namespace"
    package let mountsLate = true
    package let guarantee = """
        Functions see their own files, processes and network only, have no privileges and cannot exceed their limits; they \
        share the host's kernel, so a flaw in the kernel can break the wall.
        """

    private let jailer: Jailer

    /// `jailerCommand` is the martlet executable, which is its own jailer. `allowMissingCgroups` runs functions
    /// without memory, process and CPU limits on a host that gives no cgroups, instead of refusing;
    /// `avoidUnifiedCgroups` leaves cgroup version 2 alone where the host has version 1 too.
    package init(
        jailerCommand: [String] = Jailer.ownExecutable,
        allowMissingCgroups: Bool = false,
        avoidUnifiedCgroups: Bool = false,
        logger: Logger = Logger(label: "martlet.sandbox")
    ) {
        let options = JailerOptions(
            isPlain: false,
            allowMissingCgroups: allowMissingCgroups,
            avoidUnifiedCgroups: avoidUnifiedCgroups
        )
        jailer = Jailer(command: jailerCommand, options: options, logger: logger)
    }

    package func examineHost() async -> [HostCheck] {
        let checks = await jailer.examineHost()
        guard checks.allSatisfy({ $0.result != .missing }) else { return checks }
        return checks + [await trial(), await snapshotTrial()]
    }

    package func start(_ specification: SandboxSpecification) async throws -> any Sandbox {
        try await jailer.start(specification)
    }

    /// Processors differ in what a process's registers are; whether the kernel helps is seen by trying.
    package var restores: Bool {
        #if arch(x86_64)
        true
        #else
        false
        #endif
    }

    package func restore(
        _ snapshot: any SandboxSnapshot,
        _ specification: SandboxSpecification
    ) async throws -> any Sandbox {
        try await jailer.restore(snapshot, specification)
    }

    package func openSnapshot(at folder: String) async -> (any SandboxSnapshot)? {
        jailer.openSnapshot(at: folder)
    }

    package func shutDown() async { await jailer.shutDown() }

    /// A process that is snapshot and goes on in another sandbox.
    private func snapshotTrial() async -> HostCheck {
        guard restores else { return HostCheck("snapshots", .degraded, "not on this processor") }
        do {
            let sandbox = try await jailer.tryRestoring()
            await sandbox.kill()
            return HostCheck("snapshots", .present, "a trial sandbox has been restored")
        } catch {
            return HostCheck("snapshots", .degraded, "\(error)")
        }
    }

    /// The whole of it, once: a sandbox that prints nothing and ends.
    private func trial() async -> HostCheck {
        guard let id = SandboxID("doctor-trial") else { return HostCheck("sandbox", .missing, "no id") }
        do {
            let sandbox = try await start(SandboxSpecification(id: id, command: ["/bin/sh", "-c", "exit 0"]))
            let exit = await sandbox.waitForExit()
            guard exit == .exited(status: 0) else {
                return HostCheck("sandbox", .missing, "a trial sandbox ended with \(exit)")
            }
            return HostCheck("sandbox", .present, "a trial sandbox has run")
        } catch {
            return HostCheck("sandbox", .missing, "\(error)")
        }
    }
}
