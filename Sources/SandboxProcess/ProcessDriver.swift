// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
package import Logging
package import Sandbox

/// Ordinary processes, for hosts that allow nothing else. Must be asked for by name. See `SandboxDriver`.
///
/// Nothing is mounted: paths in the command, the working directory and the environment that lie below a mount's
/// target are rewritten to its source, `/tmp` to a private directory, which `TMPDIR`, `TEMP` and `TMP` name, and addresses
/// of listeners to the ports that the kernel chose. A path that stands in a program's own text stays what it is.
package struct ProcessDriver: SandboxDriver {
    package let name = "process"
    package let mountsLate = false
    package let guarantee = """
        NO ISOLATION. Functions run as the server's own user, see the host's processes and reach its whole network, the server \
        included; a hostile function owns what this user owns. Only for code that you would run in your own shell. Landlock \
        keeps honest mistakes out of other files where the kernel has it; memory, process and CPU limits hold only where there \
        are cgroups. Nothing is mounted: package, layers and temporary files lie where the variables say, not at /var/task, \
        /opt and /tmp, and the size of the directory for temporary files is not limited.
        """

    private let jailer: Jailer

    /// `jailerCommand` is the martlet executable, which is its own jailer. `scratchDirectory` exists; in it each
    /// sandbox has a directory that stands for `/tmp` and is removed with it.
    package init(
        jailerCommand: [String] = Jailer.ownExecutable,
        scratchDirectory: String = "/tmp",
        logger: Logger = Logger(label: "martlet.sandbox")
    ) {
        let options = JailerOptions(isPlain: true, scratch: scratchDirectory, allowMissingCgroups: true)
        jailer = Jailer(command: jailerCommand, options: options, logger: logger)
    }

    package func examineHost() async -> [HostCheck] {
        let needed = ["kernel", "seccomp"]
        let checks = await jailer.examineHost().filter {
            needed.contains($0.item) || ["cgroups", "landlock"].contains($0.item)
        }
        let softened = checks.map { check in
            needed.contains(check.item) || check.result != .missing
                ? check : HostCheck(check.item, .degraded, check.detail)
        }
        return softened + [HostCheck("isolation", .degraded, "none: functions run as the server's user")]
    }

    package func start(_ specification: SandboxSpecification) async throws -> any Sandbox {
        guard specification.root == .host else {
            throw SandboxError(
                .hostLacks,
                "The process driver cannot run functions from images; use the namespace driver"
            )
        }
        try Self.checkSources(of: specification)
        return try await jailer.start(specification)
    }

    /// Nothing is mounted, so nobody else notices that something is missing. What is no path is the jailer's to refuse.
    private static func checkSources(of specification: SandboxSpecification) throws(SandboxError) {
        for mount in specification.mounts where mount.source.hasPrefix("/") && access(mount.source, F_OK) != 0 {
            throw SandboxError(
                .cannotMount(target: mount.target),
                "The sandbox cannot be made as specified: show \(mount.source) for \(mount.target): \(SystemError.text(of: errno))"
            )
        }
    }

    package func shutDown() async { await jailer.shutDown() }
}
